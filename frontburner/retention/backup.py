"""Back up the farm's home to a file and restore it: a consistent copy of Prefect's database, and all other state."""

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
from system.files import replace
from system.private_files import create_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

EXCLUDED_FOLDERS = {"logs", "running", "manager/logs", "manager/store"}
"""Folders of the home that aren't backed up: logs, notes of running farms, and the pictures of its own store."""
EXCLUDED_FILES = {"in-use"}
TEMPORARY_SUFFIXES = (".db-wal", ".db-shm", ".db-journal", ".new", ".sock", ".pid", ".log")
DATABASE = ".db"
MARKER = "frontburner-home"
"""Name of the first file of a backup, by which a backup is recognized."""


class BackupError(FrontburnerError):
    """A backup can't be made, or a file isn't a backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Result of a restore; ``aside`` is where the previous home was moved."""

    files: int
    aside: Path | None


def back_up(home: Path, file: Path) -> int:
    """Write the home to a compressed file that only its owner can read. The farm may be running.

    Returns
    -------
    int
        Number of files in it.

    Raises
    ------
    NoBackup
        When the home is empty, or the file can't be written.
    """
    paths = sorted(_files_to_back_up(home))
    if not paths:
        raise BackupError(
            reason=f"There is nothing to back up in {home}.", remedy="Set FRONTBURNER_HOME to the farm's home."
        )
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="frontburner-") as scratch,
            create_private(temporary) as raw,
            tarfile.open(fileobj=raw, mode="w:gz") as archive,
        ):
            marker = Path(scratch) / MARKER
            marker.touch()
            archive.add(marker, MARKER)
            for path in paths:
                archive.add(_stable_copy(path, Path(scratch)), str(path.relative_to(home)), recursive=False)
        replace(temporary, file)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(
            reason=f"The backup {file} can't be written: {error}.",
            remedy="Check the folder's permissions and free space.",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return len(paths)


def restore(file: Path, home: Path, *, now: datetime) -> Restored:
    """Restore the home from a backup; the previous home is moved aside.

    Raises
    ------
    NoBackup
        When the file isn't a backup, or is damaged; the home is unchanged.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".frontburner-", dir=home.parent) as scratch:
        restored = Path(scratch) / "home"
        try:
            with tarfile.open(file) as archive:
                if archive.next() is None or archive.getnames()[0] != MARKER:
                    raise BackupError(
                        reason=f"{file} is no backup of a farm.", remedy="Use a file made by `farm backup`."
                    )
                archive.extractall(restored, filter="data")
            for database in restored.rglob(f"*{DATABASE}"):
                _check_integrity(database)
        except (OSError, EOFError, tarfile.TarError, sqlite3.Error) as error:
            raise BackupError(reason=f"The backup {file} can't be read: {error}.", remedy="Use another one.") from None
        (restored / MARKER).unlink()
        aside = home.with_name(f"{home.name}-before-{now:%Y%m%d-%H%M%S}") if home.exists() else None
        if aside is not None:
            home.rename(aside)
        shutil.move(restored, home)
        return Restored(files=sum(path.is_file() for path in home.rglob("*")), aside=aside)


def _files_to_back_up(home: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(home):
        parent = Path(folder)
        folders[:] = [name for name in folders if (parent / name).relative_to(home).as_posix() not in EXCLUDED_FOLDERS]
        for name in files:
            path = parent / name
            if name not in EXCLUDED_FILES and not name.endswith(TEMPORARY_SUFFIXES) and path.is_file():
                yield path


def _stable_copy(path: Path, scratch: Path) -> Path:
    """Return a file that doesn't change while it is read: a consistent copy of a database, other files as they are."""
    if path.suffix != DATABASE:
        return path
    copy = scratch / path.name
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def _check_integrity(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (result,) = connection.execute("PRAGMA integrity_check").fetchone()
    if result != "ok":
        raise sqlite3.DatabaseError(f"{database.name}: {result}")
