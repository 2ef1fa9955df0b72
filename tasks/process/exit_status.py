"""How a process ended, in words."""

from __future__ import annotations

import signal


def exit_sentence(code: int | None) -> str:
    """Say how a process ended by its exit code (negative: the signal that ended it)."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
