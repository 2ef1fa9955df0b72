"""The contract of every object store, tested on each of them."""

from __future__ import annotations

import os
import pickle
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest

from storage.errors import MissingObject, StoreError
from storage.objects import ObjectStore, open_store
from tests.end_to_end.conftest import TIMEOUT_S

BAD_KEYS = ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "./a", ".hidden/a", "a\\b", "a\nb", "x" * 300]


def test_an_object_is_created_once_and_then_untouched(store: ObjectStore) -> None:
    assert store.create("a/b.unit", b"first")
    assert not store.create("a/b.unit", b"second")
    assert store.read("a/b.unit") == b"first"
    assert store.exists("a/b.unit")


def test_writing_replaces(store: ObjectStore) -> None:
    store.write("frame.exr", b"old")
    store.write("frame.exr", b"new")
    assert store.read("frame.exr") == b"new"
    assert not store.create("frame.exr", b"newer")


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    assert store.create("empty", b"")
    assert store.exists("empty")
    assert store.read("empty") == b""


def test_a_missing_object(store: ObjectStore) -> None:
    assert not store.exists("nothing/here")
    store.delete("nothing/here")
    with pytest.raises(MissingObject, match="no object 'nothing/here'") as caught:
        store.read("nothing/here")
    assert caught.value.key == "nothing/here"
    assert caught.value.url == store.url


def test_a_deleted_object_can_be_created_again(store: ObjectStore) -> None:
    store.create("a", b"1")
    store.delete("a")
    assert not store.exists("a")
    assert store.create("a", b"2")
    assert store.read("a") == b"2"


def test_listing_is_sorted_and_by_text(store: ObjectStore) -> None:
    keys = ["units/ab/2", "units/ab/1", "units/abc", "units.txt", "units/Z ö+%", "other/1"]
    for key in keys:
        store.write(key, b"x")
    assert list(store.list()) == sorted(keys)
    assert list(store.list("units/")) == sorted(key for key in keys if key.startswith("units/"))
    assert list(store.list("units/ab")) == ["units/ab/1", "units/ab/2", "units/abc"]
    assert list(store.list("nowhere/")) == []
    assert store.read("units/Z ö+%") == b"x"


def test_folders_that_can_hold_nothing_of_a_listing_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, looked, scan = open_store(str(tmp_path)), list[str](), os.scandir

    def look(place: str) -> object:
        looked.append(str(place))
        return scan(place)

    keys = ["walk/a.0001.exr", "walk/a.0002/deep", "walk/b/1", "walk/b/2/deep", "units/1/x"]
    for key in keys:
        store.write(key, b"x")
    monkeypatch.setattr(os, "scandir", look)
    assert list(store.list("walk/a.")) == ["walk/a.0001.exr", "walk/a.0002/deep"]
    assert [path.removeprefix("\\\\?\\") for path in looked] == [
        str(tmp_path / "walk"),
        str(tmp_path / "walk" / "a.0002"),
    ]


def test_a_folder_that_is_deleted_repeatedly_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, link, turns = open_store(str(tmp_path)), Path.hardlink_to, iter(range(100))

    def take_away(self: Path, target: Path) -> None:
        if next(turns) < 4:  # others delete the last object beside it, just then
            self.parent.rmdir()
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", take_away)
    assert store.create("units/a/1", b"x")
    assert store.read("units/a/1") == b"x"


def test_entries_have_sizes_and_times(store: ObjectStore) -> None:
    began_s = time.time()
    for key in ("units/b", "units/a", "other"):
        store.write(key, b"x" * (3 + len(key)))
    found = list(store.entries("units/"))
    assert [(entry.key, entry.size_bytes) for entry in found] == [("units/a", 10), ("units/b", 10)]
    assert all(abs(entry.modified_s - began_s) < TIMEOUT_S for entry in found)


def test_listing_more_than_a_page(s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from storage import s3

    keys = [f"k{n}" for n in range(7)]
    for key in keys:
        s3_store.write(key, b"")
    connect = s3._connect

    class SmallPages:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        def call_s3(self, method: str, **arguments: object) -> object:
            return self.inner.call_s3(method, MaxKeys=3, **arguments)  # type: ignore[attr-defined]

    monkeypatch.setattr(s3, "_connect", lambda *a, **k: SmallPages(connect(*a, **k)))
    monkeypatch.setattr(s3, "_connections", s3._Connections())
    assert list(s3_store.list("k")) == keys


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_bad_key_is_refused(store: ObjectStore, key: str) -> None:
    for use in (store.read, store.exists, store.delete, store.locate):
        with pytest.raises(StoreError, match=r"The key .*(segment|bytes|character)") as caught:
            use(key)
        assert not caught.value.retryable
    with pytest.raises(StoreError):
        store.create(key, b"")
    with pytest.raises(StoreError):
        store.write(key, b"")


def test_of_sixteen_creators_one_wins(store: ObjectStore) -> None:
    store.write("race/folder", b"")
    # SeaweedFS takes seconds to settle each.
    for n in range(1 if store.url.startswith("s3://") else 10):
        start = Barrier(16)

        def create(me: int, *, key: str = f"race/{n}", start: Barrier = start) -> bool:
            start.wait()
            return store.create(key, bytes([me]) * 10_000)

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(create, range(16)))
        assert sum(won) == 1
        assert store.read(f"race/{n}") == bytes([won.index(True)]) * 10_000


def test_readers_see_whole_objects_while_they_are_replaced(store: ObjectStore) -> None:
    size = 300_000
    store.write("seen", bytes(size))
    done = Event()
    pause_s = 0.02 if sys.platform == "win32" else 0  # an open file can't be replaced there: a writer needs a gap

    def read() -> int:
        rounds = 0
        while not done.wait(pause_s):
            data = store.read("seen")
            assert len(data) == size
            assert len(set(data)) == 1
            rounds += 1
        return rounds

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for n in range(25):
                store.write("seen", bytes([n]) * size)
        finally:
            done.set()
        assert all(reader.result() > 0 for reader in readers)


def test_a_big_object(store: ObjectStore) -> None:
    data = bytes(range(256)) * 32_768
    assert store.create("big", data)
    assert store.read("big") == data


def test_a_store_crosses_processes_without_secrets(store: ObjectStore) -> None:
    store.write("a", b"1")
    pickled = pickle.dumps(store)
    assert b"secret" not in pickled
    assert b"tester" not in pickled
    assert pickle.loads(pickled).read("a") == b"1"
    assert open_store(store.url) == store


def test_a_check_leaves_nothing_behind(store: ObjectStore) -> None:
    store.check()
    store.check()
    assert list(store.list()) == []


def test_a_location_can_be_opened(store: ObjectStore) -> None:
    place = f"{store.url}/a/b.exr"
    assert store.locate("a/b.exr") == (place if "://" in place else str(Path(place)))


@pytest.mark.parametrize(
    "url",
    ["", "http://host/x", "gs://bucket", "file://host/", "s3://", "s3:///x", "s3://key:secret@bucket/x"],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"s3://bucket") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_addresses_of_folders() -> None:
    drive = "C:" if sys.platform == "win32" else ""
    before = f"/{drive}" if drive else ""
    assert open_store(f"file://{before}/srv/My%20farm").url == str(Path(f"{drive}/srv/My farm"))
    assert open_store(f"{drive}/srv/a/../b/").url == str(Path(f"{drive}/srv/b"))
    assert Path(open_store("out").url).is_absolute()
