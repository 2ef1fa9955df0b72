"""The node that a Dask worker's process is: its name, its renderer process, and the builds it offers."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from distributed import get_worker

from system.machine import cores, platform_name
from tasks.errors import NodeNotReady
from tasks.node.machine_checks import YIELDS_VARIABLE
from tasks.node.node_checks import CheckRequest, check_machine
from tasks.node.renderer_process import RendererProcess
from tasks.node.versions import versions
from tasks.renderers.scripts import require_scripts
from tasks.scene.frame_scenes import builds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from distributed import Worker

T = TypeVar("T")

THREADS_VARIABLE = "FRONTBURNER_NODE_THREADS"
MEMORY_VARIABLE = "FRONTBURNER_NODE_MEMORY"
"""Most bytes its renderer may take, where memory is kept for the machine's owner."""
CHECK_VARIABLE = "FRONTBURNER_CHECK_ON_JOIN"
"""Set where a node stays: one that lasts as long as a job is checked by what the job asks of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RendererOffer:
    """What this node offers of a renderer: the builds that work, best first, and the cores they render with."""

    builds: tuple[str, ...]
    cores: int


@dataclass(slots=True, kw_only=True)
class Node:
    """The node this process is."""

    name: str
    process: RendererProcess
    doing: tuple[int, float] | None = None
    """The frame it renders, and the monotonic time since when it has rendered this part of it."""
    clock: Callable[[], float] = field(default=time.time)


_lock = threading.Lock()
_node: Node | None = None
_builds: dict[str, tuple[str, ...]] = {}


def this_node(name: str = "") -> Node:
    """Return the node this Dask worker is; made at the first call, which must give its name outside any Dask task."""
    global _node  # noqa: PLW0603 - a process is one node
    with _lock:
        if _node is None:
            name = name or str(get_worker().name)
            logs = log_folder(name)
            try:
                limit = int(os.environ.get(MEMORY_VARIABLE, "0"))
                process = RendererProcess(node=name, threads=threads(), logs=logs, memory_bytes=limit)
                _node = Node(name=name, process=process)
            except OSError as error:  # without its log a renderer isn't started
                raise NodeNotReady(
                    reason=f"The node's log folder {logs} can't be used: {error.strerror}.",
                    remedy="Give it room and write access, or name another one in FRONTBURNER_HOME.",
                    node=name,
                    renderer="",
                ) from error
        return _node


def in_renderer(function: Callable[..., T], *args: Any, scripts_of: str = "") -> T:  # noqa: ANN401 - whatever the function takes
    """Run a function in this node's renderer process, where renderers may be imported."""
    return this_node().process.call(function, *args, scripts_of=scripts_of)


def local_builds(renderer: str, allow_scripts: bool = False) -> tuple[str, ...]:  # noqa: FBT001, FBT002 - of a Dask task
    """Return a renderer's builds that work on this node. They are tried once, so a busy node answers at once.

    Raises
    ------
    NodeNotReady
        When none works, or when a job allows scripts that mustn't run here.
    """
    if allow_scripts:
        require_scripts(renderer)
    if renderer not in _builds:
        _builds[renderer] = in_renderer(builds, renderer)
    return _builds[renderer]


def offer(renderer: str, allow_scripts: bool = False) -> RendererOffer:  # noqa: FBT001, FBT002 - of a Dask task
    """Return what this node offers of a renderer. Raises as `local_builds` does."""
    return RendererOffer(builds=local_builds(renderer, allow_scripts), cores=threads())


def doing() -> dict[str, Any]:
    """Return the frame this node renders, and for how long it has rendered this part; empty if it renders none."""
    if _node is None or _node.doing is None:
        return {}
    frame, began_s = _node.doing
    return {"frame": frame, "seconds": time.monotonic() - began_s}


def recall(name: str, reason: str) -> None:
    """Give the machine of this node back to its owner; an empty reason lets it render again."""
    this_node(name).process.recall(reason)


def check_node(request: CheckRequest) -> dict[str, Any]:
    """Check this node, and offer from now on what passed; returns the readiness as plain values."""
    return check_named_node(str(get_worker().name), request)


def check_named_node(name: str, request: CheckRequest) -> dict[str, Any]:
    """Check this node under a given name, outside any Dask task."""
    busy = _node is not None and _node.process.busy
    found = check_machine(request, node=name, threads=threads(), logs=log_folder(name), busy=busy)
    _apply_check(found.builds, request.names)
    return found.document()


def _apply_check(passed: Mapping[str, tuple[str, ...]], checked: Collection[str]) -> None:
    """Offer the builds that passed a check from now on; what failed is tried anew when it is asked for.

    If something changed, an idle renderer process is ended, since it may have loaded what is no longer there.
    """
    changed = any(name in _builds and _builds[name] != passed.get(name) for name in checked)
    for name in checked:
        _builds.pop(name, None)
        if passed.get(name):
            _builds[name] = tuple(passed[name])
    if changed and _node is not None and not _node.process.busy:
        _node.process.stop()


def node_info(worker: Worker) -> dict[str, Any]:  # noqa: ARG001 - Dask gives it
    """Return what the scheduler should know of this node: its machine, and the threads it renders with."""
    return {
        "host": socket.gethostname(), "platform": platform_name(), "threads": threads(), "versions": versions(),
        "yields": bool(os.environ.get(YIELDS_VARIABLE)),
    }  # fmt: skip


def threads() -> int:
    """Return how many threads this node's renderer uses."""
    return int(os.environ.get(THREADS_VARIABLE, "0")) or cores()


def log_folder(node: str) -> Path:
    """Folder of a node's logs."""
    return Path(os.environ.get("FRONTBURNER_LOGS", tempfile.gettempdir())) / f"frontburner-{node}"
