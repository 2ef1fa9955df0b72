"""``frontburner node`` and ``frontburner licence``: see and control the nodes of a farm while jobs run."""

from __future__ import annotations

import getpass
import socket
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from frontburner.cli.command import (
    OK,
    REFUSED,
    Flag,
    Scheduler,
    comma_separated,
    guarded,
    print_err,
    print_result,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.table import Table

GIB = 1 << 30

app = App(name="node", help="See, add, pause, drain and group the nodes of a farm.")
licence_app = App(name="licence", help="Limit on how many nodes a renderer is used at once.")


@app.command(name="list")
@guarded
def list_(*, scheduler: Scheduler = "", json: Flag = False) -> int:
    """List the nodes: what each renders, for which job, and if it takes no work, why."""
    nodes = _call(scheduler, "snapshot")["nodes"]
    print_result(nodes, _nodes_table(nodes), as_json=json)
    return OK


@app.command
def pause(name: str, *, for_: Annotated[str, Parameter(name="--for")] = "", scheduler: Scheduler = "") -> int:
    """Pause a node: it finishes its unit and takes no more until it is resumed.

    Parameters
    ----------
    for_
        How long, such as 1h or 30m, after which it resumes by itself.
    """
    from frontburner.jobs.durations import format_span, parse_span

    try:
        lasts_s = parse_span(for_) if for_ else None
    except ValueError as error:
        print_err(f"--for: '{for_}' {error}")
        return REFUSED
    again = f", for {format_span(lasts_s)}" if lasts_s else ""
    message = f"The node {name} takes no more work once its unit has ended{again}."
    return _set(scheduler, name, message, paused=_user(), paused_for_s=lasts_s)


@app.command
def resume(name: str, *, scheduler: Scheduler = "") -> int:
    """Have a node that was paused or is draining take work again."""
    return _set(scheduler, name, f"The node {name} takes work.", paused="", draining="")


@app.command
def drain(name: str, *, scheduler: Scheduler = "") -> int:
    """Drain a node: it finishes its unit and leaves the farm."""
    return _set(scheduler, name, f"The node {name} leaves once its unit has ended.", draining=_user())


@app.command
def remove(name: str, *, scheduler: Scheduler = "") -> int:
    """Remove a node from the farm now. The units it has in flight are rendered again elsewhere."""
    return _change(f"The node {name} has left.", scheduler, "remove", node=name)


@app.command
def exclude(name: str, *, job: str, scheduler: Scheduler = "") -> int:
    """Exclude a node from a job.

    Parameters
    ----------
    job
        The job's identity, as `frontburner job list` shows it.
    """
    return _change(f"{job} no longer gets {name}.", scheduler, "exclude", node=name, job=job, by=_user())


@app.command
def include(name: str, *, job: str, scheduler: Scheduler = "") -> int:
    """Let a job use a node again that was excluded from it.

    Parameters
    ----------
    job
        The job's identity.
    """
    return _change(f"{job} can have {name}.", scheduler, "exclude", node=name, job=job, by="")


@app.command
def group(name: str, groups: str, *, scheduler: Scheduler = "") -> int:
    """Set the groups a node belongs to.

    Parameters
    ----------
    groups
        Names separated by commas; '' is none.
    """
    names = comma_separated(groups)
    message = f"The node {name} belongs to {', '.join(names) if names else 'no group'}."
    return _set(scheduler, name, message, groups=names)


@app.command
def hours(name: str, hours: str, *, scheduler: Scheduler = "") -> int:
    """Set when a node takes work, by the scheduler's clock.

    Parameters
    ----------
    hours
        Days and times such as 'mon-fri 19:00-07:00, sat-sun'; '' is always.
    """
    return _set(scheduler, name, f"The hours of {name}: {hours or 'always'}.", hours=hours)


@licence_app.command(name="list")
@guarded
def list_licences(*, scheduler: Scheduler = "", json: Flag = False) -> int:
    """List the renderers whose use is limited."""
    licences = _call(scheduler, "snapshot")["licences"]
    print_result(licences, [_licences_table(licences)], as_json=json)
    return OK


@licence_app.command(name="set")
def set_licence(renderer: str, count: int, *, scheduler: Scheduler = "") -> int:
    """Limit a renderer to this number of nodes at once, over all jobs."""
    if count < 0:
        print_err(f"count: {count}: give 0 or more.")
        return REFUSED
    message = f"At most {count} node{'s' if count != 1 else ''} use{'' if count != 1 else 's'} {renderer} at once."
    return _change(message, scheduler, "license", renderer=renderer, most=count)


@licence_app.command
def clear(renderer: str, *, scheduler: Scheduler = "") -> int:
    """Let any number of nodes use a renderer."""
    return _change(f"Any number of nodes may use {renderer}.", scheduler, "license", renderer=renderer, most=None)


def _set(scheduler: str, node: str, message: str, **changes: Any) -> int:  # noqa: ANN401
    return _change(message, scheduler, "configure_node", node=node, **changes)


@guarded
def _change(message: str, scheduler: str, call: str, **arguments: Any) -> int:  # noqa: ANN401
    _call(scheduler, call, **arguments)
    print_err(message)
    return OK


def _call(scheduler: str, name: str, **arguments: Any) -> Any:  # noqa: ANN401
    from frontburner.cluster.arbiter_calls import call
    from frontburner.cluster.running_farms import find_scheduler

    return call(find_scheduler(scheduler), name, **arguments)


def _user() -> str:
    """The user who gives the command, and the machine."""
    try:
        return f"{getpass.getuser()} on {socket.gethostname()}"
    except (OSError, KeyError):
        return socket.gethostname()


def _nodes_table(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Table | str]:
    """Show a row for each node, then a line for each problem."""
    if not nodes:
        yield "The farm has no node. `frontburner node start` runs one."
        return
    rows = table("node", "state", "job", "renders", "system", "threads", "memory", "cpu", "groups", "hours", "why")
    for node in nodes:
        rows.add_row(
            node["name"], node["state"], node["job"], ", ".join(node["renders"]),
            node["platform"] or "", str(node["threads"] or ""),
            _memory(node), "" if node["cpu_percent"] is None else f"{node['cpu_percent']:.0f} %",
            ", ".join(node["groups"]), node["hours"], node["why"],
        )  # fmt: skip
    yield rows
    yield from (f"{node['name']}: {node['unseen']} It isn't given back for that." for node in nodes if node["unseen"])
    problems = [f"{node['name']}: {problem}" for node in nodes for problem in node["problems"]]
    if problems:
        yield from ("", *problems, "`frontburner node check NAME` checks a node again, and says what to do.")


def _memory(node: Mapping[str, Any]) -> str:
    used, total = node["memory_used_bytes"], node["memory_bytes"]
    return "" if used is None or not total else f"{used / GIB:.1f} of {total / GIB:.1f} GiB"


def _licences_table(licences: Mapping[str, int]) -> Table | str:
    if not licences:
        return "Any number of nodes may use any renderer."
    rows = table("renderer", "nodes at once")
    for renderer, most in sorted(licences.items()):
        rows.add_row(renderer, str(most))
    return rows
