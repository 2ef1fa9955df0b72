"""The page's controls: the same actions, in the same words, as `frontburner job`, `node` and `licence`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from frontburner.control.desired_state import MOST_URGENT, DesiredState, current_user, set_priority
from frontburner.control.resume import RerunRequest
from frontburner.jobs.durations import format_span
from frontburner.monitor.requests import BadRequest
from frontburner.record.registry import JobActionRefused

if TYPE_CHECKING:
    from frontburner.monitor.farm_source import FarmSource
    from frontburner.record.registry import JobLocation

RESPONSE_TIMEOUT_S = 2.0
"""An action that takes longer is answered before it has ended; the page shows its result later."""
CHECK_TIMEOUT_S = 300.0

Report = Callable[[str], None]


class ActionInput(BaseModel):
    """The arguments of an action."""

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
    for_s: float | None = Field(default=None, gt=0, le=366 * 86_400)
    most: int | None = Field(default=None, ge=0, le=1_000_000)


def _suspend(source: FarmSource, job: JobLocation, given: ActionInput, report: Report) -> None:
    source.request_stop(job, DesiredState.SUSPEND_NOW if given.now else DesiredState.SUSPEND, report)


def _cancel(source: FarmSource, job: JobLocation, _: ActionInput, report: Report) -> None:
    source.request_stop(job, DesiredState.CANCEL, report)


def _resume(source: FarmSource, job: JobLocation, _: ActionInput, report: Report) -> None:
    source.resume(job, None, report)


def _rerun(source: FarmSource, job: JobLocation, given: ActionInput, report: Report) -> None:
    request = RerunRequest(frames=given.frames, failed=given.failed, missing=given.missing, new_seed=given.new_seed)
    source.resume(job, request, report)


def _priority(_: FarmSource, job: JobLocation, given: ActionInput, report: Report) -> None:
    if given.priority is None:
        raise JobActionRefused(
            reason="No priority was given.", remedy=f"Give 0 to {MOST_URGENT}; a higher one gets nodes first."
        )
    set_priority(job.store, job.job_id, given.priority, at=datetime.now().astimezone(), by=current_user())
    report(f"{job.job_id} has priority {given.priority} from now on.")


JOB_ACTIONS: Mapping[str, Callable[[FarmSource, JobLocation, ActionInput, Report], None]] = {
    "suspend": _suspend,
    "cancel": _cancel,
    "resume": _resume,
    "rerun": _rerun,
    "priority": _priority,
}

NodeCall = tuple[str, dict[str, Any], str]
"""A call of the arbiter, its arguments, and the message once it is done."""


def _pause(name: str, given: ActionInput) -> NodeCall:
    lasts = f", for {format_span(given.for_s)}" if given.for_s else ""
    message = f"The node {name} takes no more work once its unit has ended{lasts}."
    return "configure_node", {"paused": current_user(), "paused_for_s": given.for_s}, message


def _take_work(name: str, _: ActionInput) -> NodeCall:
    return "configure_node", {"paused": "", "draining": ""}, f"The node {name} takes work."


def _drain(name: str, _: ActionInput) -> NodeCall:
    return "configure_node", {"draining": current_user()}, f"The node {name} leaves once its unit has ended."


def _remove(name: str, _: ActionInput) -> NodeCall:
    return "remove", {}, f"The node {name} has left."


def _exclude(name: str, given: ActionInput) -> NodeCall:
    return "exclude", {"job": _job(given), "by": current_user()}, f"{given.job} no longer gets {name}."


def _include(name: str, given: ActionInput) -> NodeCall:
    return "exclude", {"job": _job(given), "by": ""}, f"{given.job} can have {name}."


def _group(name: str, given: ActionInput) -> NodeCall:
    groups = [group.strip() for group in given.groups if group.strip()]
    return (
        "configure_node",
        {"groups": groups},
        f"The node {name} belongs to {', '.join(groups) if groups else 'no group'}.",
    )


def _hours(name: str, given: ActionInput) -> NodeCall:
    return "configure_node", {"hours": given.hours.strip()}, f"The hours of {name}: {given.hours.strip() or 'always'}."


NODE_ACTIONS: Mapping[str, Callable[[str, ActionInput], NodeCall]] = {
    "pause": _pause,
    "resume": _take_work,
    "drain": _drain,
    "remove": _remove,
    "exclude": _exclude,
    "include": _include,
    "group": _group,
    "hours": _hours,
}


def _job(given: ActionInput) -> str:
    if not given.job:
        raise BadRequest(reason="No job was named.", remedy="Name the job that the node is excluded from.")
    return given.job


async def act_on_job(
    source: FarmSource,
    job: JobLocation,
    name: str,
    given: ActionInput,
    report_late: Report = lambda message: None,  # noqa: ARG005
) -> list[str]:
    """Perform an action on a job; returns messages within `RESPONSE_TIMEOUT_S`.

    Parameters
    ----------
    report_late
        Called with an error that comes after that; the job's record shows a success.
    """
    act = JOB_ACTIONS.get(name)
    if act is None:
        raise BadRequest(reason=f"There is no action '{name}' on jobs.", remedy=_known(JOB_ACTIONS))
    messages: list[str] = []
    task = asyncio.create_task(asyncio.to_thread(act, source, job, given, messages.append))
    done, _ = await asyncio.wait({task}, timeout=RESPONSE_TIMEOUT_S)
    if done:
        task.result()
        return messages

    def on_end(ended: asyncio.Task[None]) -> None:
        if not ended.cancelled() and (error := ended.exception()) is not None:
            report_late(str(error))

    task.add_done_callback(on_end)
    return messages or [f"{job.job_id}: {name} is in progress."]


async def act_on_node(source: FarmSource, node: str, name: str, given: ActionInput) -> list[str]:
    """Perform an action on a node; returns messages."""
    act = NODE_ACTIONS.get(name)
    if act is None:
        raise BadRequest(reason=f"There is no action '{name}' on nodes.", remedy=_known(NODE_ACTIONS))
    call, arguments, message = act(node, given)
    await asyncio.to_thread(lambda: source.call_arbiter(call, node=node, **arguments))
    return [message]


async def limit_renderer(source: FarmSource, renderer: str, given: ActionInput) -> list[str]:
    """Limit on how many nodes a renderer is used at once, or remove the limit; returns messages."""
    await asyncio.to_thread(lambda: source.call_arbiter("license", renderer=renderer, most=given.most))
    if given.most is None:
        return [f"Any number of nodes may use {renderer}."]
    plural = given.most != 1
    return [f"At most {given.most} node{'s' if plural else ''} use{'' if plural else 's'} {renderer} at once."]


async def check_node(source: FarmSource, node: str) -> Mapping[str, Any]:
    """Check a node; returns its readiness."""
    return await asyncio.wait_for(asyncio.to_thread(source.check, node), CHECK_TIMEOUT_S)


def _known(names: Mapping[str, object]) -> str:
    return f"There are {', '.join(names)}."
