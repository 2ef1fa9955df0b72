"""Locks between processes, and files under names that others have open."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from system.files import flush_folder, lock, others_may_read, remove, replace

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes there")
def test_a_private_file_is_told_from_one_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    assert not others_may_read(path)
    path.chmod(0o640)
    assert others_may_read(path)
