"""Parts of a still are small pictures of what its units hold, and cost no unit anything when they can't be kept."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from storage.errors import StoreError
from storage.local import LocalStore
from storage.objects import open_store
from storage.view import View
from tasks.job_context import PreviewSettings
from tasks.picture.still_parts import PICTURE_PX, delete_parts, part_key, write_part
from tasks.spec import FrameSpec, Region, SampleRange, Size, Tile, UnitRecord, UnitSpec

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "_frontburner/jobs/j/parts"
GREAT = Size(width=4 * PICTURE_PX, height=400)
REGION = Region(x0=0, y0=0, x1=PICTURE_PX, y1=200)


def unit(size: Size, region: Region) -> UnitSpec:
    frame = FrameSpec(
        renderer="null", build="1", scene="s", scene_digest="d", frame=1, size=size, samples=8, seed=0
    )  # fmt: skip
    return UnitSpec(frame=frame, region=region, samples=SampleRange(start=0, stop=4))


def tile(spec: UnitSpec, light: float) -> Tile:
    sums = np.full((spec.region.height, spec.region.width, 4), light * spec.samples.count, np.float32)
    record = UnitRecord(
        unit="u", node="n", build="1", isa="x", started_s=0, wall_s=1, cpu_s=1, load_s=0, peak_memory_bytes=1
    )
    return Tile(region=spec.region, samples=spec.samples, channels=("R", "G", "B", "A"), sums=sums, record=record)


def showing(size: Size, **how: object) -> PreviewSettings:
    return PreviewSettings(**{"folder": FOLDER, "region": size.whole, "view": View.SRGB, "exposure_stops": 0.0, **how})  # type: ignore[arg-type]


@pytest.mark.parametrize(("stops", "level"), [(0.0, 137), (2.0, 255)])
def test_a_part_is_as_small_as_its_picture_and_as_bright(tmp_path: Path, stops: float, level: int) -> None:
    store, spec = open_store(str(tmp_path)), unit(GREAT, REGION)
    write_part(tile(spec, 0.25), spec, showing(GREAT, exposure_stops=stops), store)
    with Image.open(io.BytesIO(store.read(part_key(FOLDER, spec.place)))) as image:
        assert image.size == (PICTURE_PX // 4, 50)
        assert abs(image.convert("RGB").getpixel((9, 9))[0] - level) <= 1  # type: ignore[index]


def test_a_store_that_is_away_goes_without(tmp_path: Path) -> None:
    store, spec = open_store(str(tmp_path)), unit(GREAT, REGION)
    away = StoreError(reason="It is away.", remedy="Wait.", url=store.url, retryable=True)
    with patch.object(LocalStore, "write", side_effect=away):
        write_part(tile(spec, 0.25), spec, showing(GREAT), store)


def test_parts_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    store, spec = open_store(str(tmp_path)), unit(GREAT, REGION)
    write_part(tile(spec, 0.25), spec, showing(GREAT), store)
    store.write("_frontburner/jobs/j/wish.json", b"1")
    delete_parts(FOLDER, store)
    assert list(store.list()) == ["_frontburner/jobs/j/wish.json"]
