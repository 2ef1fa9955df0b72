"""Where programs are on this system, and what its users type to install something or to change a right."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

FOLDER_VARIABLES = (
    {"temporary folder": "TEMP", "home folder": "USERPROFILE"}
    if sys.platform == "win32"
    else {"temporary folder": "TMPDIR", "home folder": "HOME", "cache folder": "XDG_CACHE_HOME"}
)
"""Variables that name another folder instead of one of these."""


def find(*patterns: str) -> list[Path]:
    """Return the files that match patterns, for each in the order of their names.

    Parameters
    ----------
    patterns
        Absolute ones; they may begin with ``~`` or, on Windows, with a variable such as ``%ProgramFiles%``.
    """
    found = []
    for pattern in patterns:
        path = Path(os.path.expandvars(pattern)).expanduser()
        if path.is_absolute():
            found += sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    return [path for path in found if path.is_file()]


def of_system(*, linux: T, macos: T, windows: T) -> T:
    """Return what is said for this system."""
    return {"darwin": macos, "win32": windows}.get(sys.platform, linux)


def how_to_install(*, apt: str, brew: str, winget: str) -> str:
    """Return the command that installs a package; an empty name has none, nor has the system then."""
    return of_system(
        linux=f"apt-get install {apt}" if apt else "",
        macos=f"brew install {brew}" if brew else "",
        windows=f"winget install {winget}" if winget else "",
    )


def how_to_grant(path: Path, user: str, *, rights: str) -> str:
    """Return the command that gives somebody rights to a file: ``r`` or ``rx``."""
    return of_system(
        linux=f"chmod a+{rights} {path}",
        macos=f"chmod a+{rights} {path}",
        windows=f'icacls "{path}" /grant "{user}:({rights.upper()})"',
    )


def how_to_keep_private(path: Path) -> str:
    """Return the command that leaves a file to its owner alone."""
    return of_system(
        linux=f"chmod 600 {path}",
        macos=f"chmod 600 {path}",
        windows=f'icacls "{path}" /inheritance:r /grant:r "%USERNAME%:F"',
    )


def raises_limit(option: str) -> str:
    """Return what raises a limit on programs, in parentheses after a blank; empty where there are no limits."""
    return of_system(linux=f" (ulimit {option})", macos=f" (ulimit {option})", windows="")
