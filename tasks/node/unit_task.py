"""What a Dask worker does for the farm: renders one unit at a time, stores it before it counts, and says so."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dask.sizeof import sizeof
from distributed import get_worker

from storage.errors import CorruptObject, MissingObject, StoreError
from storage.objects import ObjectStore, open_store
from tasks.errors import NodeNotReady
from tasks.node.renderer_process import RendererProcess
from tasks.node.unit_channel import UnitChannel, fetched
from tasks.node.unit_ledger import UnitLedger
from tasks.node.versions import versions
from tasks.picture.noise import Moments
from tasks.picture.still_parts import show_part
from tasks.picture.stitch import check_tile
from tasks.scene.fetching import LocalScene, Progress, SceneLocation, local_scene
from tasks.scene.frame_scenes import builds
from tasks.spec import Tile, UnitRecord, UnitSpec
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from distributed import Worker

    from tasks.job_context import JobContext
    from tasks.node.renderer_child import Rendered

T = TypeVar("T")

THREADS_VARIABLE = "FRONTBURNER_NODE_THREADS"
CHECK_VARIABLE = "FRONTBURNER_CHECK_ON_JOIN"
"""Set where a node stays: one that lasts as long as a job is checked by what the job asks of it."""


@dataclass(slots=True, kw_only=True)
class Node:
    """What this process is as a node: its name and its renderer."""

    name: str
    process: RendererProcess
    clock: Callable[[], float] = field(default=time.time)


_making = threading.Lock()
_node: Node | None = None
_builds: dict[str, tuple[str, ...]] = {}


def this_node() -> Node:
    """Return the node this Dask worker is; made at the first call."""
    global _node  # noqa: PLW0603 - a process is one node
    with _making:
        if _node is None:
            name = str(get_worker().name)
            logs = logs_of(name)
            try:
                _node = Node(name=name, process=RendererProcess(node=name, threads=threads(), logs=logs))
            except OSError as error:
                raise _no_logs(name, logs, error) from error
        return _node


def _no_logs(node: str, logs: Path, error: OSError) -> NodeNotReady:
    """Say that a node can't keep its renderer's log, without which it doesn't render."""
    return NodeNotReady(
        reason=f"The node's log folder {logs} can't be used: {error.strerror}.",
        remedy="Give it room and write access, or name another one in FRONTBURNER_HOME.",
        node=node,
        renderer="",
    )


@sizeof.register(Tile)  # type: ignore[untyped-decorator]
def _tile_bytes(tile: Tile) -> int:
    """Tell Dask what a tile really holds, or it would spill too late."""
    return tile.sums.nbytes


@sizeof.register(Moments)  # type: ignore[untyped-decorator]
def _moments_bytes(moments: Moments) -> int:
    return moments.nbytes


def render_unit(unit: UnitSpec, desk: JobContext, ticket: int) -> Tile:
    """Render a unit on this node and store it; a unit that is in the store already is loaded instead.

    The tile stays in this worker's memory for the stitch; the stored copy is the fallback. Its record is sent
    to the dispatcher by the job's topic, so pixels never pass through the submitting machine.
    """
    node, ledger, line = this_node(), UnitLedger(store=_store(desk.store_url)), UnitChannel.of(desk, ticket)
    tile, short = _stored_or_away(ledger, unit, line), False
    if tile is None:
        place = SceneLocation(scene=unit.frame.scene, frame=unit.frame.frame, manifest=unit.frame.manifest)
        progress = Progress(say=line.say_fetched, look=line.look)
        with local_scene(place, desk, node=node.name, patience=line.patience(), progress=progress) as scene:
            own = replace(unit, frame=replace(unit.frame, scene=scene.scene))
            rendered = _after(scene, node.process.render(own, cancelled=line.called_back, witness=line.witness))
        # Counted back from its end: before it began, the unit may have waited for another one.
        made = _tile(unit, rendered, node.name, node.clock() - rendered.wall_s)
        check_tile(made, unit)
        line.patience().call(lambda: ledger.create(unit, made))
        tile, short = made, rendered.short_of_memory
    line.say(record=asdict(tile.record), short_of_memory=short)
    if desk.shows is not None and not tile.record.reused:
        show_part(tile, unit, desk.shows, ledger.store)
    return tile


@contextmanager
def scene_for(place: SceneLocation, desk: JobContext) -> Iterator[str]:
    """Have a frame's scene on this node; gives its path here."""
    worker = get_worker()
    name = str(worker.name)

    def say(fetched_bytes: int, size_bytes: int, seconds: float) -> None:
        worker.log_event(desk.topic, fetched(0, name, fetched_bytes, size_bytes, seconds))

    with local_scene(place, desk, node=name, patience=StoreRetry(), progress=Progress(say=say)) as scene:
        yield scene.scene


