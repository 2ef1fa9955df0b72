"""What a system says of the last key or movement of the mouse."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LastInput:
    """The last input of a person, as far as it can be seen.

    Parameters
    ----------
    age_s
        Seconds since then; None if there is nothing that would tell.
    seen_by
        What told, in a few words, such as "the screen :0".
    blind
        Why input may go unseen: a sentence; empty if all is seen.
    """

    age_s: float | None = None
    seen_by: tuple[str, ...] = ()
    blind: str = ""

    def __str__(self) -> str:
        return self.blind or f"keys and mouse are seen by {', '.join(self.seen_by) or 'nothing: nobody sits at it'}"
