"""Events as lines of a job's record, and back: the only place that knows what they are called there.

A line is an object of JSON: ``at``, when it was; ``what``, the event's name in `NAMES`; and the event's fields. Records
outlive versions of this program and of its classes, so a name stands for good for what its line says: a field may come
to it that has a default. Whatever changes more is another event, with a name such as ``unit finished 2``, and the
former one stays in `NAMES` for the records that have it.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from frontburner import events as ev
from frontburner.plan.block import Block
from tasks.limits import reached_from
from tasks.picture.inspection import Fault
from tasks.spec import Region, SampleRange, Size, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

NAMES: dict[str, type[ev.Event]] = {
    "run started": ev.RunStarted,
    "alive": ev.Heartbeat,
    "events dropped": ev.EventsDropped,
    "job suspending": ev.JobSuspending,
    "run ended": ev.RunEnded,
    "stage began": ev.StageBegan,
    "stage ended": ev.StageEnded,
    "job planned": ev.JobPlanned,
    "scene sent": ev.SceneSent,
    "scene fetched": ev.SceneFetched,
    "node joined": ev.NodeJoined,
    "node refused": ev.NodeRefused,
    "node withheld": ev.NodeWithheld,
    "node set aside": ev.NodeExcluded,
    "node lost": ev.NodeLost,
    "store away": ev.StoreUnavailable,
    "unit damaged": ev.UnitDamaged,
    "unit reused": ev.UnitReused,
    "unit started": ev.UnitStarted,
    "unit finished": ev.UnitFinished,
    "unit taken over": ev.UnitTakenOver,
    "unit wasted": ev.UnitWasted,
    "unit attempt failed": ev.UnitAttemptFailed,
    "farm measured": ev.FarmMeasured,
    "frame rendered": ev.FrameRendered,
    "frame failed": ev.FrameFailed,
    "frame written": ev.FrameWritten,
    "pass measured": ev.PassMeasured,
    "preview made": ev.PreviewMade,
    "goal moved": ev.ExpectedWorkChanged,
    "time up": ev.TimeLimitReached,
    "deadline judged": ev.DeadlineForecast,
    "frames checked": ev.FramesChecked,
    "frame flagged": ev.FrameFlagged,
    "product made": ev.ProductMade,
    "product failed": ev.ProductFailed,
    "not sent": ev.NotificationFailed,
    "run skipped": ev.RunSkipped,
}
"""What each event is called in a record. No name is ever given to another one."""

_NAME_OF = {kind: name for name, kind in NAMES.items()}
_FIELDS = {
    kind: [(each.name, str(each.type).removesuffix(" | None")) for each in fields(kind) if each.name != "at_s"]
    for kind in _NAME_OF
}
"""Of each kind of event its fields, and the type of each."""
_TOLD_OF_UNITS = ("wall_s", "load_s", "cpu_s", "peak_memory_bytes", "reused")
_NOT_TOLD_OF_UNITS = {"unit": "", "build": "", "isa": "", "started_s": 0.0}
_MADE: dict[str, Callable[[Any], Any]] = {
    "SampleRange": lambda told: SampleRange(**told),
    "Size": lambda told: Size(**told),
    "Region": lambda told: Region(**told),
    "Reached": reached_from,
    "RunState": ev.RunState,
    "StageState": ev.StageState,
    "Fault": Fault,
    "tuple[str, ...]": tuple,
}
"""How values of a field's type are made of what is told; of others they are what is told."""


def encode(event: ev.Event, at: datetime) -> dict[str, Any]:
    """Make an event plain JSON values: when, what, and its fields. Arrays are left out."""
    told: dict[str, Any] = {"at": at.isoformat(timespec="milliseconds"), "what": _NAME_OF[type(event)]}
    for name, _ in _FIELDS[type(event)]:
        told |= _told(name, getattr(event, name))
    return told


def decode(told: Mapping[str, Any], at_s: float = 0.0) -> ev.Event | None:
    """Make an event of what a record tells; None where it tells none, or another version wrote it otherwise.

    Parameters
    ----------
    at_s
        When it was, on the clock of the job.
    """
    with suppress(KeyError, TypeError, ValueError):
        kind = NAMES[told["what"]]
        return kind(at_s=at_s, **dict(_values(kind, told)))
    return None


def _told(name: str, value: object) -> dict[str, Any]:
    match value:
        case Block():
            r, s = value.region, value.samples
            return {"frame": value.frame, "samples": [s.start, s.stop], "region": [r.x0, r.y0, r.x1, r.y1]}
        case UnitRecord():
            return {told: _plain(getattr(value, told)) for told in _TOLD_OF_UNITS}
        case np.ndarray():
            return {}
        case _:
            return {name: _plain(value)}


def _plain(value: object) -> object:
    """Make JSON values that every reader takes: no NaN, no numbers of another library."""
    match value:
        case np.generic():
            return _plain(value.item())
        case float():
            return float(value) if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
        case _ if is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            return str(value)


def _values(kind: type[ev.Event], told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the fields that are told of, each with its value; what is not told of has its default."""
    for name, wanted in _FIELDS[kind]:
        match wanted:
            case "Block":
                yield name, _block(told)
            case "UnitRecord":
                known = {each.name: told[each.name] for each in fields(UnitRecord) if each.name in told}
                yield name, UnitRecord(**{**_NOT_TOLD_OF_UNITS, **known})
            case "npt.NDArray[np.float64]":
                yield name, np.zeros((0, 0))
            case _ if name in told:
                value, made = told[name], _MADE.get(wanted)
                yield name, value if made is None or value is None else made(value)


def _block(told: Mapping[str, Any]) -> Block:
    (start, stop), (x0, y0, x1, y1) = told["samples"], told["region"]
    return Block(
        frame=told["frame"], samples=SampleRange(start=start, stop=stop), region=Region(x0=x0, y0=y0, x1=x1, y1=y1)
    )
