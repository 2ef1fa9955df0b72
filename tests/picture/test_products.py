"""Movies and contact sheets are made of finished frames: all of them, in the right colours, or not at all."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

from storage.image_files import write_image
from storage.images import encode_png
from storage.objects import ObjectStore, open_store
from storage.view import View
from tasks.picture.contact_sheet import select_frames
from tasks.picture.frame_reading import FrameFiles, read_display, read_linear
from tasks.picture.inspection import Fault
from tasks.picture.movie import RECIPES, Codec, MovieFailed, encode, facts
from tasks.picture.products import inspect, make_movie, make_sheet
from tests.picture.footage import HEIGHT, HOW, WIDTH, footage, picture, store_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

NTSC = Fraction(24000, 1001)


@pytest.fixture
def house(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


@pytest.mark.parametrize("codec", Codec)
def test_a_movie_holds_every_frame_in_its_colours_and_says_which_they_are(
    codec: Codec, house: ObjectStore, tmp_path: Path
) -> None:
    own = footage(house)
    made = make_movie(own, codec, NTSC, house)
    assert made.key == f"ball{RECIPES[codec].suffix}"
    path = tmp_path / "store" / made.key
    told = facts(path)
    assert (told.frames, told.fps) == (12, NTSC)
    assert (told.width, told.height) == (WIDTH + 1, HEIGHT + 1), "odd edges are made even"
    assert told.tagged
    with av.open(str(path)) as movie:
        frames = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]
    assert len(frames) == 12
    for at, frame in enumerate(frames):
        shown = read_display(own.frames[at], house, HOW, deep=False)
        wrong = np.abs(frame[:HEIGHT, :WIDTH].astype(int) - shown.astype(int))
        assert wrong.mean() < 3, f"frame {at + 1} is another picture, or has other colours"


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="needs scheduling policies")
@pytest.mark.parametrize("codec", Codec)
def test_an_encoder_takes_no_priority_over_other_programs(codec: Codec, house: ObjectStore, tmp_path: Path) -> None:
    own = footage(house)
    policies: set[int] = set()

    def pictures() -> Iterator[tuple[int, Any]]:
        for at, frame in enumerate(own.frames):
            yield at, read_display(frame, house, HOW, deep=RECIPES[codec].deep)
            for thread in Path("/proc/self/task").iterdir():
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    if sys.platform == "linux":
                        policies.add(os.sched_getscheduler(int(thread.name)))

    encode(pictures(), tmp_path / f"movie{RECIPES[codec].suffix}", codec=codec, fps=NTSC)
    assert policies == {0}, "SCHED_OTHER"


def test_a_gap_is_an_error_and_leaves_no_movie(house: ObjectStore) -> None:
    own = footage(house)
    gap = replace(own, frames=(*own.frames[:3], FrameFiles(frame=4, files=()), *own.frames[4:]))
    with pytest.raises(MovieFailed, match=r"Frame 4 isn't in place\."):
        make_movie(gap, Codec.H264, NTSC, house)
    house.delete("ball.0006.png")
    with pytest.raises(MovieFailed, match="Frame 6 can't be read: There is no object"):
        make_movie(own, Codec.H264, NTSC, house)
    assert not house.exists("ball.mp4")


@pytest.mark.parametrize("kind", ["exr", "png"])
def test_a_damaged_frame_is_an_error_and_the_movie_before_stays(kind: str, house: ObjectStore) -> None:
    own = footage(house, kinds=[kind])
    make_movie(own, Codec.H264, NTSC, house)
    before = house.read("ball.mp4")
    whole = house.read(f"ball.0007.{kind}")
    house.write(f"ball.0007.{kind}", whole[: len(whole) * 2 // 3])
    changed = replace(own, encoding=replace(HOW, exposure_stops=1))
    with pytest.raises(MovieFailed, match=f"Frame 7 can't be read: The image 'ball.0007.{kind}' is truncated"):
        make_movie(changed, Codec.H264, NTSC, house)
    assert house.read("ball.mp4") == before


def test_frames_of_different_sizes_are_told_apart(house: ObjectStore) -> None:
    own = footage(house)
    small = store_frame(house, 5, picture(5)[:64, :64], ["png"])
    with pytest.raises(MovieFailed, match="Frame 5 is 64x64, those before it 161x91"):
        make_movie(replace(own, frames=(*own.frames[:4], small)), Codec.H264, NTSC, house)


def test_the_same_frames_make_no_second_movie(house: ObjectStore) -> None:
    own = footage(house)
    assert not make_movie(own, Codec.H264, NTSC, house).reused
    assert make_movie(own, Codec.H264, NTSC, house).reused
    assert not make_movie(own, Codec.H264, Fraction(25), house).reused
    other = replace(own, frames=(store_frame(house, 1, picture(9), ["exr", "png"]), *own.frames[1:]))
    assert not make_movie(other, Codec.H264, Fraction(25), house).reused


def test_deep_movies_are_made_of_the_light_itself(house: ObjectStore) -> None:
    (own,) = footage(house, [1]).frames
    shallow, deep = read_display(own, house, HOW, deep=False), read_display(own, house, HOW, deep=True)
    assert (str(shallow.dtype), str(deep.dtype)) == ("uint8", "uint16")
    assert len(np.unique(deep)) > 1.5 * len(np.unique(shallow))
    np.testing.assert_allclose(deep / 65535, shallow / 255, atol=1.1 / 255)
    brighter = replace(HOW, exposure_stops=1.0)
    assert read_display(own, house, brighter, deep=True).mean() > 1.2 * deep.mean()


def test_what_is_transparent_is_black(house: ObjectStore) -> None:
    clear = picture(1)
    clear[:, :80] *= np.float32(0)
    own = store_frame(house, 1, clear, ["exr", "png"])
    for kind in ("exr", "png"):
        one = replace(own, files=tuple(file for file in own.files if file[0].endswith(kind)))
        shown = read_display(one, house, HOW, deep=False)
        assert shown[:, :80].max() == 0
        assert shown[:, 80:].min() > 50


def test_a_contact_sheet_shows_the_frames_and_frames_the_flagged_in_red(house: ObjectStore) -> None:
    own = footage(house)
    made = make_sheet(own, {5: "black"}, "frames 1-12", house)
    assert made.key == "ball.sheet.jpg"
    drawn = np.asarray(Image.open(io.BytesIO(house.read(made.key)))).astype(int)
    red = (drawn[..., 0] > 200) & (drawn[..., 1] < 130) & (drawn[..., 2] < 120)
    assert red.sum() > 500
    house.delete("ball.0003.png")
    house.delete("ball.0003.exr")
    assert not make_sheet(own, {}, "", house).reused, "what can't be shown is left out"


def test_a_long_sequence_is_thinned_out_but_keeps_what_is_flagged() -> None:
    frames = select_frames(range(1, 1001), {500: "black", 7: "flicker"}, limit=100)
    assert len(frames) in (101, 102)
    assert {1, 7, 500, 991} <= set(frames)


def test_planted_faults_are_found_in_the_files(house: ObjectStore) -> None:
    own = footage(house, range(1, 25), kinds=["exr"])

    def plant(frame: int, pixels: Any) -> None:
        data = write_image("exr", pixels, formats=("float",), attributes={}, channels=("R", "G", "B", "A"))
        house.write(f"ball.{frame:04d}.exr", data)

    plant(3, np.zeros((HEIGHT, WIDTH, 4), np.float32))
    house.write("ball.0006.exr", house.read("ball.0005.exr"))
    house.delete("ball.0009.exr")
    spoilt = picture(13)
    spoilt[:2, 0, 0] = np.nan, np.inf
    plant(13, spoilt)
    plant(17, picture(17) * np.float32(0.7))
    sparkling = picture(21)
    sparkling[5::12, 5::12, :3] = 80
    plant(21, sparkling)
    whole = house.read("ball.0024.exr")
    house.write("ball.0024.exr", whole[:-200])
    found = inspect(own, house)
    assert {each.frame: each.fault for each in found} == {
        3: Fault.BLACK, 6: Fault.DUPLICATE, 9: Fault.MISSING, 13: Fault.NOT_FINITE, 17: Fault.FLICKER,
        21: Fault.FIREFLIES, 24: Fault.DAMAGED,
    }  # fmt: skip


def test_a_planted_black_frame_is_found_where_there_are_only_pngs(house: ObjectStore) -> None:
    own = footage(house, kinds=["png"])
    house.write("ball.0004.png", encode_png(np.zeros((HEIGHT, WIDTH, 3), np.float32), bits=8, view=View.SRGB))
    assert [(each.frame, each.fault) for each in inspect(own, house)] == [(4, Fault.BLACK)]
    assert read_linear(own.frames[0], house).shape == (HEIGHT, WIDTH, 3)
