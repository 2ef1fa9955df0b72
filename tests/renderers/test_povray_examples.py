"""Sample scenes that come with POV-Ray: in regions they are, bit for bit, what its own command renders whole."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import NodeNotReady
from tasks.renderers import renderer
from tasks.renderers.program.picture import read
from tasks.spec import FrameSpec, Region, SampleRange, Size, UnitSpec
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    import numpy.typing as npt

EXAMPLES = Path("/usr/share/doc/povray/examples")
SIZE = Size(width=64, height=48)
SCENES = {
    "advanced/glasschess/glasschess.pov": 1,
    "advanced/landscape.pov": 1,
    "advanced/pawns.pov": 4,
    "advanced/teapot/teapot.pov": 4,
    "advanced/crater/crater.pov": 4,
    "camera/focalblur.pov": 1,
    "camera/mesh_camera/ess/persp-camera.pov": 9,
    "camera/normal.pov": 4,
    "incdemo/circletext.pov": 4,
    "incdemo/metals/golds.pov": 4,
    "incdemo/shapes2.pov": 4,
    "incdemo/sundial.pov": 9,
    "incdemo/woods/bubinga_37.pov": 4,
    "interior/fog_f.pov": 4,
    "interior/media/hollow1.pov": 4,
    "interior/media/media2.pov": 1,
    "language/arrays/array2.pov": 4,
    "language/macros/macro2.pov": 4,
    "language/splinefunction.pov": 4,
    "lights/projected_through.pov": 4,
    "lights/spotlite.pov": 9,
    "objectmods/no_reflection.pov": 4,
    "objects/blob.pov": 9,
    "objects/chesmsh.pov": 4,
    "objects/csg/hfclip.pov": 4,
    "objects/isosurfaces.pov": 4,
    "objects/quartic/helix.pov": 1,
    "textures/normals/slopemap.pov": 4,
    "textures/pigments/matmap.pov": 4,
    "textures/pigments/transmitfx.pov": 4,
}
"""Samples a pixel for each scene."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EXAMPLES.is_dir(), reason="Debian's povray-examples are not installed"),
]


def regions(number: int) -> list[Region]:
    """Three regions that cover the picture, cut elsewhere for each scene."""
    edges = [0, 5 + 7 * number % 25, 34 + 11 * number % 27, SIZE.width]
    return [Region(x0=x0, y0=0, x1=x1, y1=SIZE.height) for x0, x1 in pairwise(edges)][:2] + [
        Region(x0=edges[2], y0=y0, x1=SIZE.width, y1=y1) for y0, y1 in pairwise([0, 9 + 5 * number % 30, SIZE.height])
    ]


def own_command(scene: Path, samples: int, output: Path) -> npt.NDArray[np.float32]:
    """What POV-Ray's own command renders, in the scene's folder and with its installation's own options."""
    grid = ["-A"] if samples == 1 else ["+A0.0", "+AM1", f"+R{round(samples**0.5)}", "-J"]
    size = [f"+W{SIZE.width}", f"+H{SIZE.height}"]
    command = ["povray", f"+I{scene.name}", f"+O{output}", "+FE", "-D", "+WT1", *size, *grid]
    program = os.environ.get("FRONTBURNER_POVRAY", command[0])
    subprocess.run([program, *command[1:]], cwd=scene.parent, capture_output=True, check=True, timeout=TIMEOUT_S)
    return read(output, "POV-Ray")


@pytest.mark.parametrize("name", SCENES)
def test_regions_are_what_its_own_command_renders(name: str, tmp_path: Path) -> None:
    scene, samples, adapter = EXAMPLES / name, SCENES[name], renderer("povray")
    try:
        (build,) = adapter.builds()
    except NodeNotReady as error:
        pytest.skip(str(error))
    info = adapter.inspect(scene, build=build, frame=1, parameters=())
    assert not info.whole_frames_because
    frame = FrameSpec(
        renderer="povray", build=build, scene=str(scene), scene_digest=info.digest, frame=1, size=SIZE, samples=samples
    )  # fmt: skip
    session, parts = adapter.open(frame, threads=1), regions(list(SCENES).index(name))
    span = SampleRange(start=0, stop=samples)
    with ThreadPoolExecutor(max_workers=1 + len(parts)) as pool:  # it waits more than it works
        whole = pool.submit(own_command, scene, samples, tmp_path / "whole.exr")
        units = [UnitSpec(frame=frame, region=part, samples=span, timeout_s=60) for part in parts]
        rendered = list(pool.map(session.render, units))
    together = np.full((SIZE.height, SIZE.width, 4), np.nan, np.float32)
    for part, pixels in zip(parts, rendered, strict=True):
        together[part.y0 : part.y1, part.x0 : part.x1] = pixels.sums
    np.testing.assert_array_equal(together[..., :3], whole.result() * np.float32(samples))
    assert (together[..., 3] == samples).all()
    assert together[..., :3].std() > 0, "there is something in the picture"
