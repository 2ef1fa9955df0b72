"""``frontburner farm metrics``, ``backup`` and ``restore``, and ``frontburner store``: maintenance of a farm."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path  # noqa: TC003 - cyclopts reads annotations
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from frontburner.cli.command import OK, REFUSED, UNAVAILABLE, Flag, guard, print_err
from frontburner.cli.farm import app as farm_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frontburner.retention.rules import Policy
    from frontburner.retention.stores import Holding

MEGABYTE = 1_000_000

store_app = App(name="store", help="See what stores hold, and delete what is no longer needed.")

Out = Annotated[
    str | None,
    Parameter(help="The store; default: all stores of the jobs this machine has run, and scenes dropped on its page."),
]


_guarded = guard(lambda _: UNAVAILABLE)


@farm_app.command
@_guarded
def metrics(*, scheduler: str = "", stores: bool = True) -> int:
    """Print the farm's metrics in the format of Prometheus: nodes, jobs, units, efficiency, bytes of stores.

    Parameters
    ----------
    scheduler
        Address of the farm's scheduler; empty finds it.
    stores
        Include the bytes of stores, for which all their objects are listed.
    """
    from frontburner.cluster.running_farms import NoFarm, find_scheduler
    from frontburner.manager.metrics import current_metrics

    try:
        address = find_scheduler(scheduler)
    except NoFarm:
        address = ""
    sys.stdout.write(current_metrics(address, stores=stores).decode())
    return OK


@farm_app.command
@_guarded
def backup(file: Path) -> int:
    """Back up the farm's home to one file: Prefect's database, jobs, settings of nodes, certificates and tokens.

    The farm may be running. Pictures and units, which are in stores of their own, are not included.

    Parameters
    ----------
    file
        The file, such as farm.tar.gz. It contains secrets: only its owner can read it.
    """
    from frontburner.retention.backup import back_up
    from frontburner.settings import Settings

    count = back_up(Settings().home, file)
    print(f"{count} files of {Settings().home} are in {file} ({file.stat().st_size / 1e6:.1f} MB).")
    return OK


@farm_app.command
@_guarded
def restore(file: Path) -> int:
    """Restore the farm's home from a backup; the present home is moved aside. No farm may run on this machine.

    Parameters
    ----------
    file
        A file that `farm backup` wrote.
    """
    from frontburner.cluster.running_farms import running_farms
    from frontburner.retention.backup import restore as restore_backup
    from frontburner.settings import Settings

    if running := running_farms():
        print_err(f"A farm runs here ({running[0].scheduler}). End it first.")
        return REFUSED
    restored = restore_backup(file, Settings().home, now=datetime.now().astimezone())
    print(f"{restored.files} files are restored to {Settings().home}.")
    if restored.aside is not None:
        print(f"The home before that is in {restored.aside}.")
    return OK


@store_app.command
@_guarded
def size(*, out: Out = None) -> int:
    """Show the size of stores: pictures, units, scene files, records; and of scenes dropped on the monitor's page."""
    from frontburner.retention.rules import size_by_kind

    for holding in _holdings(out):
        size_of = size_by_kind(holding.groups(_now_s()))
        print(f"{holding.name}: {_bytes(sum(size_of.values()))}")
        for kind, size_bytes in size_of.items():
            print(f"  {kind.value:<12} {_bytes(size_bytes):>12}")
    return OK


@store_app.command
@_guarded
def prune(
    *,
    older_than: str = "",
    budget_gb: float | None = None,
    keep_pictures: bool = True,
    out: Out = None,
    dry_run: Flag = False,
) -> int:
    """Delete what is no longer needed: units, transferred scene files, and the event logs of jobs.

    The result, report and chart of a job are kept, so that `job list` still shows it. Nothing of a running job is
    deleted. A suspended job whose units are deleted starts from the beginning when it is resumed. Scenes that were
    dropped on the monitor's page are deleted once all their jobs are completed or cancelled.

    Parameters
    ----------
    older_than
        Delete what hasn't changed for this long, such as 30d or 12h.
    budget_gb
        Delete the oldest until a store holds no more than this many gigabytes.
    keep_pictures
        --no-keep-pictures deletes pictures, too: those that jobs wrote, and no other file.
    dry_run
        Only show what would be deleted.
    """
    from frontburner.jobs.durations import parse_age
    from frontburner.retention.rules import Policy

    if not older_than and budget_gb is None:
        print_err("Choose what to delete: --older-than 30d, or --budget-gb 500.")
        return REFUSED
    try:
        age_s = parse_age(older_than) if older_than else None
    except ValueError as error:
        print_err(f"older_than: '{older_than}' {error}")
        return REFUSED
    budget_bytes = None if budget_gb is None else int(budget_gb * 1e9)
    policy = Policy(older_than_s=age_s, budget_bytes=budget_bytes, keep_pictures=keep_pictures)
    for holding in _holdings(out):
        _prune(holding, policy, dry_run=dry_run)
    return OK


def _prune(holding: Holding, policy: Policy, *, dry_run: bool) -> None:
    from frontburner.retention.rules import select_removable, size_by_kind

    now_s = _now_s()
    groups = select_removable(holding.assess(now_s), policy, now_s=now_s)
    for group in () if dry_run else groups:
        holding.remove(group)
    deleted = ", ".join(f"{_bytes(size)} of {kind.value}" for kind, size in size_by_kind(groups).items() if size)
    print(f"{holding.name}: {'would delete' if dry_run else 'deleted'}: {deleted or 'nothing'}")


def _now_s() -> float:
    return datetime.now().astimezone().timestamp()


def _holdings(out: str | None) -> Sequence[Holding]:
    from frontburner.record.registry import list_jobs
    from frontburner.retention.stores import Store, holdings
    from storage.objects import open_store

    if out is not None:
        return [Store(open_store(out))]
    known = holdings(list_jobs())
    if not known:
        print_err("No store is known: this machine has run no job. Name one: --out URL.")
    return known


def _bytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= MEGABYTE else f"{size_bytes / 1e3:,.1f} kB"
