"""Files in a store, addressed by content: sent once, in parts, never wrong under their name."""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING

import pytest

from storage import file_store as file_store_module
from storage.errors import CorruptObject, FileChanged, MissingObject
from storage.file_store import FileStore

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

PART_BYTES = 100_000


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_store_module, "PART_BYTES", PART_BYTES)


class Progress:
    """Bytes that were in the store, and bytes that were sent."""

    def __init__(self) -> None:
        self.there_bytes = self.sent_bytes = 0

    def __call__(self, size_bytes: int, *, sent: bool) -> None:
        if sent:
            self.sent_bytes += size_bytes
        else:
            self.there_bytes += size_bytes


def made(folder: Path, size_bytes: int, name: str = "tex.png") -> tuple[Path, str, bytes]:
    data = os.urandom(size_bytes)
    path = folder / name
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest(), data


def fetched(files: FileStore, sha256: str, size_bytes: int) -> bytes:
    into = io.BytesIO()
    files.fetch(sha256, size_bytes, into)
    return into.getvalue()


@pytest.mark.parametrize("size_bytes", [0, 1, PART_BYTES, PART_BYTES + 1, 5 * PART_BYTES])
def test_a_file_is_read_back_unchanged_and_sent_once(store: ObjectStore, tmp_path: Path, size_bytes: int) -> None:
    files, (path, sha256, data) = FileStore(store=store), made(tmp_path, size_bytes)
    first, second = Progress(), Progress()
    files.put(path, sha256, report=first)
    assert (first.there_bytes, first.sent_bytes) == (0, size_bytes)
    assert fetched(files, sha256, size_bytes) == data
    twin = tmp_path / "twin.exr"
    twin.write_bytes(data)
    files.put(twin, sha256, report=second)
    assert (second.there_bytes, second.sent_bytes) == (size_bytes, 0)


def test_an_interrupted_upload_resumes(store: ObjectStore, tmp_path: Path) -> None:
    files, (path, sha256, data) = FileStore(store=store), made(tmp_path, 5 * PART_BYTES)
    progress = Progress()

    def abort(size_bytes: int, *, sent: bool) -> None:
        progress(size_bytes, sent=sent)
        if progress.sent_bytes == 2 * PART_BYTES:
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        files.put(path, sha256, report=abort)
    with pytest.raises(MissingObject):
        fetched(files, sha256, len(data))
    second = Progress()
    files.put(path, sha256, report=second)
    assert (second.there_bytes, second.sent_bytes) == (2 * PART_BYTES, 3 * PART_BYTES)
    assert fetched(files, sha256, len(data)) == data


def test_a_file_that_changes_while_it_is_sent_leaves_nothing_wrong_behind(store: ObjectStore, tmp_path: Path) -> None:
    files, (path, sha256, data) = FileStore(store=store), made(tmp_path, 3 * PART_BYTES)

    def overwrite(size_bytes: int, *, sent: bool) -> None:
        if sent:
            with path.open("r+b") as file:
                file.seek(2 * PART_BYTES)
                file.write(b"other bytes")

    with pytest.raises(FileChanged, match=r"tex\.png"):
        files.put(path, sha256, report=overwrite)
    assert not list(store.list())
    path.write_bytes(data + b"more")
    with pytest.raises(FileChanged):
        files.put(path, sha256)
    assert not list(store.list())


def test_a_damaged_part_is_noticed_and_can_be_sent_again(store: ObjectStore, tmp_path: Path) -> None:
    files, (path, sha256, data) = FileStore(store=store), made(tmp_path, 3 * PART_BYTES)
    files.put(path, sha256)
    second = sorted(store.list())[1]
    store.write(second, bytes(PART_BYTES))
    with pytest.raises(CorruptObject):
        fetched(files, sha256, len(data))
    files.discard(sha256)
    files.put(path, sha256)
    assert fetched(files, sha256, len(data)) == data
