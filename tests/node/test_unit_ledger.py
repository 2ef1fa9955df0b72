"""A unit is done if and only if its object exists: the same in a folder and on S3."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pytest

from storage.errors import CorruptObject, MissingObject
from storage.objects import INTERNAL_PREFIX, open_store
from storage.units import pack
from tasks.node.unit_ledger import UnitLedger, record_from
from tasks.spec import Region, SampleRange, UnitSpec
from tests.picture.tiles import frame_of, noise, passes_of, record_of, tile_of
from tests.storage.counting import count_calls

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore
    from tasks.spec import Tile

FRAME = frame_of()
MANY = [frame_of(frame=number) for number in range(2, 42)]
UNIT = UnitSpec(frame=FRAME, region=Region(x0=0, y0=8, x1=24, y1=16), samples=passes_of(0, 4)[0])


def tile(unit: UnitSpec = UNIT, *, seed: int = 0) -> Tile:
    return tile_of(unit.frame, unit.region, unit.samples, noise(unit.frame, seed=seed, region=unit.region))


def assert_same(found: Tile, made: Tile) -> None:
    assert found.sums.tobytes() == made.sums.tobytes()
    assert (found.region, found.samples, found.channels) == (made.region, made.samples, made.channels)
    assert found.record == made.record


def only_key(store: ObjectStore) -> str:
    (key,) = store.list(f"{INTERNAL_PREFIX}/units/")
    return key


def test_a_finished_unit_comes_back_as_it_was(store: ObjectStore) -> None:
    ledger = UnitLedger(store=store)
    assert ledger.create(UNIT, tile())
    assert_same(ledger.load(UNIT), tile())


def test_the_first_of_two_results_is_kept(store: ObjectStore) -> None:
    ledger = UnitLedger(store=store)
    assert ledger.create(UNIT, tile())
    assert not ledger.create(UNIT, tile(seed=1))
    assert_same(ledger.load(UNIT), tile())


def test_a_unit_that_is_not_there_is_missing(store: ObjectStore) -> None:
    with pytest.raises(MissingObject):
        UnitLedger(store=store).load(UNIT)
    assert UnitLedger(store=store).finished([FRAME]) == {}


def test_a_discarded_unit_can_be_made_again(store: ObjectStore) -> None:
    ledger = UnitLedger(store=store)
    ledger.create(UNIT, tile())
    ledger.discard(UNIT)
    ledger.discard(UNIT)
    assert ledger.finished([FRAME]) == {}
    assert ledger.create(UNIT, tile(seed=1))
    assert_same(ledger.load(UNIT), tile(seed=1))


def damaged(data: bytes, how: str) -> bytes:
    match how:
        case "cut short":
            return data[:-7]
        case "one bit":
            return data[:200] + bytes([data[200] ^ 1]) + data[201:]
        case "nothing":
            return b""
        case "no record":
            return pack(tile().sums, {})
        case "another version's record":
            record = {**asdict(tile().record), "mood": "good"}
            return pack(tile().sums, {"record": json.dumps(record), "channels": json.dumps(tile().channels)})
        case _:
            return pack(tile().sums, {"record": "{", "channels": "[]"})


@pytest.mark.parametrize("how", ["cut short", "one bit", "nothing", "no record", "another version's record", "no json"])
def test_a_damaged_unit_is_told_and_can_be_made_again(how: str, store: ObjectStore) -> None:
    ledger = UnitLedger(store=store)
    ledger.create(UNIT, tile())
    key = only_key(store)
    store.write(key, damaged(store.read(key), how))
    with pytest.raises(CorruptObject, match=r"Discard it, and it is rendered again") as error:
        ledger.load(UNIT)
    assert error.value.key == key
    ledger.discard(UNIT)
    assert ledger.create(UNIT, tile())
    assert_same(ledger.load(UNIT), tile())


def test_what_is_listed_is_what_was_made(store: ObjectStore) -> None:
    draw, ledger = random.Random(7), UnitLedger(store=store)
    expected: dict[str, set[tuple[SampleRange, Region]]] = {}
    frames = [frame_of(frame=number, width=70_000, height=70_000, samples=2**20) for number in (1, 2, 3)]
    for _ in range(25):
        frame = draw.choice(frames)
        x0, y0, start = draw.randrange(69_990), draw.randrange(69_990), draw.randrange(2**20 - 1)
        region = Region(x0=x0, y0=y0, x1=x0 + draw.randrange(1, 10), y1=y0 + draw.randrange(1, 10))
        samples = SampleRange(start=start, stop=draw.randrange(start + 1, 2**20 + 1))
        unit = UnitSpec(frame=frame, region=region, samples=samples)
        assert ledger.create(unit, tile(unit))
        expected.setdefault(frame.digest, set()).add((samples, region))
    found = ledger.finished(frames)
    assert {digest: set(places) for digest, places in found.items()} == expected
    assert sum(map(len, found.values())) == 25


def test_other_objects_are_not_taken_for_units(store: ObjectStore) -> None:
    ledger = UnitLedger(store=store)
    ledger.create(UNIT, tile())
    for key in ("units/readme.txt", f"units/{'a' * 64}/s0-1.unit", "frames/x.json"):
        store.write(f"{INTERNAL_PREFIX}/{key}", b"x")
    store.write("a.exr", b"x")
    for many in ([FRAME], [FRAME, *MANY]):
        assert ledger.finished(many) == {FRAME.digest: [(UNIT.samples, UNIT.region)]}


def test_forgetting_a_frame_leaves_the_others(store: ObjectStore) -> None:
    ledger, other = UnitLedger(store=store), frame_of(frame=2)
    units = [UnitSpec(frame=frame, region=UNIT.region, samples=samples)
             for frame in (FRAME, other) for samples in passes_of(0, 4, 16)]  # fmt: skip
    for unit in units:
        ledger.create(unit, tile(unit))
    ledger.forget([FRAME])
    found = ledger.finished([FRAME, other])
    assert found.keys() == {other.digest}
    assert len(found[other.digest]) == 2
    ledger.forget([FRAME, other])
    assert not list(store.list(f"{INTERNAL_PREFIX}/units/"))


@pytest.mark.parametrize("price", [0, 10, 10**9], ids=["each frame's own", "as it pays", "those of all"])
def test_units_are_those_of_the_frames_however_they_are_listed(
    price: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.node.unit_ledger._KEYS_PER_LISTING", price)
    ledger = UnitLedger(store=open_store(str(tmp_path)))
    for frame in (*MANY, *(frame_of(frame=number, seed=7) for number in range(1, 9))):
        unit = replace(UNIT, frame=frame)
        ledger.create(unit, tile(unit))
    found = ledger.finished(MANY[5:])
    assert found == {frame.digest: [(UNIT.samples, UNIT.region)] for frame in MANY[5:]}


def test_few_frames_are_not_looked_for_among_the_units_of_all_jobs(tmp_path: Path) -> None:
    store = count_calls(open_store(str(tmp_path)))
    for n in range(3000):
        path = tmp_path / f"{INTERNAL_PREFIX}/units/{sha256(str(n).encode()).hexdigest()}/s0-4_x0-24_y8-16.unit"
        path.parent.mkdir(parents=True)
        path.touch()
    UnitLedger(store=store).create(UNIT, tile())
    store.calls.clear()
    assert UnitLedger(store=store).finished([FRAME, *MANY]).keys() == {FRAME.digest}
    assert store.calls["list"] == 2 + len(MANY)
    assert store.calls["keys"] < 3000 // 100
    assert not UnitLedger(store=store).finished([])


def test_the_scenes_path_does_not_matter_and_its_content_does(store: ObjectStore) -> None:
    ledger = UnitLedger(store=store)
    ledger.create(UNIT, tile())
    moved = replace(FRAME, scene="/other/room.xml")
    assert ledger.load(UnitSpec(frame=moved, region=UNIT.region, samples=UNIT.samples))
    changed = replace(FRAME, scene_digest="e" * 64)
    with pytest.raises(MissingObject):
        ledger.load(UnitSpec(frame=changed, region=UNIT.region, samples=UNIT.samples))


def test_a_record_survives_json() -> None:
    record = record_of(UNIT)
    assert record_from(json.loads(json.dumps(asdict(record)))) == record


def test_negative_zero_and_the_smallest_values_are_kept(store: ObjectStore) -> None:
    sums = noise(FRAME, region=UNIT.region)
    sums[0, 0, :3] = -0.0, np.float32(1e-45), np.finfo(np.float32).max
    made = tile_of(FRAME, UNIT.region, UNIT.samples, sums)
    UnitLedger(store=store).create(UNIT, made)
    assert_same(UnitLedger(store=store).load(UNIT), made)
