"""What the page's controls do: the same as the commands of `frontburner job`, `node` and `licence`, in their words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontburner.control.desired_state import MOST_URGENT, DesiredState, current_user, set_priority
from frontburner.monitor.farm_source import RunAgain
from frontburner.monitor.refusals import BadRequest
from frontburner.record.registry import JobActionRefused

if TYPE_CHECKING:
    from frontburner.monitor.farm_source import FarmSource
    from frontburner.record.registry import JobLocation

ANSWERS_WITHIN_S = 2.0
"""A control that takes longer answers that it is under way; the page shows what comes of it."""
CHECK_WITHIN_S = 300.0

Say = Callable[[str], None]


class Given(BaseModel):
    """What a control may be given."""

    model_config = ConfigDict(extra="forbid")

    now: bool = False
    priority: int | None = Field(default=None, ge=0, le=MOST_URGENT)
    frames: str = Field(default="", max_length=4000)
    failed: bool = False
    missing: bool = False
    new_seed: bool = False
    job: str = Field(default="", max_length=400)
    groups: list[str] = Field(default=[], max_length=100)
    hours: str = Field(default="", max_length=400)
    most: int | None = Field(default=None, ge=0, le=1_000_000)


def given_from(document: object) -> Given:
    """Read what a control was given.

    Raises
    ------
    Nonsense
        With every field that is wrong.
    """
    try:
        return Given.model_validate(document)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise BadRequest(reason=f"What was asked can't be read: {wrong}.", remedy="") from None


def _suspend(source: FarmSource, place: JobLocation, given: Given, say: Say) -> None:
    source.wish(place, DesiredState.SUSPEND_NOW if given.now else DesiredState.SUSPEND, say)


def _cancel(source: FarmSource, place: JobLocation, _: Given, say: Say) -> None:
    source.wish(place, DesiredState.CANCEL, say)


def _resume(source: FarmSource, place: JobLocation, _: Given, say: Say) -> None:
    source.go_on(place, None, say)


def _rerun(source: FarmSource, place: JobLocation, given: Given, say: Say) -> None:
    again = RunAgain(frames=given.frames, failed=given.failed, missing=given.missing, new_seed=given.new_seed)
    source.go_on(place, again, say)


def _priority(_: FarmSource, place: JobLocation, given: Given, say: Say) -> None:
    if given.priority is None:
        raise JobActionRefused(reason="No priority was given.", remedy=f"Give 0 to {MOST_URGENT}; more is more urgent.")
    set_priority(place.store, place.job_id, given.priority, at=datetime.now().astimezone(), by=current_user())
    say(f"{place.job_id} has priority {given.priority} from now on.")


OF_JOBS: Mapping[str, Callable[[FarmSource, JobLocation, Given, Say], None]] = {
    "suspend": _suspend,
    "cancel": _cancel,
    "resume": _resume,
    "rerun": _rerun,
    "priority": _priority,
}


def _pause(name: str, _: Given) -> tuple[str, dict[str, Any], str]:
    return "stand", {"paused": current_user()}, f"The node {name} takes no more work when its unit has ended."


def _take_work(name: str, _: Given) -> tuple[str, dict[str, Any], str]:
    return "stand", {"paused": "", "draining": ""}, f"The node {name} takes work."


def _drain(name: str, _: Given) -> tuple[str, dict[str, Any], str]:
    return "stand", {"draining": current_user()}, f"The node {name} leaves when its unit has ended."


def _remove(name: str, _: Given) -> tuple[str, dict[str, Any], str]:
    return "remove", {}, f"The node {name} has left."


def _exclude(name: str, given: Given) -> tuple[str, dict[str, Any], str]:
    return "exclude", {"job": _job(given), "by": current_user()}, f"{given.job} no longer gets {name}."


def _include(name: str, given: Given) -> tuple[str, dict[str, Any], str]:
    return "exclude", {"job": _job(given), "by": ""}, f"{given.job} can have {name}."


def _group(name: str, given: Given) -> tuple[str, dict[str, Any], str]:
    groups = [group.strip() for group in given.groups if group.strip()]
    return "stand", {"groups": groups}, f"The node {name} belongs to {', '.join(groups) if groups else 'no group'}."


def _hours(name: str, given: Given) -> tuple[str, dict[str, Any], str]:
    return "stand", {"hours": given.hours.strip()}, f"The hours of {name}: {given.hours.strip() or 'always'}."


OF_NODES: Mapping[str, Callable[[str, Given], tuple[str, dict[str, Any], str]]] = {
    "pause": _pause,
    "resume": _take_work,
    "drain": _drain,
    "remove": _remove,
    "exclude": _exclude,
    "include": _include,
    "group": _group,
    "hours": _hours,
}


def _job(given: Given) -> str:
    if not given.job:
        raise BadRequest(reason="No job was named.", remedy="Name the job the node is kept from.")
    return given.job


async def steer_job(
    source: FarmSource,
    place: JobLocation,
    name: str,
    given: Given,
    late: Say = lambda said: None,  # noqa: ARG005
) -> list[str]:
    """Do something to a job; returns what is to be said of it, within moments.

    Parameters
    ----------
    late
        Takes what went wrong after that.
    """
    act = OF_JOBS.get(name)
    if act is None:
        raise BadRequest(reason=f"'{name}' is nothing that can be done to a job.", remedy=_known(OF_JOBS))
    said: list[str] = []
    task = asyncio.create_task(asyncio.to_thread(act, source, place, given, said.append))
    done, _ = await asyncio.wait({task}, timeout=ANSWERS_WITHIN_S)
    if done:
        task.result()
        return said
    task.add_done_callback(lambda ended: _overhear(ended, late))
    return said or [f"{place.job_id}: {name} is under way."]


async def steer_node(source: FarmSource, node: str, name: str, given: Given) -> list[str]:
    """Do something to a node; returns what is to be said of it."""
    act = OF_NODES.get(name)
    if act is None:
        raise BadRequest(reason=f"'{name}' is nothing that can be done to a node.", remedy=_known(OF_NODES))
    call, what, said = act(node, given)
    await asyncio.to_thread(lambda: source.steer(call, node=node, **what))
    return [said]


async def steer_licence(source: FarmSource, renderer: str, given: Given) -> list[str]:
    """Limit on how many nodes a renderer is used at once; without a number, on any."""
    await asyncio.to_thread(lambda: source.steer("license", renderer=renderer, most=given.most))
    if given.most is None:
        return [f"Any number of nodes may use {renderer}."]
    plural = given.most != 1
    return [f"At most {given.most} node{'s' if plural else ''} use{'' if plural else 's'} {renderer} at once."]


async def check_node(source: FarmSource, node: str) -> Mapping[str, Any]:
    """Check a node; returns its readiness."""
    return await asyncio.wait_for(asyncio.to_thread(source.check, node), CHECK_WITHIN_S)


def _overhear(task: asyncio.Task[None], late: Say) -> None:
    """Pass on what went wrong with a control that was answered for before; what went well the job's record tells."""
    if not task.cancelled() and (error := task.exception()) is not None:
        late(str(error))


def _known(names: Mapping[str, object]) -> str:
    return f"There are {', '.join(names)}."
