"""Blender files with a setting each, Blender's own pictures of them, and ours, made as a job makes them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO

from frontburner.jobs.job import make_job
from frontburner.jobs.layout import Layout, lay_out
from frontburner.jobs.scenes import scene_query
from storage.objects import open_store
from tasks.picture.frame_output import finish
from tasks.renderers import renderer
from tasks.scene.frame_scenes import inspect_frames, with_manifest
from tests.end_to_end.conftest import TIMEOUT_S
from tests.picture.tiles import tile_of
from tests.renderers.conftest import SCENES, Bench

if TYPE_CHECKING:
    import numpy.typing as npt
    import pytest

SCRIPT = SCENES / "make_settings.py"


Files = Callable[[str], tuple[Bench, Path]]
"""The bench of a Blender, and the folder of the files it made."""


def files_of(benches: Callable[[str], Bench], folders: pytest.TempPathFactory, kind: str) -> Files:
    """Have each bench's Blender make the files of a kind, once and only when they are asked for."""
    made: dict[str, Path] = {}

    def files(blender: str) -> tuple[Bench, Path]:
        bench = benches(blender)
        if blender not in made:
            made[blender] = _make(bench, kind, folders.mktemp(blender))
        return bench, made[blender]

    return files


def _make(bench: Bench, kind: str, folder: Path) -> Path:
    """Have the bench's Blender make the files of a kind; returns their folder."""
    program = os.environ.get("FRONTBURNER_BLENDER") or "blender"
    installed = (program, "--background", "--factory-startup", "-noaudio", "--python-exit-code", "1", "--python")
    command = [sys.executable, SCRIPT] if bench.kind == "bpy" else [*installed, SCRIPT, "--"]
    done = subprocess.run(
        [*map(str, command), str(folder), kind], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def laid_out(bench: Bench, scene: Path, **fields: Any) -> Layout:
    """The layout of a job of this scene."""
    job = make_job({"scene": str(scene), "exr": "float", **fields})
    query = scene_query(job, bench.frame.build)
    infos = bench.process.call(inspect_frames, query)
    return lay_out(
        job,
        build=query.build,
        capabilities=renderer(query.renderer).capabilities(query.build),
        scenes=with_manifest(query, infos).frames,
        infos=infos,
    )


def ours(bench: Bench, scene: Path, folder: Path, **fields: Any) -> Path:
    """Render a scene as a job does; returns the folder of its files."""
    layout = laid_out(bench, scene, **fields)
    (order,) = layout.orders.values()
    rendered = replace(bench, frame=order.frame)
    tiles = [
        tile_of(order.frame, order.region, samples, rendered.render(samples=(samples.start, samples.stop)).sums)
        for samples in order.passes
    ]
    finish(tiles, order, open_store(str(folder)), {})
    return folder


def values(path: Path) -> npt.NDArray[Any]:
    """The values of a picture file as they are stored."""
    source = OpenImageIO.ImageInput.open(str(path), opened_unassociated())
    assert source is not None, path
    pixels = np.asarray(source.read_image(format=OpenImageIO.UNKNOWN))
    source.close()
    return pixels


def opened_unassociated() -> OpenImageIO.ImageSpec:
    """What keeps OpenImageIO from multiplying by alpha."""
    config = OpenImageIO.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    return config


def attribute(path: Path, name: str) -> Any:
    source = OpenImageIO.ImageInput.open(str(path))
    assert source is not None, path
    found = source.spec().getattribute(name)
    source.close()
    return found


def largest_difference(path: Path, other: Path) -> float:
    """In steps of the files' numbers of bits; an opaque picture may lack its alpha."""
    a, b = (values(each).astype(np.float64) for each in (path, other))
    channels = min(a.shape[2], b.shape[2])
    if channels < 4:
        assert all((each[..., 3:] == each[..., 3:].max(initial=0)).all() for each in (a, b)), "one alpha is missing"
    return float(np.abs(a[..., :channels] - b[..., :channels]).max())
