"""``python -m benchmarks.blender_tiles``: time of a tile while the scene stays open, and by a new Blender process.

Writes ``build/blender_tiles.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.node.renderer_process import RendererProcess
from tasks.renderers import renderer
from tasks.spec import FrameSpec, Region, SampleRange, Size, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "blender_tiles.json"
SCENE = ROOT / "scenes" / "interior.blend"
SIZE, SAMPLES, SIDE = Size(width=320, height=180), 4, 40


def tiles(count: int) -> list[Region]:
    """Return small tiles from all over the picture."""
    columns = SIZE.width // SIDE
    corners = [(n * 3 % columns * SIDE, n % (SIZE.height // SIDE) * SIDE) for n in range(count)]
    return [Region(x0=x, y0=y, x1=x + SIDE, y1=y + SIDE) for x, y in corners]


def one_process(regions: list[Region], logs: Path) -> Iterator[float]:
    """Yield the seconds of each tile in one renderer process, as on nodes: the first tile opens the scene."""
    with RendererProcess(node="bench", threads=2, logs=logs) as process:
        adapter = renderer("blender")
        build = process.call(adapter.builds)[0]
        yield from _rendered(process, build, regions)


def _rendered(process: RendererProcess, build: str, regions: list[Region]) -> Iterator[float]:
    with RendererProcess(node="bench", threads=2, logs=process.logs) as other:
        inspect = partial(renderer("blender").inspect, SCENE, build=build, frame=1, parameters=())
        digest = other.call(inspect).digest
    frame = FrameSpec(
        renderer="blender", build=build, scene=str(SCENE), scene_digest=digest, frame=1, size=SIZE, samples=SAMPLES
    )
    for region in regions:
        began_s = time.perf_counter()
        process.render(UnitSpec(frame=frame, region=region, samples=SampleRange(start=0, stop=SAMPLES)))
        yield time.perf_counter() - began_s


_SCRIPT = """
import sys, bpy
scene, out, x0, x1, y0, y1, width, height, samples = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=scene, load_ui=False)
render, cycles = bpy.context.scene.render, bpy.context.scene.cycles
render.resolution_x, render.resolution_y, cycles.samples = int(width), int(height), int(samples)
render.use_border = render.use_crop_to_border = True
render.border_min_x, render.border_max_x = int(x0) / int(width), int(x1) / int(width)
render.border_min_y, render.border_max_y = int(y0) / int(height), int(y1) / int(height)
render.threads_mode, render.threads, render.filepath = "FIXED", 2, out
render.image_settings.file_format = "OPEN_EXR"
bpy.ops.render.render(write_still=True)
"""


def new_processes(regions: list[Region], folder: Path) -> Iterator[float]:
    """Yield the seconds of each tile by a new Blender of the same version: it opens the scene, renders and writes."""
    for tile in regions:
        numbers = (tile.x0, tile.x1, tile.y0, tile.y1, SIZE.width, SIZE.height, SAMPLES)
        command = [sys.executable, "-c", _SCRIPT, str(SCENE), str(folder / "tile.exr"), *map(str, numbers)]
        began_s = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        yield time.perf_counter() - began_s


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=8)
    regions = tiles(parser.parse_args().tiles)
    with tempfile.TemporaryDirectory() as folder:
        first, *later = one_process(regions, Path(folder))
        later_s, fresh_s = statistics.median(later), statistics.median(new_processes(regions, Path(folder)))
    figures = {
        "first_s": first,
        "later_s": later_s,
        "fresh_s": fresh_s,
        "later_to_first": later_s / first,
        "later_to_fresh": later_s / fresh_s,
    }
    figures = {name: round(value, 3) for name, value in figures.items()}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
