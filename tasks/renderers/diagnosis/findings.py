"""The records of a diagnosis: how a program ended, and why."""

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
    transient
        Whether it may go away without anything being installed, so that the verdict isn't cached.
    """

    cause: str
    remedy: str = ""
    transient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramExit:
    """How a program ended.

    Parameters
    ----------
    code
        Its exit code, negative for a signal; None if it was ended by us.
    output
        All it printed.
    hung
        Whether it was ended because it hung.
    seconds
        How long it ran.
    """

    code: int | None
    output: str = ""
    hung: bool = False
    seconds: float = 0.0
