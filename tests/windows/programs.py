"""Programs for Windows that are compiled for tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.windows.machine import WindowsMachine

COMPILER = "x86_64-w64-mingw32-gcc"
SOURCE = Path(__file__).with_name("stand_in.c")
MAX = r"C:\3ds Max 2025\3dsmaxcmd.exe"


def put_max(machine: WindowsMachine) -> None:
    """Put the stand-in for 3ds Max where `MAX` says, and one that lacks a DLL beside it: `lacking.exe`."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"there is no {COMPILER}: make env-windows installs it")
    folder = machine.drive / "3ds Max 2025"
    folder.mkdir()
    _compile(SOURCE, "-static", "-lshell32", to=folder / "3dsmaxcmd.exe")
    library, lacking = folder / "part.c", folder / "lacking.c"
    library.write_text("__declspec(dllexport) int part(void) { return 1; }\n")
    lacking.write_text("__declspec(dllimport) int part(void);\nint main(void) { return part(); }\n")
    _compile(library, "-shared", to=folder / "part.dll")
    _compile(lacking, str(folder / "part.dll"), to=folder / "lacking.exe")
    (folder / "part.dll").unlink()


def _compile(source: Path, *options: str, to: Path) -> None:
    subprocess.run([COMPILER, "-o", to, source, *options], check=True)
