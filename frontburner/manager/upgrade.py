"""Records the versions a farm ran with, and backs up Prefect's database before another Prefect migrates it."""

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


def record_versions(home: Path, *, owns_database: bool) -> list[str]:
    """Record the installed versions.

    Parameters
    ----------
    owns_database
        Whether Prefect's database is a file of this farm, which is backed up before Prefect migrates it.

    Returns
    -------
    list of str
        The changes, one sentence each.

    Raises
    ------
    SetupRefused
        When Prefect is older than the one that last used the database, and so can't read it.
    """
    path = farm_folder(home) / "versions.json"
    previous: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    current = {package: version(package) for package in PACKAGES}
    changes = [
        f"{name} {previous[name]} is {current[name]} now."
        for name in PACKAGES
        if previous.get(name, current[name]) != current[name]
    ]
    last = previous.get("prefect", current["prefect"])
    if _numbers(current["prefect"]) < _numbers(last):
        raise SetupRefused(
            reason=f"Prefect's database was last used by version {last}; {current['prefect']} is older and can't "
            "read it.",
            remedy=f"Install prefect=={last} again, or restore the backup in {farm_folder(home) / 'prefect'}.",
        )
    if last != current["prefect"] and owns_database:
        changes += _back_up(farm_folder(home) / "prefect" / "prefect.db", last)
    if current != previous:
        write_private(path, json.dumps(current, indent=1).encode())
    return changes


def _back_up(database: Path, last: str) -> list[str]:
    if not database.exists():
        return []
    backup = database.with_name(f"prefect-{last}.db")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    return [f"Prefect migrates its database; the backup is {backup}."]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdigit())
