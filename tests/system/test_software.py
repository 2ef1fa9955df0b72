"""Where programs are, and what a user of this system types."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from system.software import find, how_to_grant, how_to_install, of_system

if TYPE_CHECKING:
    from pathlib import Path


def test_programs_are_found_by_patterns_in_the_order_of_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Blender 4.2", "Blender 5.0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "blender.exe").touch()
    monkeypatch.setenv("PROGRAMS", str(tmp_path))
    pattern = "%PROGRAMS%" if sys.platform == "win32" else "$PROGRAMS"
    found = find(f"{pattern}/Blender*/blender.exe", "blender.exe", f"{tmp_path}/none*/blender")
    assert [path.parent.name for path in found] == ["Blender 4.2", "Blender 5.0"]


@pytest.mark.parametrize(
    ("platform", "installs", "grants"),
    [
        ("linux", "apt-get install llvm", "chmod a+rx"),
        ("darwin", "brew install llvm@19", "chmod a+rx"),
        ("win32", "winget install LLVM.LLVM", "icacls"),
    ],
)
def test_remedies_are_those_of_the_system(
    platform: str, installs: str, grants: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert how_to_install(apt="llvm", brew="llvm@19", winget="LLVM.LLVM") == installs
    assert how_to_grant(tmp_path, "ada", rights="rx").startswith(grants)
    assert of_system(linux="linux", macos="darwin", windows="win32") == platform
