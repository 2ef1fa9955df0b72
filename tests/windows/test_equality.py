"""What must be the same on every system is: digests, what is found by them, and pixels that nothing compiled makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.windows.machine import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.windows.machine import WindowsMachine

pytestmark = pytest.mark.slow  # `make test-windows` runs it


def test_values_on_windows_are_those_on_linux(windows: WindowsMachine, tmp_path: Path) -> None:
    # Windows' own encoding of text, which is what Python starts with unless it is told otherwise.
    there = windows.run("-X", "utf8=0", "-m", "tests.windows.equal_values", r"C:\values")
    here = subprocess.run(
        [sys.executable, "-m", "tests.windows.equal_values", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE,
        env=os.environ, check=True,
    )  # fmt: skip
    assert there.returncode == 0, there.stdout
    on_windows, on_linux = document(there.stdout), document(here.stdout.decode())
    assert on_windows["encoding"] == "cp1252"
    assert len(on_linux["values"]) > 50
    assert on_windows["values"] == on_linux["values"]


def document(output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found
