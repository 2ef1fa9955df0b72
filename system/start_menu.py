"""An entry in the menu of applications that runs a command: Windows' start menu, or a desktop of Linux."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if sys.platform == "win32":
    from system.windows.start_menu import add, entry
elif sys.platform == "darwin":
    from system.posix.no_start_menu import add, entry
else:
    from system.posix.desktop_entry import add, entry

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NAME", "add", "entry", "remove"]

NAME = "Frontburner"
DESCRIPTION = "Bring the render farm up, and open its page"


def remove() -> None:
    """Remove the entry, if there is one."""
    entry(NAME).unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    """Add or remove the entry of Frontburner."""
    parser = argparse.ArgumentParser(prog="python -m system.start_menu", description=__doc__)
    parser.add_argument("action", choices=["add", "remove"])
    parser.add_argument("program", nargs="?", default="", help="the program frontburner")
    options = parser.parse_args(arguments)
    if options.action == "remove":
        remove()
    else:
        add(NAME, DESCRIPTION, (options.program, "farm", "open"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
