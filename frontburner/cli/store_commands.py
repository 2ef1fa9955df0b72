"""``frontburner farm metrics``, ``backup`` and ``restore``, and ``frontburner store``: what keeps a farm in order."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path  # noqa: TC003 - the command line is made of annotations
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from frontburner.cli.farm import OK, REFUSED, TROUBLE
from frontburner.cli.farm import app as farm_app
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.retention.stores import Holding

FEW_BYTES = 1_000_000

store_app = App(name="store", help="See what stores hold, and take away what is no longer needed.")

Flag = Annotated[bool, Parameter(negative=())]
Out = Annotated[
    str | None,
    Parameter(help="The store; without it, all stores of the jobs this machine has run, and dropped scenes."),
]


@farm_app.command
def metrics(*, scheduler: str = "", stores: bool = True) -> int:
    """Print the farm's figures in the format of Prometheus: nodes, jobs, units, efficiency, bytes of stores.

    Parameters
    ----------
    scheduler
        Address of the farm's scheduler; empty finds it.
    stores
        Add up what stores hold, which lists all their objects.
    """
    from frontburner.cluster.running_farms import NoFarm, find_scheduler
    from frontburner.manager.metrics_app import figures_now

    def act() -> int:
        try:
            address = find_scheduler(scheduler)
        except NoFarm:
            address = ""
        sys.stdout.write(figures_now(address, stores=stores).decode())
        return OK

    return _guarded(act)


@farm_app.command
def backup(file: Path) -> int:
    """Write the farm's home into one file: Prefect's database, jobs, how nodes stand, certificates and tokens.

    The farm may run meanwhile. Pictures and units are in stores of their own, and not in it.

    Parameters
    ----------
    file
        The file, such as farm.tar.gz. It holds what lets people in: only its owner can read it.
    """
    from frontburner.retention.backup import back_up
    from frontburner.settings import Settings

    def act() -> int:
        count = back_up(Settings().home, file)
        print(f"{count} files of {Settings().home} are in {file} ({file.stat().st_size / 1e6:.1f} MB).")
        return OK

    return _guarded(act)


@farm_app.command
def restore(file: Path) -> int:
    """Put the home of a backup in place; what was there is kept beside it. No farm may run on this machine.

    Parameters
    ----------
    file
        A file that `farm backup` wrote.
    """
    from frontburner.cluster.running_farms import running_farms
    from frontburner.retention.backup import restore as put_back
    from frontburner.settings import Settings

    def act() -> int:
        if running := running_farms():
            print(f"A farm runs here ({running[0].scheduler}). End it first.", file=sys.stderr)
            return REFUSED
        done = put_back(file, Settings().home, now=datetime.now().astimezone())
        print(f"{done.files} files are in {Settings().home}.")
        if done.aside is not None:
            print(f"What was there is in {done.aside}.")
        return OK

    return _guarded(act)


@store_app.command
def size(*, out: Out = None) -> int:
    """Say what stores hold: pictures, units, scene files, records; and what scenes dropped on the monitor take."""
    from frontburner.retention.rules import sizes

    def act() -> int:
        for holding in _holdings(out):
            held = sizes(holding.groups(_now_s()))
            print(f"{holding.name}: {_bytes(sum(held.values()))}")
            for kind, size_bytes in held.items():
                print(f"  {kind.value:<12} {_bytes(size_bytes):>12}")
        return OK

    return _guarded(act)


@store_app.command
def prune(
    *,
    older_than: str = "",
    budget_gb: float | None = None,
    keep_pictures: bool = True,
    out: Out = None,
    dry_run: Flag = False,
) -> int:
    """Take away what is no longer needed: units, scene files that travelled, records of jobs event by event.

    How a job ended, its report and chart stay, so that `job list` goes on showing it. Nothing of a job that runs is
    touched. A suspended job whose units are taken away begins again when it is resumed. Scenes that were dropped on
    the monitor's page go once all their jobs are completed or cancelled.

    Parameters
    ----------
    older_than
        What hasn't changed for so long, such as 30d, 12h.
    budget_gb
        Take away the oldest until a store holds no more than so many gigabytes.
    keep_pictures
        --no-keep-pictures takes away pictures, too: those that jobs wrote, and no other file.
    dry_run
        Only say what would go.
    """
    from frontburner.jobs.durations import parse_age
    from frontburner.retention.rules import Policy

    if not older_than and budget_gb is None:
        print("Say what is to go: --older-than 30d, or --budget-gb 500.", file=sys.stderr)
        return REFUSED
    try:
        age_s = parse_age(older_than) if older_than else None
    except ValueError as error:
        print(f"older_than: '{older_than}' {error}", file=sys.stderr)
        return REFUSED
    budget_bytes = None if budget_gb is None else int(budget_gb * 1e9)
    policy = Policy(older_than_s=age_s, budget_bytes=budget_bytes, keep_pictures=keep_pictures)

    def act() -> int:
        for holding in _holdings(out):
            _prune(holding, policy, dry_run=dry_run)
        return OK

    return _guarded(act)


def _prune(holding: Holding, policy: object, *, dry_run: bool) -> None:
    from frontburner.retention.rules import Policy, removable, sizes

    assert isinstance(policy, Policy)
    now_s = _now_s()
    going = removable(holding.judged(now_s), policy, now_s=now_s)
    for group in () if dry_run else going:
        holding.remove(group)
    told = ", ".join(f"{_bytes(size)} of {kind.value}" for kind, size in sizes(going).items() if size)
    print(f"{holding.name}: {'would go' if dry_run else 'gone'}: {told or 'nothing'}")


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
        print("No store is known here: this machine has run no job. Say which one: --out URL.", file=sys.stderr)
    return known


def _guarded(act: Callable[[], int]) -> int:
    try:
        return act()
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return TROUBLE


def _bytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= FEW_BYTES else f"{size_bytes / 1e3:,.1f} kB"
