"""Run tests with what Python has on macOS: `python -m tests.macos [arguments of pytest]`.

It can't show what macOS itself does differently: its file systems, Gatekeeper, launchd, Metal, and builds of libraries.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = Path(__file__).with_name("python")
TESTS = [
    "tests/system", "tests/storage", "tests/scene", "tests/node", "tests/tasks", "tests/renderers/test_program.py",
    "tests/macos",
]  # fmt: skip
"""What systems do differently: files, locks, processes and programs; and whole jobs."""

LEFT_OUT = {
    "tests/renderers/test_process.py::test_a_renderer_that_has_not_enough_memory_says_so": "only Linux limits memory",
    "tests/renderers/test_process.py::test_a_renderer_that_works_is_left_alone[read_slowly]": "reads aren't counted",
    "tests/system/test_software.py::test_remedies_are_those_of_the_system": "it changes the system that is told here",
    "tests/system/test_start_menu.py::test_a_desktop_entry": "desktop entries are those of Linux",
}
"""Tests that can't hold here, each with its reason."""


def as_on_macos() -> dict[str, str]:
    """Return an environment in which every Python has no more than on macOS."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(PYTHON), str(ROOT)])}


if __name__ == "__main__":
    chosen = sys.argv[1:]
    files = [] if any((ROOT / name.partition("::")[0]).exists() for name in chosen) else TESTS
    command = [sys.executable, "-m", "pytest", "-m", "not slow", *files, *chosen]
    command += [f"--deselect={name}" for name in LEFT_OUT]
    sys.exit(subprocess.run(command, cwd=ROOT, env=as_on_macos(), check=False).returncode)
