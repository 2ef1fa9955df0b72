"""Locks between processes, and files under names that others have open."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from functools import partial
from typing import TYPE_CHECKING

import pytest

from storage.errors import StoreError
from storage.local import LocalStore
from system.files import (
    flush_folder,
    lock,
    once_free,
    open_to_append,
    others_may_read,
    remove,
    remove_folder,
    replace,
    temporary_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

on_windows = pytest.mark.skipif(sys.platform != "win32", reason="open files can be replaced and removed")

HOLDER = """
    import sys, time
    from system.files import lock
    with open(sys.argv[1], "ab") as file:
        lock(file, exclusive=sys.argv[2] == "exclusive")
        print("held", flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize(
    ("theirs", "ours", "refused"),
    [
        ("exclusive", "exclusive", True),
        ("exclusive", "shared", True),
        ("shared", "exclusive", True),
        ("shared", "shared", False),
    ],
)
def test_a_lock_excludes_others_until_its_process_is_killed(
    theirs: str, ours: str, refused: bool, tmp_path: Path
) -> None:
    path = tmp_path / "lock"
    path.write_text("who holds it")
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(path), theirs]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        assert path.read_text() == "who holds it"  # readers aren't kept from it
        with path.open("ab") as file:
            if refused:
                with pytest.raises(BlockingIOError):
                    lock(file, exclusive=ours == "exclusive", wait=False)
            else:
                lock(file, exclusive=ours == "exclusive", wait=False)
        holder.kill()
    with path.open("ab") as file:
        lock(file, exclusive=True, wait=False)


def test_a_file_takes_the_name_of_another(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    old.write_text("old")
    replace(new, old)
    flush_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert old.read_text() == "new"
    remove(old)
    remove(old)
    assert list(tmp_path.iterdir()) == []


def test_read_only_files_are_replaced_and_removed(tmp_path: Path) -> None:
    new, old, folder = tmp_path / "new", tmp_path / "old", tmp_path / "folder"
    for path in (new, old, folder / "in" / "it"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
        path.chmod(0o444)
    replace(new, old)
    assert old.read_text() == "new"
    remove(old)
    remove_folder(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_goes_with_all_in_it(tmp_path: Path) -> None:
    with temporary_folder() as folder:
        (folder / "a").mkdir()
        (folder / "a" / "b").touch()
    assert not folder.exists()


@on_windows
def test_a_file_is_replaced_once_the_program_that_has_it_open_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("system.windows.files._BUSY_TIMEOUT_S", 120.0)
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    old.write_text("old")
    code = "import sys, time; file = open(sys.argv[1]); print(flush=True); time.sleep(2)"
    with subprocess.Popen([sys.executable, "-c", code, str(old)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        replace(new, old)
    assert old.read_text() == "new"


@on_windows
def test_an_open_file_is_named_and_never_called_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("system.windows.files._BUSY_TIMEOUT_S", 0.1)
    store = LocalStore.at(str(tmp_path))
    store.write("a/b", b"old")
    with (tmp_path / "a" / "b").open("rb"):
        for change in (partial(store.write, "a/b", b"new"), partial(store.delete, "a/b")):
            with pytest.raises(StoreError, match=r"Another program has .*b open") as caught:
                change()
            assert caught.value.retryable
        remove_folder(tmp_path / "a")  # it leaves what is open
        assert store.read("a/b") == b"old"
    store.write("a/b", b"new")
    assert store.read("a/b") == b"new"
    with pytest.raises(FileNotFoundError):
        once_free((tmp_path / "none").read_bytes)


@on_windows
def test_the_working_folder_of_a_program_is_left_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("system.windows.files._BUSY_TIMEOUT_S", 0.1)
    code = "import time; print(flush=True); time.sleep(600)"
    with temporary_folder() as folder:
        program = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE)
        assert program.stdout
        program.stdout.readline()
    with program:
        program.kill()
    remove_folder(folder)
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes there")
def test_a_private_file_is_told_from_one_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    assert not others_may_read(path)
    path.chmod(0o640)
    assert others_may_read(path)


def test_what_is_emptied_is_appended_to_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = "import sys; [print(input(), flush=True) for _ in range(2)]"
    with (
        open_to_append(log) as ours,
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=ours) as theirs,
    ):
        assert theirs.stdin is not None
        theirs.stdin.write(b"first\n")
        theirs.stdin.flush()
        while not log.stat().st_size:
            assert theirs.poll() is None
        ours.write(b"ours\n")
        ours.flush()
        with log.open("r+b") as emptied:
            assert emptied.read().split() == [b"first", b"ours"]
            emptied.truncate(0)
        theirs.stdin.write(b"second\n")
    assert log.read_bytes().split() == [b"second"]
