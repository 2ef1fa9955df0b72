"""Scenes that are dropped on the page of a real farm: rendered, shown, and removed once nobody needs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from storage.images import decode_exr
from tests.end_to_end.conftest import ROOT, TIMEOUT_S, Studio, prefect, studio
from tests.end_to_end.test_sharing import running_farm, scene
from tests.monitor.browser import WAIT_MS
from tests.monitor.test_farm import the_monitor
from tests.renderers.conftest import start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.monitor.browser import Visit

pytestmark = pytest.mark.slow

__all__ = ["prefect", "studio"]

ROOM = ROOT / "scenes" / "interior.blend"
MAKE = """
import sys, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
bpy.ops.file.pack_all()
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2] + "/packed.blend", compress=True)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add(size=1.5)
paint = bpy.data.materials.new("Paint")
paint.use_nodes = True
paint.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.8, 0.1, 0.05, 1)
bpy.context.object.data.materials.append(paint)
bpy.ops.export_scene.gltf(filepath=sys.argv[2] + "/cube.glb", export_format="GLB")
"""
ENDED = """() => /completed|frames failed|stopped by an error|couldn't start/.exec(
    document.querySelector('main').innerText)?.[0]"""
WHOLE = """() => { const shown = document.querySelector('.zoom img');
    return shown?.src.startsWith('blob:') && shown.naturalWidth > 0; }"""
SHOWN = """() => { const shown = document.querySelector('.zoom img'), c = document.createElement('canvas');
    [c.width, c.height] = [shown.naturalWidth, shown.naturalHeight];
    c.getContext('2d').drawImage(shown, 0, 0);
    return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; }"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with the sample room, all its textures in the one file, and a cube of another program's."""
    start("bpy", tmp_path).process.stop()  # skips where Blender's module doesn't work
    (folder := tmp_path / "made").mkdir()
    subprocess.run(
        [sys.executable, "-c", MAKE, str(ROOM), str(folder)], check=True, capture_output=True, timeout=TIMEOUT_S
    )
    return folder


def render(visit: Visit, out: Path, **fields: str) -> None:
    """Have what was dropped rendered as asked, and see its picture."""
    visit.page.locator("form.job-form").wait_for(timeout=WAIT_MS)
    for label, value in fields.items():
        visit.page.get_by_label(label).fill(value)
    visit.page.get_by_label("Pictures go to").fill(str(out))
    visit.press("Render")
    visit.page.wait_for_url("**/#/job/*", timeout=WAIT_MS)
    assert visit.page.wait_for_function(ENDED, timeout=WAIT_MS).json_value() == "completed"
    visit.page.wait_for_function(WHOLE)


def is_there_and_shown(visit: Visit, out: Path, name: str) -> None:
    """The picture is whole, not of one colour, and the very one that the page shows."""
    pixels = decode_exr((out / f"{name}.exr").read_bytes())[0]
    assert pixels.shape[:2] == (72, 128)
    assert np.isfinite(pixels).all()
    assert pixels[..., :3].mean(axis=2).std() > 0.02
    drawn = np.asarray(Image.open(out / f"{name}.png").convert("RGB"), np.int16)
    shown = np.array(visit.page.evaluate(SHOWN), np.int16).reshape(72, 128, 4)
    assert np.abs(drawn - shown[..., :3]).mean() < 1


def test_a_scene_is_rendered_and_pruned_when_it_is_not_needed(
    studio: Studio, prefect: dict[str, str], visit: Visit
) -> None:
    (shot := studio.folder / "shot").mkdir()
    ball, out, missed = scene(shot, "ball"), studio.folder / "out", list[str]()
    with running_farm(studio, 1) as address:
        farm: dict[str, Any] = {**prefect, "FRONTBURNER_SCHEDULER": address}
        with the_monitor(studio, **farm) as page:
            visit.page.on("response", lambda answer: missed.append(answer.url) if answer.status >= 400 else None)
            visit.go(page, "submit")
            visit.drop({"ball.json": ball.read_bytes()})
            render(visit, out, Samples="8")
    assert {path.name for path in out.glob("ball.*")} == {"ball.exr", "ball.png"}
    assert missed == []
    place = studio.home / "submitted"
    (kept,) = place.iterdir()
    assert (kept / "ball.json").read_bytes() == ball.read_bytes()
    size_bytes = sum(path.stat().st_size for path in kept.rglob("*"))
    assert f"{place}: deleted: nothing" in studio.run("store", "prune", "--older-than", "0.001s").stdout
    two_hours_ago = time.time() - 7200
    os.utime(kept, (two_hours_ago, two_hours_ago))
    assert f"{place}: deleted: nothing" in studio.run("store", "prune", "--older-than", "1h").stdout, (
        "it ended just now"
    )
    pruned = studio.run("store", "prune", "--older-than", "0.001s").stdout
    assert f"{place}: deleted: {size_bytes / 1e3:,.1f} kB of scenes" in pruned
    assert list(place.iterdir()) == []


def test_blenders_files_and_those_of_other_programs_are_rendered(
    studio: Studio, prefect: dict[str, str], visit: Visit, made: Path
) -> None:
    out = studio.folder / "out"
    with running_farm(studio, 1) as address:
        farm: dict[str, Any] = {**prefect, "FRONTBURNER_SCHEDULER": address}
        with the_monitor(studio, **farm) as page:
            visit.go(page, "submit")
            for file in (made / "packed.blend", made / "cube.glb"):
                visit.drop({file.name: file.read_bytes()})
                render(visit, out / file.stem, Size="128x72", Samples="4")
                is_there_and_shown(visit, out / file.stem, file.stem)
                visit.open("submit")
            visit.drop({ROOM.name: ROOM.read_bytes()})
            visit.page.get_by_text("interior.blend refers to files that don't exist").wait_for(timeout=WAIT_MS)
            visit.press("Drop another")
            shutil.copytree(ROOM.with_suffix(""), (room := studio.folder / "room") / "interior")
            shutil.copy(ROOM, room)
            visit.page.locator("[data-pick='folder']").set_input_files(str(room))
            render(visit, out / "room", Size="128x72", Samples="4")
            is_there_and_shown(visit, out / "room", "interior")
