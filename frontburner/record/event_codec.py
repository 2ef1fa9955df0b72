"""Encode events as lines of a job's record, and decode them: the only module that knows their names there.

A line is a JSON object: ``at``, the time; ``what``, the event's name in `EVENT_TYPES`; and the event's fields. Records
outlive versions of this program, so the meaning of a name is permanent: a field with a default may be added to it.
Any other change is a new event, with a name such as ``unit finished 2``, and the former one stays in `EVENT_TYPES` for
the records that have it.
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

EVENT_TYPES: dict[str, type[ev.Event]] = {
    "run started": ev.RunStarted,
    "alive": ev.Heartbeat,
    "events dropped": ev.EventsDropped,
    "job suspending": ev.JobSuspending,
    "run ended": ev.RunEnded,
    "stage began": ev.StageBegan,
    "stage ended": ev.StageEnded,
    "job planned": ev.JobPlanned,
    "job noted": ev.JobNoted,
    "build chosen": ev.BuildChosen,
    "scene sent": ev.SceneSent,
    "scene fetched": ev.SceneFetched,
    "simulation baked": ev.SimulationBaked,
    "node joined": ev.NodeJoined,
    "node refused": ev.NodeRefused,
    "node left out": ev.NodeLeftOut,
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
"""The name of each event in records. A name is never reused for another event."""

_NAMES = {event_type: name for name, event_type in EVENT_TYPES.items()}
_FIELDS = {
    event_type: [(f.name, str(f.type).removesuffix(" | None")) for f in fields(event_type) if f.name != "at_s"]
    for event_type in _NAMES
}
"""Name and type of each field, by type of event."""
_UNIT_FIELDS = ("wall_s", "load_s", "cpu_s", "peak_memory_bytes", "reused")
_UNIT_DEFAULTS = {"unit": "", "build": "", "isa": "", "started_s": 0.0}
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "SampleRange": lambda values: SampleRange(**values),
    "Size": lambda values: Size(**values),
    "Region": lambda values: Region(**values),
    "Reached": reached_from,
    "RunState": ev.RunState,
    "StageState": ev.StageState,
    "Fault": Fault,
    "tuple[str, ...]": tuple,
}
"""Make a value of a field's type from its JSON value; values of other types are used as they are."""


def encode(event: ev.Event, at: datetime) -> dict[str, Any]:
    """Return an event as plain JSON values: time, name and fields. Arrays are left out."""
    line: dict[str, Any] = {"at": at.isoformat(timespec="milliseconds"), "what": _NAMES[type(event)]}
    for name, _ in _FIELDS[type(event)]:
        line |= _encode_field(name, getattr(event, name))
    return line


def decode(line: Mapping[str, Any], at_s: float = 0.0) -> ev.Event | None:
    """Return the event of a line; None if it has none, or was written in a form this version can't read.

    Parameters
    ----------
    at_s
        Time of the event, by the job's clock.
    """
    with suppress(KeyError, TypeError, ValueError):
        event_type = EVENT_TYPES[line["what"]]
        return event_type(at_s=at_s, **dict(_decode_fields(event_type, line)))
    return None


def _encode_field(name: str, value: object) -> dict[str, Any]:
    match value:
        case Block():
            r, s = value.region, value.samples
            return {"frame": value.frame, "samples": [s.start, s.stop], "region": [r.x0, r.y0, r.x1, r.y1]}
        case UnitRecord():
            return {field: _plain(getattr(value, field)) for field in _UNIT_FIELDS}
        case np.ndarray():
            return {}
        case _:
            return {name: _plain(value)}


def _plain(value: object) -> object:
    """Convert to JSON values that every parser accepts: no NaN, no NumPy scalars."""
    match value:
        case np.generic():
            return _plain(value.item())
        case float():
            return float(value) if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value):
            return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        case _:
            return str(value)


def _decode_fields(event_type: type[ev.Event], line: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the fields that a line has, each with its value; missing ones keep their defaults."""
    for name, type_name in _FIELDS[event_type]:
        match type_name:
            case "Block":
                (start, stop), (x0, y0, x1, y1) = line["samples"], line["region"]
                samples, region = SampleRange(start=start, stop=stop), Region(x0=x0, y0=y0, x1=x1, y1=y1)
                yield name, Block(frame=line["frame"], samples=samples, region=region)
            case "UnitRecord":
                known = {f.name: line[f.name] for f in fields(UnitRecord) if f.name in line}
                yield name, UnitRecord(**{**_UNIT_DEFAULTS, **known})
            case "npt.NDArray[np.float64]":
                yield name, np.zeros((0, 0))
            case _ if name in line:
                value, decoder = line[name], _DECODERS.get(type_name)
                yield name, value if decoder is None or value is None else decoder(value)
