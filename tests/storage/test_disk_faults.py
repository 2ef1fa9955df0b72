"""Disk faults: one clear error each, and no partial objects."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.disk_errors import translate_os_errors
from storage.errors import StoreError
from storage.local import LocalStore
from storage.objects import INTERNAL_PREFIX, open_store
from system.processes import KILLED
from tests.disks import disk
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]


def scratch_files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / INTERNAL_PREFIX / ".tmp").glob("*") if path.name != "lock")


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, from the repository."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@pytest.mark.parametrize("method", ["create", "write"])
def test_no_permission(method: str) -> None:
    # Permissions don't hold root back, so the test gives root up first; its own folder lies where anyone gets to.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        done = run(
            """
            import os, sys
            from storage.local import LocalStore
            store = LocalStore.at(sys.argv[1])
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                getattr(store, sys.argv[2])("a/b", b"data")
            except Exception as error:
                print(type(error).__name__, error)
            """,
            folder,
            method,
        )
        assert done.stdout.startswith(f"StoreError No permission to use {folder}. Give the user"), done
        assert list(Path(folder).iterdir()) == []


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    store = open_store(str(tmp_path / "store"))
    with pytest.raises(StoreError, match=r"There is a file where .*store needs a folder.* Move it away"):
        store.check()
    assert not store.exists("a")
    assert list(store.list()) == []


def test_a_folder_where_an_object_should_be(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.create("a/b", b"")
    assert not store.exists("a")
    for use in (store.create, store.write):
        with pytest.raises(StoreError, match="a folder where it needs a file"):
            use("a", b"")
    with pytest.raises(StoreError, match="a folder where it needs a file"):
        store.read("a")
    assert scratch_files(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with disk(tmp_path / "disk", "1m") as place:
        yield place


def test_a_full_disk(small_disk: Path) -> None:
    store = open_store(str(small_disk / "store"))
    store.write("a", b"old")
    for use in (store.create, store.write):
        with pytest.raises(StoreError, match=r"The disk that holds .*store is full\. Free some space") as caught:
            use("b/c", bytes(2_000_000))
        assert not caught.value.retryable
    with pytest.raises(StoreError, match="is full"):
        store.write("a", bytes(2_000_000))
    assert store.read("a") == b"old"
    assert list(store.list()) == ["a"]
    assert scratch_files(small_disk / "store") == []
    assert store.create("b/c", bytes(100_000))


def test_a_read_only_disk(small_disk: Path) -> None:
    store = open_store(str(small_disk))
    store.write("a", b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match=r"The drive that holds .* is read-only\. Mount it writable"):
        store.check()
    with pytest.raises(StoreError, match="is read-only"):
        store.delete("a")
    assert store.read("a") == b"old"


def test_a_limit_on_file_sizes(tmp_path: Path) -> None:
    # Cuts a write short on any machine, as a full disk does.
    done = run(
        """
        import resource, sys
        from storage.local import LocalStore
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            LocalStore.at(sys.argv[1]).create("a", bytes(200_000))
        except Exception as error:
            print(type(error).__name__, error)
        """,
        tmp_path,
    )
    assert done.stdout.startswith("StoreError A file in"), done
    assert "ulimit -f" in done.stdout
    assert not (tmp_path / "a").exists()
    assert scratch_files(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "words", "retryable"),
    [
        (errno.EDQUOT, "quota", False),
        (errno.EPERM, "No permission", False),
        (errno.EXDEV, "several drives", False),
        (errno.ENAMETOOLONG, "longer", False),
        (errno.EMFILE, "too many files open", True),
        (errno.EIO, "doesn't answer or fails", True),
        (errno.ESTALE, "doesn't answer or fails", True),
        (errno.ENODEV, "No such device", False),
    ],
)
def test_other_errors_have_words_too(number: int, words: str, *, retryable: bool) -> None:
    with pytest.raises(StoreError, match=words) as caught, translate_os_errors("/srv/{farm}", "k"):
        raise OSError(number, os.strerror(number))
    assert caught.value.retryable == retryable
    assert caught.value.remedy
    assert "/srv/{farm}" in caught.value.reason


@pytest.mark.parametrize("method", ["create", "write"])
def test_a_killed_writer_leaves_no_object(tmp_path: Path, method: str) -> None:
    store = LocalStore.at(str(tmp_path))
    # It stops where everything is written but nothing flushed, says so, and waits to be killed.
    script = """
        import os, signal, sys
        from storage.local import LocalStore
        def stop(descriptor):
            print("written", flush=True)
            signal.pause()
        os.fsync = stop
        getattr(LocalStore.at(sys.argv[1]), sys.argv[2])("a/b", bytes(1_000_000))
        """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), method]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.kill()
        assert writer.wait() == KILLED
    assert list(store.list()) == []
    assert not store.exists("a/b")
    assert len(scratch_files(tmp_path)) == 1
    store._sweep(before_s=0.0)
    assert len(scratch_files(tmp_path)) == 1
    store._sweep(before_s=float("inf"))
    assert scratch_files(tmp_path) == []
    assert store.create("a/b", b"1")


def test_one_creator_wins_without_hard_links_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store = open_store(str(tmp_path))
    for n in range(5):
        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(lambda me, key=f"k{n}": store.create(key, bytes([me])), range(16)))
        assert sum(won) == 1
        assert store.read(f"k{n}") == bytes([won.index(True)])
    assert scratch_files(tmp_path) == []
