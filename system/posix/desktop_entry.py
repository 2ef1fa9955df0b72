"""Entries of the applications' menu on Linux, by freedesktop's Desktop Entry Specification."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENTRY = """[Desktop Entry]
Type=Application
Version=1.5
Name={name}
Comment={description}
Exec={command}
Terminal=true
Categories=Graphics;3DGraphics;
"""
_QUOTED = re.compile(r'(["`$\\])')


def add(name: str, description: str, command: Sequence[str]) -> Path:
    """Write an entry, and return its file. The command runs in a terminal, where it shows what it does."""
    path = entry(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    words = " ".join(_quoted(word) for word in command)
    path.write_text(_ENTRY.format(name=name, description=description, command=words), encoding="utf-8")
    return path


def entry(name: str) -> Path:
    """Return the file of an entry."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "applications" / f"{name.lower()}.desktop"


def _quoted(word: str) -> str:
    """Return a word in quotes, then escaped once more, as all values of a desktop entry are."""
    return '"' + _QUOTED.sub(r"\\\1", word).replace("\\", "\\\\").replace("%", "%%") + '"'
