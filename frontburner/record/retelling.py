"""Events again, as a job's record tells them: folds over what happens are folds over what happened."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from frontburner import events as ev
from frontburner.plan.block import Block
from tasks.limits import reached_from
from tasks.spec import Region, SampleRange, Size, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WORDS = {
    re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower(): kind
    for kind in vars(ev).values()
    if isinstance(kind, type) and issubclass(kind, ev.Event)
}
_MADE: dict[str, Callable[[Any], Any]] = {
    "probe": lambda told: SampleRange(**told),
    "size": lambda told: Size(**told),
    "region": lambda told: Region(**told),
    "reached": reached_from,
    "outputs": tuple,
    "state": ev.RunState,
}
_NOT_TOLD = {"unit": "", "build": "", "isa": "", "started_s": 0.0}


def event_of(told: Mapping[str, Any], at_s: float) -> ev.Event | None:
    """Make an event of what a record tells; None where it tells none, or another version wrote it otherwise.

    Parameters
    ----------
    at_s
        When it was, on the clock of the job.
    """
    kind = _WORDS.get(told.get("what", ""))
    if kind is None:
        return None
    with suppress(KeyError, TypeError, ValueError):
        return kind(at_s=at_s, **{each.name: value for each in fields(kind) for value in _value(each.name, told)})
    return None


def _value(name: str, told: Mapping[str, Any]) -> list[Any]:
    """Return a field's value; nothing where it is not told, so that its default holds."""
    match name:
        case "block":
            return [block_of(told)]
        case "record":
            record = {each.name: told[each.name] for each in fields(UnitRecord) if each.name in told}
            return [UnitRecord(**{**_NOT_TOLD, **record})]
        case "rates":
            return [np.zeros((0, 0))]
        case "at_s":
            return []
        case _ if name not in told:
            return []
        case _:
            made = _MADE.get(name)
            return [told[name] if made is None or told[name] is None else made(told[name])]


def block_of(told: Mapping[str, Any]) -> Block:
    """Return the block an event is about. Raises `KeyError` where it is about none."""
    (start, stop), (x0, y0, x1, y1) = told["samples"], told["region"]
    return Block(
        frame=told["frame"], samples=SampleRange(start=start, stop=stop), region=Region(x0=x0, y0=y0, x1=x1, y1=y1)
    )
