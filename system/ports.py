"""Ports of this machine: whether a program can listen on one, and one that nobody else gets."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from system.windows.ports import bind, reserved_port
else:
    from system.posix.ports import bind, reserved_port

__all__ = ["bind", "reserved_port"]
