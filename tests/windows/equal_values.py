"""Values that are the same on every system, as JSON: `python -m tests.windows.equal_values FOLDER`.

They are what digests are made of, what is found by them in stores, and the pixels of renderers that nothing compiles.
"""

from __future__ import annotations

import hashlib
import json
import locale
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from frontburner.jobs.job import make_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.scenes import frame_scenes
from storage.images import decode_exr, encode_exr, encode_png
from storage.view import View
from tasks.picture.frame_output import PictureOrder
from tasks.picture.stitch import stitch
from tasks.renderers import renderer
from tasks.renderers.scene_files import scene_digest
from tasks.scene.manifest import Manifest, SceneFile
from tasks.spec import Region, SampleRange, Tile, UnitRecord, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from frontburner.jobs.layout import Layout
    from tasks.picture.stitch import Picture

SCENES = {
    "Küche.json": b'{"size": "64x36", "samples": 8,\r\n "files": ["maps/Holz.bin", "maps/stra\xc3\x9fe/b.bin"]}\r\n',
    "ball.specimen": b'{"width": 96, "height": 54, "samples": 8, "colour": [0.1, 0.7, 0.3]}\n',
    "ball.keys.yaml": "frames: 1-3\nparameters:\n  höhe: {1: 0, 3: 1}\n  eye: {1: 0.1, 2: 0.7, 3: -1e-7}\n".encode(),
    "shot.vrscene": b'#include "parts\\lights.vrscene"\r\n'
    b"SettingsOutput out {\r\n  img_width=64;\r\n  img_height=36;\r\n}\r\n"
    b'BitmapBuffer wood {\r\n  file="maps\\Holz.bin";\r\n}\r\n',
    "parts/lights.vrscene": b'BitmapBuffer sky {\n  file="../maps/stra\xc3\x9fe/b.bin";\n}\n',
    "room.max": b"\xd0\xcf\x11\xe0",
    "maps/Holz.bin": bytes(range(256)),
    "maps/straße/b.bin": b"\r\n\x1a\n",
}
"""Umlauts, backslashes and both kinds of line ends, as files have them that were made on Windows."""
REGIONS = [Region(x0=0, y0=0, x1=40, y1=36), Region(x0=40, y0=0, x1=64, y1=36)]


def main(folder: Path) -> None:
    """Print all of them, and how text is read here, which may differ."""
    for name, data in SCENES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    print(json.dumps({"encoding": locale.getpreferredencoding(), "values": dict(_values(folder))}))


def _values(folder: Path) -> Iterator[tuple[str, Any]]:
    for name in SCENES:
        if Path(name).suffix in (".json", ".specimen", ".vrscene", ".max") and "/" not in name:
            yield from _of_scene(folder / name)
    files = [folder / "maps" / "Holz.bin", folder / "maps" / "straße" / "b.bin"]
    yield "digest of named files", scene_digest(folder / "Küche.json", files)
    made = [SceneFile(path=path, size_bytes=12, sha256="a" * 64) for path in ("/s/küche.xml", "C:\\s\\küche.xml")]
    yield "manifest", Manifest(common=tuple(made), own=((2, (made[0],)),)).digest
    job = make_job({"scene": "C:\\shots\\küche.xml", "name": "Küche", "parameters": "höhe=1", "renderer_build": "win"})
    yield "job", job.job_id


def _of_scene(scene: Path) -> Iterator[tuple[str, Any]]:
    job = make_job({"scene": str(scene), "size": "64x36", "formats": "exr,png"})
    build, scenes = "1 build", frame_scenes(job)
    infos = {
        each.frame: renderer(job.renderer_name).inspect(Path(each.path), build=build, frame=each.frame, parameters=())
        for each in scenes
    }
    able = renderer(job.renderer_name).capabilities(build)
    layout = lay_out(job, build=build, capabilities=able, scenes=scenes, infos=infos)
    for number, frame in layout.frames.items():
        yield f"{scene.name} {number} scene", frame.scene_digest
        yield f"{scene.name} {number} parameters", frame.parameters
        yield f"{scene.name} {number} frame", frame.digest
        yield f"{scene.name} {number} unit", [unit.digest for unit in _units(layout, number)]
        order = layout.orders[number]
        yield (
            f"{scene.name} {number} picture",
            PictureOrder(
                frame=frame, region=order.region, passes=order.passes, keys=order.keys, encoding=order.encoding
            ).digest,
        )
        if job.renderer_name in ("null", "specimen"):
            yield from _pixels(layout, number, scene.name)


def _units(layout: Layout, number: int) -> list[UnitSpec]:
    frame = layout.frames[number]
    edges = sorted({0, frame.samples // 2, frame.samples})
    parts = [SampleRange(start=start, stop=stop) for start, stop in pairwise(edges)]
    return [UnitSpec(frame=frame, region=region, samples=samples) for region in REGIONS for samples in parts]


def _pixels(layout: Layout, number: int, name: str) -> Iterator[tuple[str, Any]]:
    """Render a frame in units, and make its files of them."""
    frame = layout.frames[number]
    session = renderer(frame.renderer).open(frame, threads=1)
    tiles = []
    for unit in _units(layout, number):
        pixels = session.render(unit)
        yield f"{name} {number} {unit.place}", _sha256(pixels.sums)
        tiles.append(Tile(
            region=unit.region, samples=unit.samples, channels=pixels.channels, sums=pixels.sums,
            record=UnitRecord(
                unit=unit.digest, node="here", build=frame.build, isa="", started_s=0.0, wall_s=0.0, cpu_s=0.0,
                load_s=0.0, peak_memory_bytes=0,
            ),
        ))  # fmt: skip
    picture = stitch(tiles, frame, region=frame.size.whole)
    yield f"{name} {number} stitched", _sha256(picture.pixels)
    yield from _files(picture, f"{name} {number}")


def _files(picture: Picture, name: str) -> Iterator[tuple[str, Any]]:
    exr = encode_exr(picture.pixels, picture.channels, half=True, metadata={})
    yield f"{name} EXR", _sha256(decode_exr(exr)[0])
    for view in (View.SRGB, View.ACES):
        png = encode_png(picture.pixels[..., :4], bits=8, view=view, exposure_stops=0.5)
        yield f"{name} PNG in {view.value}", hashlib.sha256(png).hexdigest()


def _sha256(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype.name} {array.shape} {hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
