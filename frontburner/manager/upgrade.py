"""What a farm ran with last, and a copy of Prefect's database before another version of Prefect changes it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from importlib.metadata import version
from typing import TYPE_CHECKING

from frontburner.credentials.private_files import write_private
from frontburner.manager.farm_setup import SetupRefused, farm_folder

if TYPE_CHECKING:
    from pathlib import Path

VERSION = version("frontburner")
PACKAGES = ("frontburner", "prefect", "distributed")


def note_versions(home: Path, *, own_database: bool) -> list[str]:
    """Note what the farm runs with from now on.

    Parameters
    ----------
    own_database
        Whether Prefect's database is the farm's own file, of which a copy is made before Prefect brings it up to date.

    Returns
    -------
    list of str
        What is new, in sentences.

    Raises
    ------
    SetupRefused
        When Prefect is older than the one that had the database last: it can't read it.
    """
    noted = farm_folder(home) / "versions.json"
    before: dict[str, str] = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    now = {package: version(package) for package in PACKAGES}
    said = [
        f"{name} {before[name]} is {now[name]} now." for name in PACKAGES if before.get(name, now[name]) != now[name]
    ]
    last = before.get("prefect", now["prefect"])
    if _numbers(now["prefect"]) < _numbers(last):
        raise SetupRefused(
            reason=f"Prefect's database was last used by version {last}; {now['prefect']} is older and can't read it.",
            remedy=f"Install prefect=={last} again, or put the copy of {farm_folder(home) / 'prefect'} back in place.",
        )
    if last != now["prefect"] and own_database:
        said += _copy(farm_folder(home) / "prefect" / "prefect.db", last)
    if now != before:
        write_private(noted, json.dumps(now, indent=1).encode())
    return said


def _copy(database: Path, last: str) -> list[str]:
    if not database.exists():
        return []
    copy = database.with_name(f"prefect-{last}.db")
    with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(copy)) as kept:
        now.backup(kept)
    return [f"Prefect brings its database up to date; a copy as it was is {copy}."]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
