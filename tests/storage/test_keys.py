"""One rule for keys on every system, and addresses of stores as they are written on each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from storage.errors import StoreError
from storage.objects import check_key, check_new_key, open_store
from storage.s3 import S3Store
from system import paths

if TYPE_CHECKING:
    from pathlib import Path

WINDOWS = os.sep == "\\"
WRONG = {
    "C:/x": "':'", "a/b:c": "':'", "con": "con", "shots/aux.exr": "aux", "a*b": "'*'", 'a"b': "'\"'", "a|b": r"'\|'",
    "trail.": "dot", "a /b": "space", "x?": r"'\?'",
}  # fmt: skip


@pytest.mark.parametrize("key", WRONG)
def test_a_key_that_some_system_cannot_have_is_stored_nowhere(key: str, tmp_path: Path) -> None:
    for store in (open_store(str(tmp_path / "store")), S3Store(bucket="b")):
        for act in (store.write, store.create):
            with pytest.raises(StoreError, match=WRONG[key]) as caught:
                act(key, b"x")
            assert repr(key) in caught.value.reason
    assert [*tmp_path.rglob("*")] == []


@pytest.mark.skipif(WINDOWS, reason="no such file can be there")
def test_what_an_earlier_version_stored_is_read_listed_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "aux.exr").write_bytes(b"x")
    (tmp_path / "a:b").write_bytes(b"y")
    store = open_store(str(tmp_path))
    assert [*store.list()] == ["a:b", "aux.exr"]
    assert store.read("a:b") == b"y"
    assert store.locate("aux.exr") == str(tmp_path / "aux.exr")
    store.delete("a:b")
    assert [*store.list()] == ["aux.exr"]
    assert check_key("a:b", url="") == "a:b"
    with pytest.raises(StoreError):
        check_new_key("a:b", url="")


@pytest.mark.skipif(not WINDOWS, reason="case counts here")
def test_two_keys_that_differ_by_case_are_not_one(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.write("Shots/Room.exr", b"x")
    store.write("Shots/Room.exr", b"y")
    for key in ("Shots/room.exr", "shots/other.exr"):
        with pytest.raises(StoreError, match="differs only by case"):
            store.write(key, b"z")
    assert store.read("Shots/Room.exr") == b"y"


@pytest.mark.skipif(not WINDOWS, reason="what only Windows would do")
@pytest.mark.parametrize("key", ["C:/x", "nul", "a:b", "trail."])
def test_a_key_never_leads_out_of_a_store(key: str, tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for act in (store.read, store.exists, store.delete):
        with pytest.raises(StoreError):
            act(key)


def test_a_long_key_in_a_deep_folder(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / ("d" * 100)))
    key = f"{'a' * 120}/{'ü' * 60}/{'c' * 120}.exr"
    store.write(key, b"x")
    assert len(store.locate(key)) > 400
    assert store.read(key) == b"x"
    assert [*store.list()] == [key]
    assert [entry.size_bytes for entry in store.entries()] == [1]
    store.delete(key)
    assert [*store.list()] == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"s3:\\b\p", "s3://b/p"),
        ("s3:/b/p", "s3://b/p"),
        (r"s3:\b\p", "s3://b/p"),
        ("S3:b/p", "s3://b/p"),
        ("file:/x", "file://x"),
    ],
)
def test_an_address_that_a_shell_changed_is_refused_with_what_was_meant(written: str, meant: str) -> None:
    with pytest.raises(StoreError, match="two slashes") as caught:
        open_store(written)
    assert f"Write {meant}," in caught.value.remedy


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("file:///C:/my%20pictures", r"C:\my pictures"),
        ("file://nas/pictures/a", r"\\nas\pictures\a"),
        ("C:/pictures", r"C:\pictures"),
        (r"\\nas\pictures\a", r"\\nas\pictures\a"),
        ("//nas/pictures/a" if WINDOWS else r"\\nas\pictures\a", r"\\nas\pictures\a"),
    ],
)
def test_folders_of_windows(url: str, there: str) -> None:
    if WINDOWS:
        assert open_store(url).url == there
        return
    with pytest.raises(StoreError, match="folder of another system") as caught:
        open_store(url)
    assert "frontburner farm paths add" in caught.value.remedy


@pytest.mark.parametrize("url", ["file:///srv/pictures", "/srv/pictures", "file://localhost/srv/pictures"])
def test_folders_of_linux(url: str) -> None:
    if not WINDOWS:
        assert open_store(url).url == "/srv/pictures"
        return
    with pytest.raises(StoreError, match="folder of another system"):
        open_store(url)


def test_a_mapped_folder_is_the_same_store_everywhere(tmp_path: Path) -> None:
    (folder := tmp_path / "shots ü").mkdir()
    paths.use_table(lambda: (("P:\\", "/mnt/projects", str(folder)),))
    try:
        for url in (r"P:\a", "p:/a", "/mnt/projects/a", "file:///P:/a", str(folder / "a")):
            assert open_store(url).url == str(folder / "a")
    finally:
        paths.use_table(tuple)
