"""A backup is consistent, readable by its owner only, and can be restored; an invalid one changes nothing."""

from __future__ import annotations

import sqlite3
import stat
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from frontburner.retention.backup import BackupError, back_up, restore
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "prefect").mkdir(parents=True)
    (home / "logs").mkdir()
    (home / "logs" / "nodes.log").write_text("much was said")
    pictures = home / "manager" / "store" / "pictures.dat"
    pictures.parent.mkdir(parents=True)
    pictures.write_text("those of a store")
    (home / "standings.json").write_text('{"licences": {}, "nodes": {}}')
    secret = home / "gate" / "ca.key"
    secret.parent.mkdir()
    secret.write_text("a key")
    secret.chmod(0o600)
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
        database.commit()
    return home


def pairs(home: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        return database.execute("SELECT a, b FROM pairs").fetchall()


def test_a_restore_keeps_modes_leaves_out_logs_and_moves_the_old_home_aside(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "farm.tar.gz"
    assert back_up(home, file) == 3
    assert sys.platform == "win32" or stat.S_IMODE(file.stat().st_mode) == 0o600
    (home / "standings.json").write_text("spoilt")
    done = restore(file, home, now=NOW)
    assert (home / "standings.json").read_text().startswith('{"licences"')
    assert sys.platform == "win32" or stat.S_IMODE((home / "gate" / "ca.key").stat().st_mode) == 0o600
    assert not (home / "logs").exists()
    assert not (home / "manager").exists()
    assert done.aside == tmp_path / "home-before-20260304-050607"
    assert (done.aside / "standings.json").read_text() == "spoilt"


def test_a_database_that_is_in_use_is_backed_up_consistently(home: Path, tmp_path: Path) -> None:
    over = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(home / "prefect" / "prefect.db", timeout=TIMEOUT_S)) as database:
            number = 0
            while not over.is_set():
                with database:  # both rows or none
                    database.executemany("INSERT INTO pairs VALUES (?, ?)", [(number, 1), (number, 2)])
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            file = tmp_path / f"{number}.tar.gz"
            back_up(home, file)
            restore(file, tmp_path / f"again-{number}", now=NOW)
            rows = pairs(tmp_path / f"again-{number}")
            assert len(rows) % 2 == 0
            assert len({first for first, _ in rows}) * 2 == len(rows)
    finally:
        over.set()
        writer.join()
    assert pairs(home)


@pytest.mark.parametrize("damage", ["cut", "other", "text"])
def test_an_invalid_backup_changes_nothing(home: Path, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "farm.tar.gz"
    back_up(home, file)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-200])
    elif damage == "text":
        file.write_text("not at all")
    else:
        import tarfile

        with tarfile.open(file, "w:gz") as archive:
            archive.add(home / "standings.json", "standings.json")
    with pytest.raises(BackupError):
        restore(file, home, now=NOW)
    assert (home / "standings.json").read_text().startswith('{"licences"')
    assert not list(tmp_path.glob("home-before-*"))
    assert not list(tmp_path.glob(".frontburner-*"))


def test_an_empty_home_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="nothing to back up"):
        back_up(tmp_path / "nothing", tmp_path / "farm.tar.gz")
