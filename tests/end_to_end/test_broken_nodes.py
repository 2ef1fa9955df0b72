"""A node whose Blender or POV-Ray is broken, on a farm that renders a job: it says why, and draws nothing."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from storage.images import decode_exr
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.end_to_end.test_sharing import nodes, running_farm
from tests.renderers.breaking import cut_off, half_a_library, script

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.conftest import Studio

    Break = Callable[[Path], dict[str, str]]

SCENES = Path(__file__).parents[1] / "renderers" / "scenes"
POVRAY = shutil.which("povray")
try:
    BPY: importlib.metadata.Distribution | None = importlib.metadata.distribution("bpy")
except importlib.metadata.PackageNotFoundError:
    BPY = None


def no_colours(folder: Path) -> dict[str, str]:
    """Blender's module without the table it turns light into colours by: it renders, and says so on its log only."""
    return _module(folder, lambda at: (at / "bpy" / "5.0" / "datafiles" / "colormanagement" / "config.ocio").unlink())


def half_a_module(folder: Path) -> dict[str, str]:
    """Blender's module as a copy that was broken off leaves it."""
    return _module(folder, lambda at: cut_off(at / "bpy" / "__init__.so"))


def _module(folder: Path, harm: Callable[[Path], object]) -> dict[str, str]:
    assert BPY is not None
    for part in ("bpy", f"bpy-{BPY.version}.dist-info"):
        shutil.copytree(Path(str(BPY.locate_file(part))), folder / part, copy_function=os.link)
    harm(folder)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path, "FRONTBURNER_BLENDER": ""}  # and no other Blender


def other_scene(folder: Path) -> dict[str, str]:
    """A POV-Ray that renders something else, whatever it is asked for."""
    black = folder / "black.pov"
    folder.mkdir(parents=True, exist_ok=True)
    black.write_text("#version 3.7;\n")
    return _program(folder, f'exec {POVRAY} "$@" +I{black}')


def _program(folder: Path, line: str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    return {"FRONTBURNER_POVRAY": str(script(folder / "povray", line + "\n"))}


needs_blender = pytest.mark.skipif(BPY is None, reason="there is no bpy here: make env-renderers")
needs_povray = pytest.mark.skipif(POVRAY is None, reason="there is no POV-Ray here: make env-renderers")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("renderer", "scene", "harm", "truth"),
    [
        pytest.param("blender", "room.blend", no_colours, "the file config.ocio of bpy is ", marks=needs_blender),
        pytest.param("blender", "room.blend", half_a_module, "the file __init__.so of bpy was ", marks=needs_blender),
        pytest.param("povray", "room.pov", half_a_library, "libpng16.so.16 is cut off: ", marks=needs_povray),
        pytest.param("povray", "room.pov", other_scene, "its picture is wrong", marks=needs_povray),
    ],
)
def test_a_node_with_a_broken_renderer_says_why_and_draws_nothing(
    studio: Studio, renderer: str, scene: str, harm: Break, truth: str, tmp_path: Path
) -> None:
    job = (SCENES / scene, "--size", "48x36", "--samples", 4, "--out", studio.folder / "out")
    broken = {**harm(tmp_path / "broken"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with running_farm(studio, 1) as address:
        node = studio.start("node", "start", "--scheduler", address, "--name", "bad", "--threads", 1, **broken)
        bad = until(lambda: (found := nodes(studio).get("bad", {})).get("problems") and found)
        report = studio.render(*job, FRONTBURNER_SCHEDULER=address)
        node.send_signal(signal.SIGTERM)
        node.communicate(timeout=TIMEOUT_S)
    (said,) = [problem for problem in bad["problems"] if renderer in problem.lower() or "bpy" in problem]
    assert truth in said
    assert renderer not in bad["renders"]
    assert {name for name, one in report["per_node"].items() if one["units"]} == {"node-1"}
    alone = studio.render(*job[:-1], studio.folder / "alone", "--nodes", 1)
    drawn, right = (_picture(one) for one in (report, alone))
    np.testing.assert_array_equal(drawn, right)


def _picture(report: dict[str, object]) -> np.ndarray:
    outputs = report["outputs"]
    assert isinstance(outputs, list)
    return decode_exr(Path(next(path for path in outputs if path.endswith(".exr"))).read_bytes())[0]
