"""``frontburner node check`` and ``frontburner doctor``: whether nodes are ready, and if not, why and what to do."""

from __future__ import annotations

import os
import socket
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from frontburner.cli.command import Flag, Scheduler, comma_separated, guard, print_result, quiet_dask, table
from frontburner.cli.node import app
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from tasks.node.node_checks import CheckRequest
    from tasks.node.readiness import Check, Grade, Readiness

READY, NOT_READY = 0, 1
_FIRST_COLUMNS = ("cores", "memory", "temporary folder", "clock", "versions", "scene", "store")

Renderers = Annotated[
    str, Parameter(name="--renderer", help="Renderers that must work, separated by commas; empty is all.")
]
Scene = Annotated[str, Parameter(help="A scene that must be on the node, the same as here.")]
Out = Annotated[str, Parameter(help="A store that the node must reach: a folder or s3://bucket/prefix.")]


_guarded = guard(prepare=quiet_dask)


@app.command
@_guarded
def check(
    name: str = "",
    *,
    renderer: Renderers = "",
    scene: Scene = "",
    out: Out = "",
    scheduler: Scheduler = "",
    json: Flag = False,
) -> int:
    """Check a node: its machine, every renderer by rendering a small scene, and what it can reach.

    Exit codes: 0 ready, 1 something fails, 2 no such node or renderer, 3 the farm doesn't answer.

    Parameters
    ----------
    name
        A node of the farm; empty is this machine, for which no farm need run.
    """
    inquiry = _inquiry(renderer, scene, out)
    readiness = _check_on_farm(scheduler, inquiry, [name])[0] if name else _check_here(scheduler, inquiry)
    print_result(readiness.document(), _node_tables(readiness), as_json=json)
    return READY if readiness.ok else NOT_READY


@_guarded
def doctor(*, scene: Scene = "", out: Out = "", scheduler: Scheduler = "", json: Flag = False) -> int:
    """Check every node of the farm, and that they fit together, in one table.

    Exit codes: 0 all are ready, 1 something fails, 2 no farm runs, 3 the farm doesn't answer.
    """
    nodes = _check_on_farm(scheduler, _inquiry("", scene, out), [])
    print_result([node.document() for node in nodes], _farm_tables(nodes), as_json=json)
    return READY if all(node.ok for node in nodes) else NOT_READY


def _inquiry(renderers: str, scene: str, out: str) -> CheckRequest:
    from storage.objects import open_store
    from tasks.node.node_checks import CheckRequest
    from tasks.renderers import renderer

    names = tuple(comma_separated(renderers))
    try:
        for name in names:
            renderer(name)
    except ValueError as error:
        raise FrontburnerError(reason=f"renderer: {error}.", remedy="") from None
    return CheckRequest(
        renderers=names,
        scene=os.path.abspath(scene) if scene else "",  # noqa: PTH100 - Path.absolute() keeps '..'
        store_url=open_store(out).url if out else "",
    )


def _check_here(scheduler: str, inquiry: CheckRequest) -> Readiness:
    """Check this machine without a cluster; a running farm is only compared with it."""
    from frontburner.settings import Settings
    from system.machine import cores
    from tasks.node.node_checks import check_machine
    from tasks.node.readiness import with_checks

    name = socket.gethostname()
    readiness = check_machine(
        inquiry, node=name, threads=cores(), logs=Settings().home / "logs" / f"frontburner-{name}"
    )
    return with_checks(readiness, _scheduler_checks(scheduler, readiness.versions))


def _scheduler_checks(scheduler: str, versions: Any) -> Sequence[Any]:  # noqa: ANN401
    from frontburner.cluster.farm_checks import scheduler_checks
    from frontburner.cluster.running_farms import NoFarm, find_scheduler

    try:
        address = find_scheduler(scheduler)
    except NoFarm:
        return []
    return scheduler_checks(address, versions)


def _check_on_farm(scheduler: str, inquiry: CheckRequest, names: Sequence[str]) -> list[Readiness]:
    """Check the named nodes of the farm; without a name, all."""
    from frontburner.cluster.farm_checks import farm_check, store_probe
    from frontburner.cluster.running_farms import find_scheduler
    from frontburner.settings import Settings
    from tasks.node.node_checks import local_scene_digest

    with (
        store_probe(inquiry.store_url) if inquiry.store_url else nullcontext("") as key,
        farm_check(find_scheduler(scheduler)) as farm,
    ):
        scene = local_scene_digest(inquiry.scene, logs=Settings().home / "logs") if inquiry.scene else ""
        return farm.nodes(replace(inquiry, beacon=key), names, scene=scene)


def _node_tables(readiness: Readiness) -> Iterator[Table | str]:
    """Show a row for each check of a node, then its problems."""
    from tasks.node.readiness import Grade

    rows = table("check", "", "found")
    for each in readiness.checks:
        absent = "not installed" if each.grade is Grade.ABSENT else ""
        rows.add_row(each.name, _mark(each.grade), each.value or absent)
    yield rows
    yield from _problems(readiness.node, [readiness])


def _farm_tables(nodes: Sequence[Readiness]) -> Iterator[Table | str]:
    """Show a row for each node, then all problems."""
    from tasks.node.readiness import Grade
    from tasks.renderers import RENDERERS

    if not nodes:
        yield "The farm has no node. `frontburner node start` runs one."
        return
    names = {check.name for node in nodes for check in node.checks if check.grade is not Grade.ABSENT}
    columns = [name for name in (*_FIRST_COLUMNS, *RENDERERS) if name in names]
    rows = table("node", *columns)
    for node in nodes:
        rows.add_row(node.node, *(_cell(node.of(name), node) for name in columns))
    yield rows
    yield from _problems("The farm", nodes)


def _mark(grade: Grade) -> str:
    from tasks.node.readiness import Grade

    return {Grade.OK: "ok", Grade.NOTE: "ok, but", Grade.ABSENT: "–", Grade.FAILS: "fails"}[grade]


def _cell(check: Check | None, node: Readiness) -> str:
    """Shorten the result of a check to fit a column."""
    from tasks.node.readiness import Grade

    if check is None:
        return ""
    if check.grade is not Grade.OK:
        return _mark(check.grade)
    if check.name in node.builds:
        speed = node.speeds.get(check.name)
        return node.builds[check.name][0] + (f", {speed / 1e6:.2f} M samples/s" if speed else "")
    short = {
        "temporary folder": check.value.rpartition(", ")[2],
        "store": "ok",
        "versions": "same",
        "memory": check.value.partition(" of ")[0] + " free",
    }
    return short.get(check.name, check.value.partition(", ")[0].partition(" (")[0])


def _problems(checked: str, nodes: Sequence[Readiness]) -> Iterator[str]:
    """Show a line for each problem: its cause, an arrow, its remedy; those that prevent rendering first."""
    from tasks.node.readiness import Grade

    for title, grade in (("Problems:", Grade.FAILS), ("Notes:", Grade.NOTE)):
        lines = [
            f"  {node.node}: {check.name}: {check.reason}" + (f" → {check.remedy}" if check.remedy else "")
            for node in nodes
            for check in node.checks
            if check.grade is grade
        ]
        if lines:
            yield from (f"\n{title}", *lines)
    if all(node.ok for node in nodes):
        yield f"\n{checked} is ready."
