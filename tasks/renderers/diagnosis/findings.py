"""What a diagnosis comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Why something doesn't work.

    Parameters
    ----------
    cause
        The cause as a clause, without a full stop: "the library libXi.so.6 is missing".
    remedy
        What to do about it, a sentence; empty where only the renderer's adapter can say.
    passes
        Whether it may be over without anything being installed, so that it is no lasting verdict.
    """

    cause: str
    remedy: str = ""
    passes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a process ended.

    Parameters
    ----------
    code
        Its exit code, negative for a signal; None if it was ended by us.
    said
        All it printed.
    still
        Whether it was ended since it did nothing for long.
    after_s
        Seconds it ran.
    """

    code: int | None
    said: str = ""
    still: bool = False
    after_s: float = 0.0
