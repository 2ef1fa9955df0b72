"""Dask tasks on units: rendered one at a time in the node's renderer process, stored, and reported when stored."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from dask.sizeof import sizeof

from storage.errors import CorruptObject, MissingObject, StoreError
from storage.objects import ObjectStore, open_store
from tasks.errors import SceneError, UnitFailed
from tasks.node.node_state import this_node
from tasks.node.renderer_process import Phase
from tasks.node.unit_channel import UnitChannel
from tasks.node.unit_ledger import UnitLedger
from tasks.picture.still_parts import write_part
from tasks.picture.stitch import check_tile
from tasks.scene.fetching import Progress, SceneLocation, local_scene
from tasks.spec import Tile, UnitRecord, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.job_context import JobContext
    from tasks.node.node_state import Node
    from tasks.node.renderer_child import Rendered
    from tasks.scene.fetching import LocalScene


@sizeof.register(Tile)  # type: ignore[untyped-decorator]
def _tile_bytes(tile: Tile) -> int:
    """Tell Dask how much memory a tile takes, or it would spill too late."""
    return tile.sums.nbytes


def render_unit(unit: UnitSpec, job: JobContext, ticket: int) -> Tile:
    """Render a unit on this node and store it; a unit that is in the store already is loaded instead.

    The tile stays in this worker's memory for the stitch; the stored copy is the fallback. Its record is sent
    to the dispatcher by the job's topic, so pixels never pass through the submitting machine.
    """
    node, ledger, channel = this_node(), UnitLedger(store=_store(job.store_url)), UnitChannel.of(job, ticket)
    tile, short_of_memory = _stored_if_reachable(ledger, unit, channel), False
    if tile is None:
        rendered, scene = _render(unit, job, node, channel)
        # Fetching a scene counts as opening it. The start is counted back from the end: before it began, the unit
        # may have waited for another one.
        began_s = node.clock() - rendered.wall_s - scene.fetched_s
        tile = _tile(unit, rendered, node.name, began_s=began_s, fetched_s=scene.fetched_s)
        check_tile(tile, unit)
        channel.store_retry().call(lambda: ledger.create(unit, tile))
        short_of_memory = rendered.short_of_memory
    channel.report(record=asdict(tile.record), short_of_memory=short_of_memory)
    if job.preview is not None and not tile.record.reused:
        write_part(tile, unit, job.preview, ledger.store)
    return tile


def _render(unit: UnitSpec, job: JobContext, node: Node, channel: UnitChannel) -> tuple[Rendered, LocalScene]:
    """Render a unit from the scene's files as they were when the job began.

    Files in place may change while it is rendered: then it is rendered again, from those that were kept.
    """
    location = SceneLocation(scene=unit.frame.scene, frame=unit.frame.frame, manifest=unit.frame.manifest)
    for last_attempt in (False, True):
        node.process.raise_if_recalled()
        progress = Progress(report=channel.report_fetched, raise_if_cancelled=channel.raise_if_cancelled)
        with local_scene(location, job, node=node.name, retry=channel.store_retry(), progress=progress) as scene:
            local_unit = replace(unit, frame=replace(unit.frame, scene=scene.path))

            def follow(phase: Phase, seconds: float) -> None:
                if phase is Phase.RENDERING:
                    node.doing = unit.frame.frame, time.monotonic() - seconds
                channel.report_phase(phase, seconds)

            try:
                rendered = node.process.render(local_unit, cancelled=channel.cancelled, on_progress=follow)
            except (SceneError, UnitFailed):
                if last_attempt or not scene.changed():
                    raise
            else:
                if not (change := scene.changed()):
                    return rendered, scene
            finally:
                node.doing = None
    raise UnitFailed(
        reason=f"The scene's files change all the time: {change}", remedy="It is tried again.", retryable=True,
        unit=unit.digest, node=node.name,
    )  # fmt: skip


def render_units(units: Sequence[UnitSpec], job: JobContext, tickets: Sequence[int]) -> None:
    """Render short units one after the other, in one task. Their tiles stay in the store alone."""
    for unit, ticket in zip(units, tickets, strict=True):
        render_unit(unit, job, ticket)


def load_unit(unit: UnitSpec, job: JobContext) -> Tile:
    """Load a finished unit from the store; if its object is damaged or gone, report that and render it again."""
    channel, ledger = UnitChannel.of(job, 0), UnitLedger(store=_store(job.store_url))
    tile = channel.store_retry().call(lambda: _stored(ledger, unit, channel))
    if tile is None:
        if not channel.damage_reported:
            channel.report_damaged(unit, f"The unit {unit.place} isn't in the store any more.")
        tile = render_unit(unit, job, ticket=0)
    return tile


def tile_of(tile: Tile | UnitSpec, job: JobContext) -> Tile:
    """Return a tile as it is; load a unit whose tile is in the store alone."""
    return tile if isinstance(tile, Tile) else load_unit(tile, job)


def record_of(tile: Tile | UnitSpec, job: JobContext) -> UnitRecord:
    """Return a tile's record."""
    return tile_of(tile, job).record


def _stored_if_reachable(ledger: UnitLedger, unit: UnitSpec, channel: UnitChannel) -> Tile | None:
    """Load a unit that is in the store; while the store can't be reached, the unit is taken for not stored."""
    try:
        return _stored(ledger, unit, channel)
    except StoreError as error:
        if not error.temporary:
            raise
        return None


def _stored(ledger: UnitLedger, unit: UnitSpec, channel: UnitChannel) -> Tile | None:
    if not ledger.has(unit):
        return None
    try:
        tile = ledger.load(unit)
        check_tile(tile, unit)
    except MissingObject:
        return None
    except CorruptObject as error:
        ledger.discard(unit)
        channel.report_damaged(unit, error.reason)
        return None
    return replace(tile, record=replace(tile.record, reused=True))


def _tile(unit: UnitSpec, rendered: Rendered, node: str, *, began_s: float, fetched_s: float) -> Tile:
    record = UnitRecord(
        unit=unit.digest,
        node=node,
        build=rendered.build,
        isa=rendered.isa,
        started_s=began_s,
        wall_s=rendered.wall_s + fetched_s,
        cpu_s=rendered.cpu_s,
        load_s=rendered.load_s + fetched_s,
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
