"""``frontburner node`` and ``frontburner licence``: see and steer the nodes of a farm while jobs run."""

from __future__ import annotations

import getpass
import json as json_
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from frontburner.cli.joined_node import Flag, NodeOptions, quiet_dask, words
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

OK, REFUSED, TROUBLE = 0, 2, 3

app = App(name="node", help="See, add, pause, drain and group the nodes of a farm.")
licence_app = App(name="licence", help="Limit on how many nodes a renderer is used at once.")

Scheduler = Annotated[str, Parameter(help="Address of the scheduler; empty is FRONTBURNER_SCHEDULER or the farm here.")]


@app.command(name="list")
def list_(*, scheduler: Scheduler = "", json: Flag = False) -> int:
    """List the nodes: what each does, for which job, and why it takes no work if it doesn't."""

    def act() -> int:
        from frontburner.cli.node_tables import nodes_table

        found = _call(scheduler, "snapshot")
        _print(found["nodes"], nodes_table(found["nodes"]), as_json=json)
        return OK

    return guarded(act)


@app.command
def pause(name: str, *, scheduler: Scheduler = "") -> int:
    """Have a node end its unit and take no more, until it is resumed."""
    return _stand(scheduler, name, f"The node {name} takes no more work when its unit has ended.", paused=_who())


@app.command
def resume(name: str, *, scheduler: Scheduler = "") -> int:
    """Have a node take work again that was paused or was to leave."""
    return _stand(scheduler, name, f"The node {name} takes work.", paused="", draining="")


@app.command
def drain(name: str, *, scheduler: Scheduler = "") -> int:
    """Have a node end its unit and leave the farm."""
    return _stand(scheduler, name, f"The node {name} leaves when its unit has ended.", draining=_who())


@app.command
def remove(name: str, *, scheduler: Scheduler = "") -> int:
    """Have a node leave the farm now. What it renders is rendered again elsewhere."""
    return _say(f"The node {name} has left.", scheduler, "remove", node=name)


@app.command
def exclude(name: str, *, job: str, scheduler: Scheduler = "") -> int:
    """Keep a node from a job.

    Parameters
    ----------
    job
        The job's identity, as `frontburner job list` has it.
    """
    return _say(f"{job} no longer gets {name}.", scheduler, "exclude", node=name, job=job, by=_who())


@app.command
def include(name: str, *, job: str, scheduler: Scheduler = "") -> int:
    """Give a node back to a job it was kept from.

    Parameters
    ----------
    job
        The job's identity.
    """
    return _say(f"{job} can have {name}.", scheduler, "exclude", node=name, job=job, by="")


@app.command
def group(name: str, groups: str, *, scheduler: Scheduler = "") -> int:
    """Say to which groups a node belongs.

    Parameters
    ----------
    groups
        Names with commas between them; '' is none.
    """
    found = words(groups)
    said = f"The node {name} belongs to {', '.join(found) if found else 'no group'}."
    return _stand(scheduler, name, said, groups=found)


@app.command
def hours(name: str, hours: str, *, scheduler: Scheduler = "") -> int:
    """Say when a node takes work, by the scheduler's clock.

    Parameters
    ----------
    hours
        Days and times such as 'mon-fri 19:00-07:00, sat-sun'; '' is always.
    """
    return _stand(scheduler, name, f"The hours of {name}: {hours or 'always'}.", hours=hours)


@app.command
def start(*, scheduler: Scheduler = "", options: NodeOptions | None = None) -> int:
    """Run a node on this machine until Ctrl-C, or until it is drained. It comes back when its scheduler does."""
    quiet_dask()

    def act() -> int:
        from frontburner.cluster.running_farms import find_scheduler

        (options or NodeOptions()).attend(find_scheduler(scheduler))
        return OK

    return guarded(act)


@licence_app.command(name="list")
def list_licences(*, scheduler: Scheduler = "", json: Flag = False) -> int:
    """List the renderers whose use is limited."""

    def act() -> int:
        from frontburner.cli.node_tables import licences_table

        found = _call(scheduler, "snapshot")["licences"]
        _print(found, licences_table(found), as_json=json)
        return OK

    return guarded(act)


@licence_app.command(name="set")
def set_licence(renderer: str, count: int, *, scheduler: Scheduler = "") -> int:
    """Let at most so many nodes render with a renderer at once, over all jobs."""
    if count < 0:
        print(f"count: {count}: give 0 or more.", file=sys.stderr)
        return REFUSED
    said = f"At most {count} node{'s' if count != 1 else ''} use{'' if count != 1 else 's'} {renderer} at once."
    return _say(said, scheduler, "license", renderer=renderer, most=count)


@licence_app.command
def clear(renderer: str, *, scheduler: Scheduler = "") -> int:
    """Let any number of nodes use a renderer."""
    return _say(f"Any number of nodes may use {renderer}.", scheduler, "license", renderer=renderer, most=None)


def _stand(scheduler: str, node: str, said: str, **changes: Any) -> int:  # noqa: ANN401
    return _say(said, scheduler, "stand", node=node, **changes)


def _say(said: str, scheduler: str, call: str, **what: Any) -> int:  # noqa: ANN401
    def act() -> int:
        _call(scheduler, call, **what)
        print(said, file=sys.stderr)
        return OK

    return guarded(act)


def _call(scheduler: str, name: str, **what: Any) -> Any:  # noqa: ANN401
    from frontburner.cluster.arbiter_calls import call
    from frontburner.cluster.running_farms import find_scheduler

    return call(find_scheduler(scheduler), name, **what)


def guarded(act: Callable[[], int]) -> int:
    """Do what a command does; an error is a sentence and an exit code."""
    try:
        return act()
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return TROUBLE if error.retryable else REFUSED


def _print(document: Any, tables: Any, *, as_json: bool) -> None:  # noqa: ANN401 - JSON, or what rich prints
    if as_json:
        print(json_.dumps(document))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for table in tables:
        console.print(table, markup=False)


def _who() -> str:
    """Whoever gives the command."""
    try:
        return f"{getpass.getuser()} on {socket.gethostname()}"
    except (OSError, KeyError):
        return socket.gethostname()
