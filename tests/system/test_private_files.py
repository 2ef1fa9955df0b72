"""Private files and folders are their owner's alone from the moment they exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from system.files import others_may_read
from system.private_files import create_private, make_private_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_nobody_else_may_read_a_private_file_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with create_private(path) as file:
        assert not others_may_read(path)
        file.write(b"line\n")
    assert path.read_bytes() == b"line\n"
    assert not others_may_read(path)


def test_a_file_that_exists_is_not_taken_for_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        create_private(path)
    assert path.read_bytes() == b"theirs"


def test_nobody_else_may_enter_a_private_folder(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "secrets"
    make_private_folder(folder)
    make_private_folder(folder)
    assert not others_may_read(folder)


def test_what_is_no_folder_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):  # noqa: PT011 - the system's own
        make_private_folder(tmp_path / "file" / "secrets")
