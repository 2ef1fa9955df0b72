"""``frontburner farm paths``: the names that one folder has on different systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import App

from frontburner.cli.command import OK, Flag, Scheduler, guarded_with_farm, print_err, print_result, table
from system.paths import with_mapping, without_mapping

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from system import paths

app = App(
    name="paths",
    help="""Folders that Windows, Linux and macOS see under different names.

Scenes, what they refer to, and outputs below a folder are then found on every node. The farm keeps the table; without a
permanent farm it is kept for those that jobs start on this machine.""",
)


@app.command
@guarded_with_farm
def add(*names: str, scheduler: Scheduler = "") -> int:
    r"""Add the names of one folder: `frontburner farm paths add P: /mnt/projects '\\nas\projects'`.

    Parameters
    ----------
    names
        Absolute paths. Where a system has several, the path's own counts, else the first that is there.
    """
    _change(scheduler, lambda known: with_mapping(known, names))
    print_err(f"{' = '.join(names)}")
    return OK


@app.command
@guarded_with_farm
def remove(name: str, *, scheduler: Scheduler = "") -> int:
    """Remove a folder from the table, by one of its names."""
    _change(scheduler, lambda known: without_mapping(known, name))
    print_err(f"{name} is no longer in the table.")
    return OK


@app.command(name="list")
@guarded_with_farm
def list_(*, scheduler: Scheduler = "", json: Flag = False) -> int:
    """List the folders, each with all its names."""
    known = _known(_scheduler(scheduler))
    print_result([list(names) for names in known], [_rows(known)], as_json=json)
    return OK


def _rows(mappings: paths.Table) -> Table | str:
    if not mappings:
        return "No folder has several names. Add one: frontburner farm paths add P: /mnt/projects"
    rows = table("folder", "is also")
    for first, *others in mappings:
        rows.add_row(first, "   ".join(others))
    return rows


def _scheduler(given: str) -> str:
    """Return the scheduler of the farm that is meant; empty if none runs, and this machine hasn't joined any."""
    from frontburner.cluster.running_farms import find_scheduler, running_farms
    from frontburner.settings import Settings

    settings = Settings()
    known = given or settings.scheduler or running_farms() or (settings.home / "farm" / settings.member).exists()
    return find_scheduler(given) if known else ""


def _known(scheduler: str) -> paths.Table:
    from frontburner.cluster.arbiter_calls import call
    from frontburner.cluster.farm_paths import kept_table

    return tuple(map(tuple, call(scheduler, "paths"))) if scheduler else kept_table()


def _change(scheduler: str, change: Callable[[paths.Table], paths.Table]) -> None:
    from frontburner.cluster.arbiter_calls import call
    from frontburner.cluster.farm_paths import standings_file
    from frontburner.cluster.node_settings import FarmSettings
    from frontburner.jobs.job import JobRefused

    address = _scheduler(scheduler)
    try:
        changed = change(_known(address))
    except ValueError as error:
        raise JobRefused(reason=str(error), remedy="", problems=()) from None
    if not (address and call(address, "map_paths", table=changed)):
        settings = FarmSettings(path=standings_file())
        settings.load()
        settings.map_paths(changed)
