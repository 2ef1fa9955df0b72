"""A Windows machine is one: nothing of this machine is seen on it, and nothing of it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.windows.machine import WindowsMachine

pytestmark = pytest.mark.slow  # `make test-windows` runs it

LOOK = """
import os, sys
import frontburner
print(sys.platform, os.getcwd(), os.path.dirname(frontburner.__file__))
print(*[f"{letter}:" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if os.path.exists(f"{letter}:/")])
print(*[name for name in ("/proc", "/usr", "/tmp", "/etc/passwd") if os.path.exists(name)])
"""


def test_it_has_windows_python_and_this_tree_on_its_only_drive(windows: WindowsMachine) -> None:
    looked = windows.run("-c", LOOK)
    assert looked.stdout.splitlines() == [r"win32 C:\frontburner C:\frontburner\frontburner", "C:", ""]


def test_the_command_line_starts(windows: WindowsMachine) -> None:
    shown = windows.run("-m", "frontburner.cli", "--version")
    assert shown.returncode == 0
    assert shown.stdout.startswith("frontburner ")


def test_each_machine_has_a_drive_of_its_own(
    new_windows: Callable[..., WindowsMachine], windows: WindowsMachine
) -> None:
    other = new_windows()
    (windows.drive / "mine.txt").write_text("mine")
    assert not (other.drive / "mine.txt").exists()
    assert other.run("-c", r"open(r'C:\mine.txt')").returncode == 1
