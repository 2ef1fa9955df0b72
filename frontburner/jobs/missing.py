"""What of a job is still to be rendered: frames that aren't in place, and of those what the store doesn't have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.jobs.frames import format_frames, parse_frames
from frontburner.jobs.job import JobRefused
from frontburner.plan.planner import FrameWork
from tasks.node.unit_ledger import UnitLedger
from tasks.picture.frame_output import FrameRecord, discard, finished_many

if TYPE_CHECKING:
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingWork:
    """Frames to be rendered, and those whose files are in place."""

    wanted: tuple[FrameWork, ...]
    in_place: tuple[FrameRecord, ...]


def missing_work(layout: Layout, store: ObjectStore, *, again: str = "", only: str = "") -> MissingWork:
    """Look at what is there.

    Parameters
    ----------
    again
        Frames to render again: what is there of them is discarded first. Empty is none.
    only
        The frames that are looked at; empty is all.

    Raises
    ------
    JobRefused
        When the job has no such frames.
    """
    ledger = UnitLedger(store=store)
    frames = _chosen(only, layout, "only") or tuple(layout.orders)
    anew = _chosen(again, layout, "again")
    discard((layout.orders[number] for number in anew), store)
    ledger.forget(layout.frames[number] for number in anew)
    in_place = finished_many({number: layout.orders[number] for number in frames}, store)
    wanted = [layout.frames[number] for number in frames if number not in in_place]
    units = ledger.finished(wanted)
    return MissingWork(
        wanted=tuple(FrameWork(frame=each.frame, done=tuple(units.get(each.digest, ()))) for each in wanted),
        in_place=tuple(in_place.values()),
    )


def _chosen(text: str, layout: Layout, field: str) -> tuple[int, ...]:
    """Read a choice among the job's frames."""
    if not text.strip():
        return ()
    try:
        chosen = parse_frames(text)
    except ValueError as error:
        raise JobRefused(reason="The run was refused:", remedy="", problems=(f"{field}: {error}",)) from None
    unknown = tuple(sorted(set(chosen) - set(layout.orders)))
    if unknown:
        has = format_frames(tuple(sorted(layout.orders)))
        problem = f"{field}: the job has no frames {format_frames(unknown)}; it has {has}."
        raise JobRefused(reason="The run was refused:", remedy="", problems=(problem,))
    return chosen
