"""What is still to be rendered is known after few calls of the store, which don't wait for one another."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.jobs.job import JobRefused
from frontburner.jobs.missing import missing_work
from storage.objects import INTERNAL_PREFIX, open_store
from tasks.limits import Reached
from tasks.node.unit_ledger import UnitLedger
from tasks.picture.output_records import claim, record_key
from tasks.spec import UnitSpec
from tests.node.test_unit_ledger import tile
from tests.run.test_limit_tracking import layout_of
from tests.storage.counting import count_calls

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore

FRAMES = 40
LAYOUT = layout_of(FRAMES, samples=64, size="24x16", formats=["exr", "png"])
REACHED = Reached(samples_min=64, samples_mean=64, samples_max=64)


def put_in_place(store: ObjectStore, numbers: Iterable[int], layout: Layout = LAYOUT) -> None:
    for number in numbers:
        order = layout.orders[number]
        record = {"order": order.digest, "sha256": "a" * 64, "reached": REACHED.document()}
        for key in order.keys:
            store.write(key, b"x")
            store.write(record_key(key), json.dumps(record).encode())


def render(store: ObjectStore, numbers: Iterable[int]) -> None:
    for number in numbers:
        unit = UnitSpec(frame=LAYOUT.frames[number], region=LAYOUT.region, samples=LAYOUT.passes[0])
        UnitLedger(store=store).create(unit, tile(unit))


def test_what_is_in_place_is_not_wanted_and_what_is_rendered_is_known(store: ObjectStore) -> None:
    put_in_place(store, range(1, 31))
    store.delete(LAYOUT.orders[7].keys[0])
    claim(LAYOUT.orders[8].keys[1], LAYOUT.orders[8].owner, store)  # its write was interrupted
    store.write(record_key(LAYOUT.orders[9].keys[1]), b"{")
    put_in_place(store, [10], layout_of(FRAMES, samples=32, size="24x16", formats=["exr", "png"]))
    render(store, (8, 35))
    found = missing_work(LAYOUT, store)
    assert [work.frame for work in found.wanted] == [7, 8, 9, 10, *range(31, 41)]
    assert [record.frame for record in found.in_place] == [1, 2, 3, 4, 5, 6, *range(11, 31)]
    rendered = ((LAYOUT.passes[0], LAYOUT.region),)
    assert {work.frame: work.done for work in found.wanted if work.done} == {8: rendered, 35: rendered}
    record = found.in_place[0]
    assert (record.files, record.reached) == (dict.fromkeys(LAYOUT.orders[1].keys, "a" * 64), REACHED)


def test_only_some_frames_are_looked_at(store: ObjectStore) -> None:
    put_in_place(store, range(1, 31))
    found = missing_work(LAYOUT, store, only="30-33")
    assert [work.frame for work in found.wanted] == [31, 32, 33]
    assert [record.frame for record in found.in_place] == [30]


def test_frames_that_are_rendered_again_begin_anew(store: ObjectStore) -> None:
    put_in_place(store, range(1, 31))
    render(store, (5, 6, 7))
    found = missing_work(LAYOUT, store, again="1-6")
    assert [(work.frame, len(work.done)) for work in found.wanted if work.frame < 31] == [(n, 0) for n in range(1, 7)]
    assert len(list(store.list(f"{INTERNAL_PREFIX}/units/"))) == 1
    assert all(store.exists(key) for key in LAYOUT.orders[1].keys), "the old picture stays until the new one is there"


def test_a_resume_reads_records_and_asks_for_nothing_else_one_by_one(tmp_path: Path) -> None:
    store = count_calls(open_store(str(tmp_path)))
    assert len(missing_work(LAYOUT, store).wanted) == FRAMES
    assert store.calls == {"list": 4}
    put_in_place(store, range(1, FRAMES + 1))
    store.calls.clear()
    assert len(missing_work(LAYOUT, store).in_place) == FRAMES
    assert {name: count for name, count in store.calls.items() if name != "keys"} == {"list": 2, "read": 2 * FRAMES}


def test_other_jobs_in_the_store_cost_a_resume_nothing(tmp_path: Path) -> None:
    store = count_calls(open_store(str(tmp_path)))
    put_in_place(store, range(1, 31))
    others = replace(LAYOUT, orders={
        number: replace(order, keys=tuple(f"other.{key}" for key in order.keys))
        for number, order in layout_of(200, samples=64, formats=["exr", "png"]).orders.items()
    })  # fmt: skip
    put_in_place(store, others.orders, others)
    store.calls.clear()
    assert len(missing_work(LAYOUT, store).in_place) == 30
    assert store.calls["keys"] == 2 * 60


@pytest.mark.parametrize("waits", ["read", "write"])
def test_calls_do_not_wait_for_one_another(waits: str, tmp_path: Path) -> None:
    inner = open_store(str(tmp_path))
    put_in_place(inner, range(1, FRAMES + 1))
    together, first = Barrier(8), iter(range(8))  # one after the other would never be eight

    def meet(name: str) -> None:
        if name == waits and next(first, None) is not None:
            together.wait(30)

    store = count_calls(inner, meet)
    look = partial(missing_work, LAYOUT, store)
    found = look() if waits == "read" else look(again=f"1-{FRAMES}")
    assert len(found.in_place) + len(found.wanted) == FRAMES


def of_scene(scene: str, **fields: Any) -> Layout:
    layout = layout_of(FRAMES, scene=scene, size="24x16", formats=["exr", "png"], **fields)
    frames = {number: replace(frame, scene_digest=f"{scene} {fields}") for number, frame in layout.frames.items()}
    orders = {number: replace(order, frame=frames[number]) for number, order in layout.orders.items()}
    return replace(layout, frames=frames, orders=orders)


def write_all(store: ObjectStore, numbers: Iterable[int], layout: Layout) -> None:
    put_in_place(store, numbers, layout)
    for number in numbers:
        order = layout.orders[number]
        assert order.owner is not None
        for key in order.keys:
            record = json.loads(store.read(record_key(key))) | {"owner": order.owner.document()}
            store.write(record_key(key), json.dumps(record).encode())


def test_a_job_that_would_replace_another_one_s_pictures_is_refused(store: ObjectStore) -> None:
    first, second = of_scene("/a/shot.json"), of_scene("/b/shot.json")
    write_all(store, range(1, 5), first)
    with pytest.raises(
        JobRefused, match=r"shot\.0001\.exr was written by the job shot-\w+, of /a/shot\.json"
    ) as refused:
        missing_work(second, store)
    assert "(and 7 more)" in str(refused.value)
    assert "--overwrite" in str(refused.value)
    assert len(missing_work(first, store).in_place) == 4
    assert len(missing_work(second, store, only="5-40").wanted) == 36, "of these frames nothing is there"
    assert len(missing_work(of_scene("/b/shot.json", overwrite=True), store).wanted) == FRAMES


def test_the_same_scene_is_rendered_again_whatever_changed(store: ObjectStore) -> None:
    write_all(store, range(1, 5), of_scene("/a/shot.json"))
    better = of_scene("/a/shot.json", samples=128)
    found = missing_work(better, store)
    assert len(found.wanted) == FRAMES
    assert found.notes == (
        "There are pictures of frames 1-4 of an earlier scene or other settings: they are replaced.",
    )
    assert missing_work(better, store, only="4").replaced == (4,)
    again = missing_work(of_scene("/a/shot.json"), store, again="1-4")
    assert (len(again.wanted), again.notes) == (FRAMES, ())
    missing_work(of_scene("/a/shot.json"), store)
    with pytest.raises(JobRefused, match="which shows another view of the same scene"):
        missing_work(of_scene("/a/shot.json", parameters="view=B"), store)


def test_equal_pictures_are_in_place_whoever_made_them(store: ObjectStore) -> None:
    first = of_scene("/a/shot.json")
    write_all(store, range(1, FRAMES + 1), first)
    owner = of_scene("/b/shot.json").orders[1].owner
    moved = replace(first, orders={number: replace(order, owner=owner) for number, order in first.orders.items()})
    assert len(missing_work(moved, store).in_place) == FRAMES
