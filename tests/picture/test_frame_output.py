"""A frame's files are put in place whole, with a record that says they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from storage.errors import StoreError
from storage.image_files import read_image
from storage.images import decode_exr
from storage.objects import open_store
from storage.view import View
from tasks.errors import BadTile
from tasks.limits import EndedBy, Ending, Limits, Reached
from tasks.picture.finished_frames import find_finished
from tasks.picture.frame_output import (
    PREVIEW_PX,
    Encoding,
    PictureOrder,
    early_preview,
    finish,
)
from tasks.picture.noise import gather
from tasks.picture.noise import noise as noise_of
from tasks.picture.output_records import record_key
from tasks.picture.stitch import stitch
from tasks.spec import Region, Tile
from tests.picture.tiles import cropped, frame_of, noise, passes_of, tile_of

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

FRAME = frame_of()
WHOLE = FRAME.size.whole
PASSES = passes_of(0, 4, 16)
HOW = Encoding(exr_half=False, png_bits=8, view=View.SRGB, exposure_stops=0.0)
ORDER = PictureOrder(frame=FRAME, region=WHOLE, passes=PASSES, keys=("shots/room.exr", "shots/room.png"), encoding=HOW)


def tiles(region: Region = WHOLE) -> list[Tile]:
    return [tile_of(FRAME, region, s, cropped(noise(FRAME, seed=s.start), region, WHOLE)) for s in PASSES]


def test_files_are_in_place_and_hold_the_picture(store: ObjectStore) -> None:
    record = finish(tiles(), ORDER, store, {"job": "room"})
    assert tuple(record.files) == ORDER.keys
    for key, digest in record.files.items():
        assert hashlib.sha256(store.read(key)).hexdigest() == digest
    pixels, channels, facts = decode_exr(store.read("shots/room.exr"))
    assert pixels.tobytes() == stitch(tiles(), FRAME, region=WHOLE).pixels.tobytes()
    assert channels == FRAME.channels
    assert facts == {
        "job": "room", "scene_digest": FRAME.scene_digest, "frame": "1", "renderer": "mitsuba 3.9.1 scalar_rgb",
        "samples": "16", "seed": "0", "region": "0,0,24,16 of 24x16", "ended_by": "samples",
    }  # fmt: skip
    assert record.reached == Reached(samples_min=16, samples_mean=16, samples_max=16)
    shown, _ = read_image("png", store.read("shots/room.png"))
    assert shown.shape[:2] == (16, 24)


def test_a_denoised_picture_says_so_in_its_header(store: ObjectStore) -> None:
    finish(tiles(), replace(ORDER, denoise=True), store, {})
    assert decode_exr(store.read("shots/room.exr"))[2]["denoised"] == "yes"


def test_a_finished_frame_is_found_again(store: ObjectStore) -> None:
    assert find_finished(ORDER, store) is None
    record = finish(tiles(), ORDER, store, {})
    found = find_finished(ORDER, store)
    assert found is not None
    assert (found.frame, found.files, found.reached) == (1, record.files, record.reached)


@pytest.mark.parametrize("key", ORDER.keys)
def test_a_frame_whose_file_was_removed_is_not_finished(key: str, store: ObjectStore) -> None:
    finish(tiles(), ORDER, store, {})
    store.delete(key)
    assert find_finished(ORDER, store) is None
    finish(tiles(), ORDER, store, {})
    assert find_finished(ORDER, store) is not None


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "3", '{"files": 3}'])
def test_a_record_that_makes_no_sense_is_no_record(text: str, store: ObjectStore) -> None:
    finish(tiles(), ORDER, store, {})
    store.write(record_key(ORDER.keys[0]), text.encode())
    assert find_finished(ORDER, store) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(ORDER, encoding=replace(HOW, exr_half=True)),
        replace(ORDER, encoding=replace(HOW, png_bits=16)),
        replace(ORDER, encoding=replace(HOW, view=View.ACES)),
        replace(ORDER, encoding=replace(HOW, exposure_stops=1.0)),
        replace(ORDER, region=Region(x0=0, y0=0, x1=8, y1=8)),
        replace(ORDER, passes=PASSES[:1]),
        replace(ORDER, limits=Limits(noise=0.02)),
        replace(ORDER, limits=Limits(time_s=60)),
        replace(ORDER, frame=replace(FRAME, seed=1)),
    ],
)
def test_another_order_is_not_finished_by_this_one(other: PictureOrder, tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    finish(tiles(), ORDER, store, {})
    assert find_finished(other, store) is None
    finish(tiles(other.region), other, store, {})
    assert find_finished(other, store) is not None
    assert (find_finished(ORDER, store) is None) == (other.digest != ORDER.digest), "no picture passes for another's"


def test_equal_pixels_make_equal_files(tmp_path: Path) -> None:
    stores = [open_store(str(tmp_path / name)) for name in "ab"]
    records = [finish(some, ORDER, store, {}) for some, store in zip((tiles(), tiles()[::-1]), stores, strict=True)]
    assert records[0].files == records[1].files


def test_a_store_that_fails_between_two_files_leaves_no_half_file_and_no_record(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    (tmp_path / "shots" / "room.png").mkdir(parents=True)  # in the way of the second file
    with pytest.raises(StoreError):
        finish(tiles(), ORDER, store, {})
    assert find_finished(ORDER, store) is None
    assert decode_exr(store.read("shots/room.exr"))[1] == FRAME.channels
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"room.exr", "room.exr.json"}
    (tmp_path / "shots" / "room.png").rmdir()
    finish(tiles(), ORDER, store, {})
    assert find_finished(ORDER, store) is not None


def test_a_store_that_fails_leaves_the_files_that_were_there(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write("shots/room.exr", b"yesterday's")
    with pytest.raises(BadTile):
        finish(tiles()[:1], ORDER, store, {})
    broken = replace(ORDER, frame=replace(FRAME, samples=16))
    spoilt = [replace(tile, sums=tile.sums * np.float32("nan")) for tile in tiles()]
    with pytest.raises(StoreError, match="infinite or not numbers"):
        finish(spoilt, broken, store, {})
    assert store.read("shots/room.exr") == b"yesterday's"
    assert list(store.list("")) == ["shots/room.exr"]


def test_half_precision_is_for_colours_and_not_for_depth(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    order = replace(ORDER, encoding=replace(HOW, exr_half=True))
    finish(tiles(), order, store, {})
    pixels = decode_exr(store.read("shots/room.exr"))[0]
    exact = stitch(tiles(), FRAME, region=WHOLE).pixels
    np.testing.assert_array_equal(pixels[..., :4], exact[..., :4].astype(np.float16))
    np.testing.assert_array_equal(pixels[..., 4], exact[..., 4])


def test_a_region_is_a_picture_of_its_own_size(tmp_path: Path) -> None:
    store, part = open_store(str(tmp_path)), Region(x0=3, y0=4, x1=20, y1=9)
    finish(tiles(part), replace(ORDER, region=part), store, {})
    pixels, _, facts = decode_exr(store.read("shots/room.exr"))
    assert pixels.shape == (5, 17, 5)
    assert facts["region"] == "3,4,20,9 of 24x16"


def test_previews_are_small_pictures_for_eyes(tmp_path: Path) -> None:
    record = finish(tiles(), ORDER, open_store(str(tmp_path)), {})
    assert read_image("jpg", record.preview)[0].shape == (16, 24, 3)
    early, late = (early_preview(gather(None, some, WHOLE), ORDER) for some in (tiles()[:1], tiles()))
    assert read_image("jpg", early)[0].shape == (16, 24, 3)
    assert early != late == record.preview
    wide = frame_of(PREVIEW_PX * 2, 8, aovs=())
    moments = gather(None, [tile_of(wide, wide.size.whole, PASSES[0], noise(wide))], wide.size.whole)
    shown = early_preview(moments, replace(ORDER, frame=wide, region=wide.size.whole))
    assert read_image("jpg", shown)[0].shape == (4, PREVIEW_PX, 3)


def test_a_record_says_what_a_file_is(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    record = finish(tiles(), ORDER, store, {})
    for key, digest in record.files.items():
        assert record.reached is not None
        told = {"order": ORDER.digest, "sha256": digest, "reached": record.reached.document()}
        assert json.loads(store.read(record_key(key))) == told


def test_a_picture_that_ended_by_its_noise_has_the_passes_up_to_there(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    order = replace(ORDER, limits=Limits(noise=0.5))
    ending = Ending(by=EndedBy.NOISE, seconds=12.5, sample_stop=4)
    record = finish(tiles()[:2], replace(order, ending=ending), store, {})
    assert record.reached == Reached(samples_min=4, samples_mean=4, samples_max=4, seconds=12.5, ended_by=EndedBy.NOISE)
    pixels, _, facts = decode_exr(store.read("shots/room.exr"))
    assert pixels.tobytes() == stitch(tiles(), FRAME, region=WHOLE, passes=PASSES[:1]).pixels.tobytes()
    assert (facts["samples"], facts["ended_by"], facts["render_seconds"]) == ("4", "noise", "12.5")
    found = find_finished(order, store)
    assert found is not None, "the same job finds its picture, though it didn't know where it would end"
    assert found.reached == record.reached


def test_a_picture_that_ended_by_its_time_has_every_tile_there_is(tmp_path: Path) -> None:
    store, half = open_store(str(tmp_path)), Region(x0=0, y0=0, x1=12, y1=16)
    first, second = tiles()
    some = [first, replace(second, region=half, sums=cropped(second.sums, half, WHOLE))]
    ending = Ending(by=EndedBy.TIME, seconds=60.0, sample_stop=None)
    order = replace(ORDER, limits=Limits(time_s=60))
    reached = finish(some, replace(order, ending=ending), store, {}).reached
    assert reached is not None
    assert (reached.samples_min, reached.samples_mean, reached.samples_max) == (4, 10.0, 16)
    assert reached.noise == noise_of(gather(None, some, WHOLE))
    assert float(decode_exr(store.read("shots/room.exr"))[2]["noise"]) == pytest.approx(reached.noise, rel=1e-3)
    assert "10 samples a pixel (4 to 16), noise" in reached.sentence()
    pixels, _, facts = decode_exr(store.read("shots/room.exr"))
    assert (facts["samples"], facts["samples_min"], facts["samples_max"]) == ("10.0", "4", "16")
    whole, early = (stitch(tiles(), FRAME, region=WHOLE, passes=PASSES[:n]).pixels for n in (2, 1))
    np.testing.assert_array_equal(pixels[:, :12], whole[:, :12])
    np.testing.assert_array_equal(pixels[:, 12:], early[:, 12:])
