"""A job of several nodes is rendered by what macOS has, and its pictures are equal to those of Linux."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from system.machine import platform_name
from tests.end_to_end.test_pictures import pixels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

pytestmark = pytest.mark.skipif(not platform_name().startswith("macos"), reason="make test-macos runs it")

LOOK = """
import os, psutil, system.machine
from system.machine import cores, platform_name, io_bytes
print(platform_name().partition("-")[0], cores() == os.cpu_count(), io_bytes(psutil.Process()))
print(hasattr(os, "sched_getaffinity"), hasattr(psutil.Process, "cpu_affinity"))
print(system.machine.waits_for_disk(os.getpid()))
"""


def test_a_mac_has_nothing_of_linux(mac: Studio) -> None:
    with mac.launch([sys.executable, "-c", LOOK]) as python:
        said, _ = python.communicate()
    assert said.split() == ["macos", "True", "0", "False", "False", "False"]


def test_a_job_is_rendered_as_on_linux(mac: Studio, linux: Studio, null_scene: Callable[..., Path]) -> None:
    scene = null_scene(size="64x48", samples=4)
    for machine, out in ((linux, "linux"), (mac, "mac")):
        machine.render(scene, "--frames", "1-3", "--nodes", 2, "--exr", "float", "--out", machine.folder / out)
    for frame in range(1, 4):
        name = f"null.{frame:04}.exr"
        np.testing.assert_array_equal(pixels(mac.folder / "mac" / name), pixels(linux.folder / "linux" / name))
    assert mac.processes() == []
