"""``frontburner node check`` and ``frontburner doctor``: whether nodes are ready, and if not, why and what to do."""

from __future__ import annotations

import json as json_
import os
import socket
import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from frontburner.cli.joined_node import Flag  # noqa: TC001 - cyclopts reads annotations
from frontburner.cli.node import REFUSED, TROUBLE, Scheduler, app
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks.node.node_checks import CheckRequest
    from tasks.node.readiness import Readiness

READY, NOT_READY = 0, 1

Renderers = Annotated[str, Parameter(name="--renderer", help="Renderers that must work, with commas; empty is all.")]
Scene = Annotated[str, Parameter(help="A scene that must be there, and the same as here.")]
Out = Annotated[str, Parameter(help="A store that must be reached: a folder or s3://bucket/prefix.")]


@app.command
def check(
    name: str = "",
    *,
    renderer: Renderers = "",
    scene: Scene = "",
    out: Out = "",
    scheduler: Scheduler = "",
    json: Flag = False,
) -> int:
    """Check a node: its machine, every renderer by rendering a small scene, and what it reaches.

    Exit codes: 0 ready, 1 something fails, 2 there is no such node or renderer, 3 the farm doesn't answer.

    Parameters
    ----------
    name
        A node of the farm; empty is this machine, for which no farm need run.
    """

    def act() -> int:
        inquiry = _inquiry(renderer, scene, out)
        found = _on_farm(scheduler, inquiry, [name]) if name else [_here(scheduler, inquiry)]
        return _print(found, as_json=json)

    return _guarded(act)


def doctor(*, scene: Scene = "", out: Out = "", scheduler: Scheduler = "", json: Flag = False) -> int:
    """Check every node of the farm, and how they fit together, in one table.

    Exit codes: 0 all are ready, 1 something fails, 2 no farm runs, 3 the farm doesn't answer.
    """
    return _guarded(lambda: _print(_on_farm(scheduler, _inquiry("", scene, out), []), as_json=json, farm=True))


def _inquiry(renderers: str, scene: str, out: str) -> CheckRequest:
    from storage.objects import open_store
    from tasks.node.node_checks import CheckRequest
    from tasks.renderers import renderer

    names = tuple(word.strip() for word in renderers.split(",") if word.strip())
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


def _here(scheduler: str, inquiry: CheckRequest) -> Readiness:
    """Check this machine without a cluster; a farm that runs is only asked how this machine fits it."""
    from frontburner.cluster.node_processes import cores
    from frontburner.settings import Settings
    from tasks.node.node_checks import check_machine
    from tasks.node.readiness import with_checks

    name = socket.gethostname()
    readiness = check_machine(
        inquiry, node=name, threads=cores(), logs=Settings().home / "logs" / f"frontburner-{name}"
    )
    return with_checks(readiness, _fit(scheduler, readiness.versions))


def _fit(scheduler: str, versions: Any) -> Sequence[Any]:  # noqa: ANN401
    from frontburner.cluster.farm_checks import scheduler_checks
    from frontburner.cluster.running_farms import NoFarm, find_scheduler

    try:
        address = find_scheduler(scheduler)
    except NoFarm:
        return []
    return scheduler_checks(address, versions)


def _on_farm(scheduler: str, inquiry: CheckRequest, names: Sequence[str]) -> list[Readiness]:
    from frontburner.cluster.farm_checks import clock_reading, farm_check
    from frontburner.cluster.running_farms import find_scheduler
    from frontburner.settings import Settings
    from tasks.node.node_checks import local_scene_digest

    with (
        clock_reading(inquiry.store_url) if inquiry.store_url else nullcontext("") as key,
        farm_check(find_scheduler(scheduler)) as farm,
    ):
        scene = local_scene_digest(inquiry.scene, logs=Settings().home / "logs") if inquiry.scene else ""
        return farm.nodes(replace(inquiry, beacon=key), names, scene=scene)


def _print(found: Sequence[Readiness], *, as_json: bool, farm: bool = False) -> int:
    if as_json:
        print(json_.dumps([one.document() for one in found] if farm else found[0].document()))
    else:
        from rich.console import Console

        from frontburner.cli.check_tables import farm_tables, node_tables

        console = Console(highlight=False, soft_wrap=True)
        for table in farm_tables(found) if farm else node_tables(found[0]):
            console.print(table, markup=False)
    return READY if all(one.ok for one in found) else NOT_READY


def _guarded(act: Callable[[], int]) -> int:
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
    try:
        return act()
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return TROUBLE if error.retryable else REFUSED