def render_units(units: Sequence[UnitSpec], desk: JobContext, tickets: Sequence[int]) -> None:
    """Render short units one after the other, in one task. Their tiles stay in the store alone."""
    for unit, ticket in zip(units, tickets, strict=True):
        render_unit(unit, desk, ticket)


def load_unit(unit: UnitSpec, desk: JobContext) -> Tile:
    """Load a finished unit from the store; rendered again, and told of, when its object is damaged or gone."""
    line, ledger = UnitChannel.of(desk, 0), UnitLedger(store=_store(desk.store_url))
    tile = line.patience().call(lambda: _stored(ledger, unit, line))
    if tile is None:
        if not line.told_damage:
            line.say_damaged(unit, f"The unit {unit.place} isn't in the store any more.")
        tile = render_unit(unit, desk, ticket=0)
    return tile


def tile_of(tile: Tile | UnitSpec, desk: JobContext) -> Tile:
    """Return a tile as it is, or load what of it lies in the store alone."""
    return tile if isinstance(tile, Tile) else load_unit(tile, desk)


def record_of(tile: Tile | UnitSpec, desk: JobContext) -> UnitRecord:
    """Return a tile's record."""
    return tile_of(tile, desk).record


def describe(worker: Worker) -> dict[str, Any]:  # noqa: ARG001 - Dask gives it
    """Say what the scheduler should know of this node: its machine, and the threads it renders with."""
    return {"host": socket.gethostname(), "threads": threads(), "versions": versions()}


def builds_here(renderer: str) -> tuple[str, ...]:
    """Return a renderer's builds that work on this node, which are tried once: a busy node can say them at once."""
    if renderer not in _builds:
        _builds[renderer] = in_renderer(builds, renderer)
    return _builds[renderer]


def heed(builds: Mapping[str, tuple[str, ...]], checked: Collection[str]) -> None:
    """Take in what a check found: what passed is offered from now on, what failed is tried anew when it is asked for.

    A renderer process that is idle is ended where something changed, since it may have loaded what is no longer there.
    """
    changed = [name for name in checked if name in _builds and _builds[name] != builds.get(name)]
    for name in checked:
        _builds.pop(name, None)
        if builds.get(name):
            _builds[name] = tuple(builds[name])
    if changed and _node is not None and not _node.process.busy:
        _node.process.stop()


def busy() -> bool:
    """Whether this node's renderer has something to do."""
    return _node is not None and _node.process.busy


def logs_of(node: str) -> Path:
    """Folder of a node's logs."""
    return Path(os.environ.get("FRONTBURNER_LOGS", tempfile.gettempdir())) / f"frontburner-{node}"


def in_renderer(function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - whatever the function takes
    """Run a function in this node's renderer process, where renderers may be imported."""
    return this_node().process.call(function, *args)


def threads() -> int:
    """Return how many threads this node's renderer uses."""
    return int(os.environ.get(THREADS_VARIABLE, "0")) or len(os.sched_getaffinity(0))


def _stored_or_away(ledger: UnitLedger, unit: UnitSpec, line: UnitChannel) -> Tile | None:
    """Load a unit that is in the store; of a store that is away that isn't known, and the unit is rendered."""
    try:
        return _stored(ledger, unit, line)
    except StoreError as error:
        if not error.temporary:
            raise
        return None


def _stored(ledger: UnitLedger, unit: UnitSpec, line: UnitChannel) -> Tile | None:
    if not ledger.has(unit):
        return None
    try:
        tile = ledger.load(unit)
        check_tile(tile, unit)
    except MissingObject:
        return None
    except CorruptObject as error:
        ledger.discard(unit)
        line.say_damaged(unit, error.reason)
        return None
    return replace(tile, record=replace(tile.record, reused=True))


def _after(scene: LocalScene, rendered: Rendered) -> Rendered:
    """Count the time that went into fetching a scene as that of opening it."""
    return replace(rendered, load_s=rendered.load_s + scene.fetched_s, wall_s=rendered.wall_s + scene.fetched_s)


def _tile(unit: UnitSpec, rendered: Rendered, node: str, began_s: float) -> Tile:
    record = UnitRecord(
        unit=unit.digest,
        node=node,
        build=rendered.build,
        isa=rendered.isa,
        started_s=began_s,
        wall_s=rendered.wall_s,
        cpu_s=rendered.cpu_s,
        load_s=rendered.load_s,
        peak_memory_bytes=rendered.peak_memory_bytes,
        costs=rendered.pixels.costs,
    )
    return Tile(
        region=unit.region,
        samples=unit.samples,
        channels=rendered.pixels.channels,
        sums=rendered.pixels.sums,
        record=record,
    )


@lru_cache(maxsize=8)
def _store(url: str) -> ObjectStore:
    return open_store(url)
