"""Rotated logs, and the backup of the database before another Prefect migrates it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from frontburner.cluster.log_files import BACKUPS, RotatingLog
from frontburner.manager.farm_setup import SetupRefused, farm_folder
from frontburner.manager.upgrade import record_versions

if TYPE_CHECKING:
    from pathlib import Path

CHATTER = """
import sys
for start in sys.stdin:
    for number in range(int(start), int(start) + 100):
        print(f"line {number:06d} " + "x" * 100, flush=True)
    print("so far", file=sys.stderr, flush=True)
"""


def test_a_log_is_rotated_while_it_is_written_and_followed(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "service.log", max_bytes=20_000)
    log.note("it is started")
    said, lines = log.follow(), []
    assert next(said) == ""
    with (
        log.open() as sink,
        subprocess.Popen(
            [sys.executable, "-c", CHATTER],
            stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        for start in range(0, 2000, 100):
            print(start, file=process.stdin, flush=True)
            assert process.stderr.readline() == "so far\n"
            log.rotate()
            lines += list(iter(lambda: next(said), ""))
    assert len(list(tmp_path.iterdir())) == BACKUPS + 1
    assert log.path.stat().st_size < 40_000
    assert [int(line.split()[1]) for line in lines if line.startswith("line ")] == list(range(2000))
    log.note("it has ended")
    assert log.tail()[-1].endswith("it has ended")
    assert all(line.startswith("line ") for line in log.last_lines(5))


def test_a_log_that_has_grown_since_its_rotation_is_followed_from_its_first_line(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "service.log", max_bytes=20)
    log.note("old")
    said = log.follow()
    assert next(said) == ""
    with log.open() as sink:
        sink.write(b"last of the old\n")
    log.rotate()
    with log.open() as sink:
        sink.write(b"".join(b"line %d\n" % number for number in range(100)))
    assert [next(said) for _ in range(102)] == ["last of the old", *(f"line {number}" for number in range(100)), ""]


def test_the_database_is_backed_up_before_an_upgrade_and_a_downgrade_is_refused(tmp_path: Path) -> None:
    folder = farm_folder(tmp_path) / "prefect"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "prefect.db")) as database:
        database.execute("create table job (name text)")
        database.execute("insert into job values ('room')")
        database.commit()
    assert record_versions(tmp_path, owns_database=True) == []
    noted = farm_folder(tmp_path) / "versions.json"
    now = json.loads(noted.read_text())

    noted.write_text(json.dumps(now | {"prefect": "3.7.0"}))
    said = record_versions(tmp_path, owns_database=True)
    assert said[0] == f"prefect 3.7.0 is {now['prefect']} now."
    with closing(sqlite3.connect(folder / "prefect-3.7.0.db")) as copy:
        assert copy.execute("select name from job").fetchall() == [("room",)]
    assert json.loads(noted.read_text()) == now

    noted.write_text(json.dumps(now | {"prefect": "99.0.1"}))
    with pytest.raises(SetupRefused, match=r"version 99\.0\.1;.* older"):
        record_versions(tmp_path, owns_database=True)
    assert json.loads(noted.read_text())["prefect"] == "99.0.1"
