"""When somebody last used this machine: seconds since the last key or movement of the mouse."""

from __future__ import annotations

import sys

from system.last_input import LastInput

if sys.platform == "win32":
    from system.windows.idle import close, last_input
else:
    from system.posix.idle import close, last_input

__all__ = ["LastInput", "close", "last_input"]
