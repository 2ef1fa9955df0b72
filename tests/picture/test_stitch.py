"""However a frame was cut, its picture is the same bit for bit; a doubtful tile never gets into one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import BadTile
from tasks.picture.stitch import check_tile, stitch, stitch_uneven
from tasks.spec import Aov, Region, SampleRange, Tile, UnitSpec
from tests.picture.tiles import BUILD, cropped, frame_of, guillotine_cuts, noise, passes_of, tile_of

FRAME = frame_of()
WHOLE = FRAME.size.whole
PASSES = passes_of(0, 4, 16)
LEFT, RIGHT = Region(x0=0, y0=0, x1=10, y1=16), Region(x0=10, y0=0, x1=24, y1=16)


def tiles() -> list[Tile]:
    """Two passes of the frame, each cut in two."""
    return [
        tile_of(FRAME, region, samples, cropped(noise(FRAME, seed=samples.start), region, WHOLE))
        for samples in PASSES
        for region in (LEFT, RIGHT)
    ]


@settings(max_examples=80)
@given(data=st.data(), edges=st.sampled_from([(0, 16), (0, 4, 16), (0, 1, 9, 16)]), seed=st.integers(0, 999))
def test_however_a_frame_is_cut_its_picture_is_the_same_bit_for_bit(
    data: st.DataObject, edges: tuple[int, ...], seed: int
) -> None:
    frame = frame_of(data.draw(st.integers(1, 30)), data.draw(st.integers(1, 20)))
    whole, passes = frame.size.whole, passes_of(*edges)
    sums = {samples: noise(frame, seed=seed + samples.start) for samples in passes}
    uncut = stitch([tile_of(frame, whole, samples, sums[samples]) for samples in passes], frame, region=whole)
    cut = [
        tile_of(frame, region, samples, cropped(sums[samples], region, whole))
        for samples in passes
        for region in data.draw(guillotine_cuts(whole))
    ]
    picture = stitch(data.draw(st.permutations(cut)), frame, region=whole, passes=passes)
    assert picture.pixels.tobytes() == uncut.pixels.tobytes()
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert (picture.channels, picture.samples, picture.region) == (frame.channels, 16, whole)
    mean = sum(layer.astype(np.float64) for layer in sums.values()) / 16
    np.testing.assert_array_equal(picture.pixels, np.asarray(mean, np.float32))


@settings(max_examples=30)
@given(data=st.data())
def test_a_region_of_a_frame_is_the_same_pixels_as_the_whole_has_there(data: st.DataObject) -> None:
    part = Region(x0=3, y0=5, x1=20, y1=14)
    sums = noise(FRAME)
    whole = stitch([tile_of(FRAME, WHOLE, passes_of(0, 16)[0], sums)], FRAME, region=WHOLE)
    cut = [
        tile_of(FRAME, region, SampleRange(start=0, stop=16), cropped(sums, region, WHOLE))
        for region in data.draw(guillotine_cuts(part))
    ]
    picture = stitch(cut, FRAME, region=part)
    assert picture.region == part
    assert picture.pixels.tobytes() == np.ascontiguousarray(cropped(whole.pixels, part, WHOLE)).tobytes()


def test_the_first_pass_alone_is_a_picture_of_its_samples() -> None:
    picture = stitch(tiles(), FRAME, region=WHOLE, passes=PASSES[:1])
    assert picture.samples == 4
    np.testing.assert_array_equal(picture.pixels, noise(FRAME, seed=0) / np.float32(4))


@pytest.mark.parametrize("missing", range(4))
def test_a_missing_tile_is_an_error_and_never_a_hole(missing: int) -> None:
    some = tiles()
    gone = some.pop(missing)
    with pytest.raises(BadTile) as error:
        stitch(some, FRAME, region=WHOLE, passes=PASSES)
    said = f"Samples {gone.samples.start}-{gone.samples.stop} of frame 1 lack {gone.region.area} pixels"
    assert said in str(error.value)
    assert error.value.retryable


@pytest.mark.parametrize("doubled", range(4))
def test_a_doubled_tile_is_an_error_and_never_twice_the_light(doubled: int) -> None:
    some = tiles()
    with pytest.raises(BadTile, match=f"have {some[doubled].region.area} more than once"):
        stitch([*some, some[doubled]], FRAME, region=WHOLE, passes=PASSES)


def test_a_missing_pass_is_an_error() -> None:
    with pytest.raises(BadTile, match="lack 384 pixels"):
        stitch(tiles()[:2], FRAME, region=WHOLE, passes=PASSES)
    with pytest.raises(BadTile, match="Frame 1 has 4 of its 16 samples"):
        stitch(tiles()[:2], FRAME, region=WHOLE)
    with pytest.raises(BadTile):
        stitch([], FRAME, region=WHOLE)


PLACE = r"The tile at 10,0 \(14x16\) from n1 doesn't belong to frame 1: "


def test_tiles_of_two_platforms_meet_only_where_the_frame_accepts_any() -> None:
    some = tiles()
    some[1] = replace(some[1], record=replace(some[1].record, build=f"{BUILD} windows-x86_64"))
    with pytest.raises(BadTile, match=r"by 3\.9\.1 scalar_rgb windows-x86_64, the frame by 3\.9\.1 scalar_rgb"):
        stitch(some, FRAME, region=WHOLE, passes=PASSES)
    mixed = stitch(some, replace(FRAME, build=f"{BUILD} any"), region=WHOLE, passes=PASSES)
    assert np.array_equal(mixed.pixels, stitch(tiles(), FRAME, region=WHOLE, passes=PASSES).pixels)


def test_a_tile_of_another_build_is_named() -> None:
    some = tiles()
    some[1] = replace(some[1], record=replace(some[1].record, build="3.9.1 llvm_ad_rgb"))
    with pytest.raises(
        BadTile, match=PLACE + r"it was rendered by 3\.9\.1 llvm_ad_rgb, the frame by 3\.9\.1 scalar_rgb"
    ):
        stitch(some, FRAME, region=WHOLE, passes=PASSES)


def test_a_tile_with_other_channels_is_named() -> None:
    some = tiles()
    some[1] = replace(some[1], channels=("R", "G", "B", "A", "albedo.R"))
    with pytest.raises(BadTile, match=PLACE + r"it has the channels R, G, B, A, albedo\.R"):
        stitch(some, FRAME, region=WHOLE, passes=PASSES)


@pytest.mark.parametrize("shape", [(16, 13, 5), (1, 14, 5), (16, 1, 5), (16, 14, 1)])
def test_a_tile_of_another_shape_than_its_region_is_an_error(shape: tuple[int, ...]) -> None:
    some = tiles()
    some[1] = replace(some[1], sums=np.ones(shape, np.float32))
    with pytest.raises(BadTile, match=PLACE + re.escape(f"it has shape {shape} instead of (16, 14, 5)")):
        stitch(some, FRAME, region=WHOLE, passes=PASSES)


@pytest.mark.parametrize(
    "region", [Region(x0=10, y0=0, x1=25, y1=16), Region(x0=30, y0=0, x1=34, y1=4)], ids=["across the edge", "outside"]
)
def test_a_tile_that_reaches_outside_the_picture_is_an_error(region: Region) -> None:
    some = tiles()
    some[1] = tile_of(FRAME, region, PASSES[0], np.ones((region.height, region.width, 5), np.float32))
    with pytest.raises(BadTile, match="it reaches outside the picture"):
        stitch(some, FRAME, region=WHOLE, passes=PASSES)


def test_a_tile_left_of_the_part_that_is_wanted_is_an_error() -> None:
    tile = tile_of(FRAME, LEFT, passes_of(0, 16)[0], cropped(noise(FRAME), LEFT, WHOLE))
    with pytest.raises(BadTile):
        stitch([tile], FRAME, region=Region(x0=5, y0=0, x1=10, y1=16))


UNIT = UnitSpec(frame=FRAME, region=LEFT, samples=PASSES[0])
GOOD = tiles()[0]


def test_a_good_tile_passes() -> None:
    check_tile(GOOD, UNIT)


BROKEN = GOOD.sums.copy()
BROKEN[3, 4, 2] = np.nan
BRIGHT = GOOD.sums.copy()
BRIGHT[0, 0, 4] = np.inf


@pytest.mark.parametrize(
    ("tile", "fault"),
    [
        (replace(GOOD, sums=GOOD.sums[1:]), r"has shape \(15, 10, 5\) float32 instead of \(16, 10, 5\) float32"),
        (replace(GOOD, sums=GOOD.sums[..., :4]), r"has shape \(16, 10, 4\)"),
        (replace(GOOD, sums=GOOD.sums.astype(np.float64)), r"\(16, 10, 5\) float64 instead"),
        (replace(GOOD, channels=(*GOOD.channels[:4], "albedo.R")), r"R, G, B, A, albedo\.R instead of .*depth\.Z"),
        (replace(GOOD, channels=GOOD.channels[::-1]), "has the channels depth.Z"),
        (replace(GOOD, record=replace(GOOD.record, build="3.8")), "was rendered by mitsuba 3.8, the job by 3.9.1"),
        (replace(GOOD, sums=BROKEN), "infinite or not a number"),
        (replace(GOOD, sums=BRIGHT), "infinite or not a number"),
    ],
)
def test_pixels_that_cannot_be_the_units_are_refused_with_what_is_wrong(tile: Any, fault: str) -> None:
    with pytest.raises(BadTile, match=fault) as error:
        check_tile(tile, UNIT)
    assert "The tile of frame 1 at 0,0 (10x16) from n1" in str(error.value)
    assert error.value.retryable


def test_channels_follow_the_order_of_the_jobs_aovs() -> None:
    frame = frame_of(aovs=(Aov.NORMAL, Aov.DEPTH))
    assert frame.channels == ("R", "G", "B", "A", "normal.X", "normal.Y", "normal.Z", "depth.Z")


# Passes that are not complete


@settings(max_examples=60)
@given(data=st.data(), edges=st.sampled_from([(0, 16), (0, 4, 16), (0, 1, 9, 16)]))
def test_each_pixel_is_the_mean_of_the_samples_it_has(data: st.DataObject, edges: tuple[int, ...]) -> None:
    frame = frame_of(data.draw(st.integers(1, 24)), data.draw(st.integers(1, 16)))
    whole, passes = frame.size.whole, passes_of(*edges)
    total = np.zeros((frame.size.height, frame.size.width, 5))
    counts = np.zeros((frame.size.height, frame.size.width), np.int64)
    there = []
    for samples in passes:
        sums = noise(frame, seed=samples.start)
        for region in data.draw(guillotine_cuts(whole)):
            if samples != passes[0] and data.draw(st.booleans()):
                continue
            there.append(tile_of(frame, region, samples, cropped(sums, region, whole)))
            total[region.y0 : region.y1, region.x0 : region.x1] += cropped(sums, region, whole)
            counts[region.y0 : region.y1, region.x0 : region.x1] += samples.count
    picture = stitch_uneven(data.draw(st.permutations(there)), frame, region=whole, first=passes[0])
    np.testing.assert_array_equal(picture.pixels, (total / counts[..., None]).astype(np.float32))
    assert picture.samples == counts.max()
    assert (picture.counts is None) == (counts.min() == counts.max())
    if picture.counts is None and counts.max() == 16:
        assert picture.pixels.tobytes() == stitch(there, frame, region=whole).pixels.tobytes()
    elif picture.counts is not None:
        np.testing.assert_array_equal(picture.counts, counts)


def test_even_without_all_passes_no_pixel_may_lack_the_first() -> None:
    with pytest.raises(BadTile, match=f"lack {RIGHT.area} pixels"):
        stitch_uneven([*tiles()[:1], *tiles()[2:]], FRAME, region=WHOLE, first=PASSES[0])
    with pytest.raises(BadTile, match="lack 384 pixels"):
        stitch_uneven(tiles()[2:], FRAME, region=WHOLE, first=PASSES[0])


@pytest.mark.parametrize("doubled", range(4))
def test_a_doubled_tile_is_an_error_in_a_pass_with_gaps_too(doubled: int) -> None:
    some = tiles()
    with pytest.raises(BadTile, match=f"have {some[doubled].region.area} more than once"):
        stitch_uneven([*some, some[doubled]], FRAME, region=WHOLE, first=PASSES[0])
