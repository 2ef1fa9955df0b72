"""A file belongs to the job that wrote it: no other job replaces it unasked, nor does any replace a stranger's."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import pytest

from storage.objects import open_store
from tasks.picture.finished_frames import find_finished
from tasks.picture.frame_output import finish
from tasks.picture.movie import Codec
from tasks.picture.output_records import OutputOwner, OutputTaken, claim
from tasks.picture.products import make_movie, make_sheet
from tests.picture.footage import footage
from tests.picture.test_frame_output import ORDER, tiles

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore
    from tasks.picture.frame_output import PictureOrder

FIRST = OutputOwner(job="room-1", scene="/a/room.xml")
OTHER = OutputOwner(job="room-2", scene="/b/room.xml")
FPS = Fraction(24)
ANOTHER_PICTURE = replace(ORDER, passes=ORDER.passes[:1])


def order_of(owner: OutputOwner, order: PictureOrder = ANOTHER_PICTURE) -> PictureOrder:
    return replace(order, owner=owner)


def test_another_job_s_picture_is_left_as_it_is(store: ObjectStore) -> None:
    finish(tiles(), order_of(FIRST, ORDER), store, {})
    before = store.read(ORDER.keys[0])
    with pytest.raises(OutputTaken, match=r"room\.exr was written by the job room-1, of /a/room\.xml") as refused:
        finish(tiles(), order_of(OTHER), store, {})
    assert "--overwrite" in refused.value.remedy
    assert store.read(ORDER.keys[0]) == before
    assert find_finished(ORDER, store) is not None


def test_a_picture_of_unknown_origin_is_left_as_it_is(store: ObjectStore) -> None:
    store.write(ORDER.keys[1], b"an artist's own")
    with pytest.raises(OutputTaken, match=r"room\.png is there already, and nothing says that a job wrote it"):
        finish(tiles(), order_of(FIRST, ORDER), store, {})
    assert list(store.list("shots/")) == [ORDER.keys[1]]
    assert store.read(ORDER.keys[1]) == b"an artist's own"


@pytest.mark.parametrize(
    "owner",
    [
        FIRST,
        replace(FIRST, job="room-3"),  # with more samples, for example
        replace(OTHER, overwrites=True),
    ],
)
def test_a_newer_picture_of_the_same_replaces_the_older_one(owner: OutputOwner, store: ObjectStore) -> None:
    finish(tiles(), order_of(FIRST, ORDER), store, {})
    finish(tiles(), order_of(owner), store, {})
    assert find_finished(ANOTHER_PICTURE, store) is not None
    with pytest.raises(OutputTaken, match=owner.job):
        finish(tiles(), order_of(replace(OTHER, scene="/c/room.xml"), ORDER), store, {})


@pytest.mark.parametrize(
    "other", [{"camera": "B"}, {"parameters": (("view_layer", "sky"),)}, {"region": "0,0,8,8"}], ids=str
)
def test_another_view_of_the_same_scene_is_another_picture(other: dict[str, object]) -> None:
    view = replace(FIRST, **other)  # type: ignore[arg-type]
    assert not view.replaces(FIRST)
    assert FIRST.replaces(view) == ("region" in other), "the whole frame replaces a part of it"


def test_an_interrupted_write_leaves_the_file_to_its_job(store: ObjectStore) -> None:
    claim(ORDER.keys[0], FIRST, store)
    store.write(ORDER.keys[0], b"new, but its record was never written")
    assert find_finished(ORDER, store) is None
    with pytest.raises(OutputTaken, match="room-1"):
        finish(tiles(), order_of(OTHER, ORDER), store, {})
    finish(tiles(), order_of(FIRST, ORDER), store, {})


def test_a_name_is_free_again_when_its_file_was_removed(store: ObjectStore) -> None:
    finish(tiles(), order_of(FIRST, ORDER), store, {})
    for key in ORDER.keys:
        store.delete(key)
    finish(tiles(), order_of(OTHER), store, {})


def test_files_of_the_first_versions_name_no_owner_and_may_be_replaced(store: ObjectStore) -> None:
    finish(tiles(), ORDER, store, {})
    finish(tiles(), order_of(FIRST), store, {})


def test_products_belong_to_their_job_too(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    own = replace(footage(store, range(1, 4)), owner=FIRST)
    shorter = replace(own, frames=own.frames[:2])
    made = {
        make_movie(own, Codec.H264, FPS, store).key: partial(make_movie, codec=Codec.H264, fps=FPS),
        make_sheet(own, {}, "first", store).key: partial(make_sheet, flagged={}, facts="first"),
    }
    for key, make_again in made.items():
        before = store.read(key)
        with pytest.raises(OutputTaken, match="room-1"):
            make_again(replace(shorter, owner=OTHER), store=store)
        assert store.read(key) == before
        make_again(shorter, store=store)
        assert store.read(key) != before
