"""Starting with the machine: by systemd on Linux, launchd on macOS, and Task Scheduler on Windows."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from system.windows.task_scheduler import MANAGER, definition, install, place, state, uninstall
elif sys.platform == "darwin":
    from system.posix.launchd import MANAGER, definition, install, place, state, uninstall
else:
    from system.posix.systemd import MANAGER, definition, install, place, state, uninstall

__all__ = ["MANAGER", "definition", "install", "place", "state", "uninstall"]
