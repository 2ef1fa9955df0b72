"""How processes ask each other to end, or to try again: by signals, and on Windows by events."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from system.windows.signals import END, END_AT_ONCE, RETRY, end_interrupts, on_signal, signals_handled, stop
else:
    from system.posix.signals import END, END_AT_ONCE, RETRY, end_interrupts, on_signal, signals_handled, stop

__all__ = ["END", "END_AT_ONCE", "RETRY", "end_interrupts", "on_signal", "signals_handled", "stop"]
