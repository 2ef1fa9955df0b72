"""Files and folders that only their owner may open, from the moment they exist."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from system.windows.private_files import create_private, make_private_folder
else:
    from system.posix.private_files import create_private, make_private_folder

__all__ = ["create_private", "make_private_folder"]
