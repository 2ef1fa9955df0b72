"""Sending a scene's files: beside all else, once, stopped and gone on with, and never a wrong one."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.run.scene_upload import SceneUpload
from storage import file_store as file_store_module
from storage.errors import FileChanged, StoreError
from storage.file_store import FileStore
from storage.objects import open_store
from tasks.scene.manifest import Manifest, manifest_of
from tests.end_to_end.conftest import TIMEOUT_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

PART_BYTES = 100_000


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_store_module, "PART_BYTES", PART_BYTES)


@dataclass
class Gate:
    """A store that takes so many objects and then lets nobody pass until it is opened; or is away so many times."""

    store: ObjectStore
    takes: int = 10**6
    away: int = 0
    taken: int = 0
    opened: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, key: str, data: bytes) -> bool:
        with self.lock:
            self.taken += 1
            waits, fails = self.taken > self.takes, self.taken <= self.away
        if fails:
            raise StoreError(reason="The store is away.", remedy="Wait.", url=self.store.url, retryable=True)
        if waits:
            self.opened.wait(TIMEOUT_S)
        return self.store.create(key, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
def scene(tmp_path: Path) -> Manifest:
    paths = [tmp_path / f"sea{number}.vdb" for number in range(5)]
    for path in paths:
        path.write_bytes(os.urandom(2 * PART_BYTES))
    paths[4].write_bytes(paths[3].read_bytes())
    return manifest_of({1: map(str, paths)}, str(paths[0]))


def test_each_content_is_sent_once_and_counted(scene: Manifest, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    first = SceneUpload(manifest=scene, files=FileStore(store=store))
    until(first.done)
    first.check()
    assert first.there_bytes == first.sent_bytes == first.size_bytes == 8 * PART_BYTES
    assert len(list(store.list())) == 8
    second = SceneUpload(manifest=scene, files=FileStore(store=store))
    until(second.done)
    assert (second.there_bytes, second.sent_bytes) == (8 * PART_BYTES, 0)


def test_what_was_sent_before_it_was_stopped_is_not_sent_again(scene: Manifest, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    gate = Gate(store, takes=3)
    sending = SceneUpload(manifest=scene, files=FileStore(store=gate))
    until(lambda: gate.taken > 3 and sending.sent_bytes == 3 * PART_BYTES)
    stopping = threading.Thread(target=sending.stop)
    stopping.start()
    until(sending._stopped.is_set)
    gate.opened.set()
    stopping.join()
    there = len(list(store.list()))
    assert 3 <= there < 8
    again = SceneUpload(manifest=scene, files=FileStore(store=store))
    until(again.done)
    again.check()
    assert again.sent_bytes == (8 - there) * PART_BYTES


def test_a_store_that_is_away_for_a_moment_is_told_of_and_waited_for(scene: Manifest, tmp_path: Path) -> None:
    gate = Gate(open_store(str(tmp_path / "store")), away=2)
    sending = SceneUpload(manifest=scene, files=FileStore(store=gate))
    until(sending.done)
    sending.check()
    assert sending.store_error is not None
    assert sending.store_error.reason == "The store is away."
    assert sending.there_bytes == sending.size_bytes


def test_a_file_that_is_another_one_by_now_ends_it(scene: Manifest, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    (tmp_path / "sea1.vdb").write_bytes(os.urandom(2 * PART_BYTES))
    sending = SceneUpload(manifest=scene, files=FileStore(store=store))
    until(sending.done)
    with pytest.raises(FileChanged, match=r"sea1\.vdb"):
        sending.check()
    sending.stop()
