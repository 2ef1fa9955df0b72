"""What of a job is still to be rendered: frames that aren't in place, and which of their units the store lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.jobs.frames import format_frames, parse_frames
from frontburner.jobs.job import JobRefused
from frontburner.jobs.outputs import refuse_taken
from frontburner.plan.planner import FrameWork
from storage.bulk import map_concurrently
from tasks.node.unit_ledger import UnitLedger
from tasks.picture.finished_frames import discard, find_all_finished, list_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.picture.frame_output import FrameRecord, PictureOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingWork:
    """Frames still to be rendered, and records of those whose files are in place."""

    wanted: tuple[FrameWork, ...]
    in_place: tuple[FrameRecord, ...]
    replaced: tuple[int, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Say which pictures that are there will be replaced."""
        if not self.replaced:
            return ()
        frames = f"frame{'s'[: len(self.replaced) > 1]} {format_frames(self.replaced)}"
        return (f"There are pictures of {frames} of an earlier scene or other settings: they are replaced.",)


def missing_work(layout: Layout, store: ObjectStore, *, again: str = "", only: str = "") -> MissingWork:
    """Compare a job with what the store has of it.

    Parameters
    ----------
    again
        Frames to render again: what exists of them is discarded first. Empty is none.
    only
        Frames to consider; empty is all.

    Raises
    ------
    JobRefused
        When the job has no such frames, or would replace files that aren't its own.
    """
    ledger = UnitLedger(store=store)
    frames = selected_frames(only, layout, "only") or tuple(layout.orders)
    discarded = selected_frames(again, layout, "again")
    orders = {frame: layout.orders[frame] for frame in frames}
    listed = list_outputs(orders, store)
    in_place = find_all_finished(orders, store, listed=listed)
    _refuse_taken([order for frame, order in orders.items() if frame not in in_place], store, listed)
    discard((layout.orders[frame] for frame in discarded), store)
    ledger.forget(layout.frames[frame] for frame in discarded)
    for frame in discarded:
        in_place.pop(frame, None)
    wanted = [layout.frames[frame] for frame in frames if frame not in in_place]
    units = ledger.finished(wanted)
    stale = [frame for frame in frames if frame not in in_place and frame not in discarded]
    keys = [layout.orders[frame].keys[0] for frame in stale]
    there = map_concurrently(store.exists, keys) if listed is None else map(listed.__contains__, keys)
    return MissingWork(
        wanted=tuple(FrameWork(frame=spec.frame, done=tuple(units.get(spec.digest, ()))) for spec in wanted),
        in_place=tuple(in_place.values()),
        replaced=tuple(frame for frame, is_there in zip(stale, there, strict=True) if is_there),
    )


def _refuse_taken(orders: Sequence[PictureOrder], store: ObjectStore, listed: frozenset[str] | None) -> None:
    """Refuse to render frames whose files are another job's."""
    owner = orders[0].owner if orders else None
    if owner is not None:
        keys = (key for order in orders for key in order.keys)
        refuse_taken((key for key in keys if listed is None or key in listed), owner, store)


def selected_frames(text: str, layout: Layout, field: str) -> tuple[int, ...]:
    """Read a selection of the job's frames."""
    if not text.strip():
        return ()
    try:
        selected = parse_frames(text)
    except ValueError as error:
        raise JobRefused(reason="The run was refused:", remedy="", problems=(f"{field}: {error}",)) from None
    unknown = tuple(sorted(set(selected) - set(layout.orders)))
    if unknown:
        all_frames = format_frames(tuple(sorted(layout.orders)))
        problem = f"{field}: the job has no frames {format_frames(unknown)}; it has {all_frames}."
        raise JobRefused(reason="The run was refused:", remedy="", problems=(problem,))
    return selected
