"""Entries of Windows' start menu: shortcuts in a folder of the user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

assert sys.platform == "win32"

from win32com.client import Dispatch
from win32comext.shell import shell, shellcon


def add(name: str, description: str, command: Sequence[str]) -> Path:
    """Make a shortcut, and return its file. The command's window stays open when it fails, so that it can be read."""
    path = entry(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    shortcut = Dispatch("WScript.Shell").CreateShortcut(str(path))
    shortcut.TargetPath = os.environ["COMSPEC"]
    shortcut.Arguments = f'/c "{subprocess.list2cmdline(command)} || pause"'
    shortcut.WorkingDirectory = str(Path.home())
    shortcut.IconLocation = f"{command[0]},0"
    shortcut.Description = description
    shortcut.Save()
    return path


def entry(name: str) -> Path:
    """Return the file of an entry."""
    return Path(shell.SHGetFolderPath(0, shellcon.CSIDL_PROGRAMS, 0, 0)) / f"{name}.lnk"
