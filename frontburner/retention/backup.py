"""The farm's home in one file, and back: Prefect's database as of one moment, and all else that can't be remade."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

LEFT_OUT = {"logs", "running", "manager/logs", "manager/store"}
"""Folders of the home that aren't kept: what was said, notes of farms that run, and pictures, which are a store's."""
LEFT_OUT_FILES = {"in-use"}
PASSING = (".db-wal", ".db-shm", ".db-journal", ".new", ".sock", ".pid", ".log")
DATABASE = ".db"
MARK = "frontburner-home"
"""The first file of a backup: by it a file is known to be one."""


class NoBackup(FrontburnerError):
    """A backup that can't be made, or a file that isn't one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did; ``aside`` is where the home that was there is now."""

    files: int
    aside: Path | None


def back_up(home: Path, file: Path) -> int:
    """Write the home into one compressed file, readable by its owner alone; the farm may go on meanwhile.

    Returns
    -------
    int
        How many files are in it.

    Raises
    ------
    NoBackup
        When there is nothing, or the file can't be written.
    """
    paths = sorted(_kept(home))
    if not paths:
        raise NoBackup(reason=f"There is nothing to keep in {home}.", remedy="Set FRONTBURNER_HOME to the farm's home.")
    passing = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="frontburner-") as scratch,
            os.fdopen(os.open(passing, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as raw,
            tarfile.open(fileobj=raw, mode="w:gz") as archive,
        ):
            mark = Path(scratch) / MARK
            mark.touch()
            archive.add(mark, MARK)
            for path in paths:
                archive.add(_still(path, Path(scratch)), str(path.relative_to(home)), recursive=False)
        passing.replace(file)
    except (OSError, sqlite3.Error) as error:
        raise NoBackup(reason=f"The backup {file} can't be written: {error}.", remedy="Give it room there.") from None
    finally:
        passing.unlink(missing_ok=True)
    return len(paths)


def restore(file: Path, home: Path, *, now: datetime) -> Restored:
    """Put the home of a backup in place; the one that was there is kept beside it.

    Raises
    ------
    NoBackup
        When the file is no backup, or is damaged: the home is left as it was.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".frontburner-", dir=home.parent) as scratch:
        fresh = Path(scratch) / "home"
        try:
            with tarfile.open(file) as archive:
                if archive.next() is None or archive.getnames()[0] != MARK:
                    raise NoBackup(reason=f"{file} is no backup of a farm.", remedy="Give one of `farm backup`.")
                archive.extractall(fresh, filter="data")
            for database in fresh.rglob(f"*{DATABASE}"):
                _check(database)
        except (OSError, EOFError, tarfile.TarError, sqlite3.Error) as error:
            raise NoBackup(reason=f"The backup {file} can't be read: {error}.", remedy="Take another one.") from None
        (fresh / MARK).unlink()
        aside = home.with_name(f"{home.name}-before-{now:%Y%m%d-%H%M%S}") if home.exists() else None
        if aside is not None:
            home.rename(aside)
        shutil.move(fresh, home)
        return Restored(files=sum(path.is_file() for path in home.rglob("*")), aside=aside)


def _kept(home: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(home):
        place = Path(folder)
        folders[:] = [name for name in folders if (place / name).relative_to(home).as_posix() not in LEFT_OUT]
        for name in files:
            path = place / name
            if name not in LEFT_OUT_FILES and not name.endswith(PASSING) and path.is_file():
                yield path


def _still(path: Path, scratch: Path) -> Path:
    """Return a file that doesn't change while it is read: of a database a copy as of one moment."""
    if path.suffix != DATABASE:
        return path
    copy = scratch / path.name
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def _check(database: Path) -> None:
    with closing(sqlite3.connect(database)) as opened:
        (verdict,) = opened.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"{database.name}: {verdict}")
