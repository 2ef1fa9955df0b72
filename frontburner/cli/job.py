"""``frontburner job``: the state and log of jobs; suspending, resuming, cancelling and re-running them."""

from __future__ import annotations

import json as json_
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from frontburner.cli.command import OK, UNAVAILABLE, Flag, Json, guarded_with_farm, print_err, print_result
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.control.desired_state import DesiredState
    from frontburner.control.resume import LocalRun
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

app = App(
    name="job",
    help="""See, suspend, resume, cancel and re-run jobs.

A job is named by its identity, which `job list` shows, or by enough of its beginning. Jobs that ran on this machine are
found by that alone; for others, --out says which store their pictures go to.""",
    help_epilogue="""Exit codes: 0 done · 2 no such job, or not possible in its state · 3 the farm or the store failed.
`resume` and `rerun` that render on this machine: as `frontburner render`.""",
)

Name = Annotated[str, Parameter(help="The job's identity, or enough of its beginning.")]
Out = Annotated[str | None, Parameter(help="The store its pictures go to, for a job that ran on another machine.")]
Nodes = Annotated[
    int, Parameter(help="Nodes to start on this machine if the job is rendered here and no farm is running.")
]


@app.command(name="list")
@guarded_with_farm
def list_(*, out: Out = None, json: Json = False) -> int:
    """List the jobs this machine has run, the last one first; with --out, those of a store."""
    from frontburner.cli.job_tables import jobs_table
    from frontburner.record.registry import list_jobs
    from storage.bulk import map_concurrently

    found, failed = [], False
    for location, status in map_concurrently(_status, list_jobs(out)):
        if isinstance(status, FrontburnerError):
            failed = True
            print_err(f"The status of {location.job_id} is unknown: {status}")
        else:
            found.append(status)
    print_result([status.document(_now()) for status in found], jobs_table(found, _now()), as_json=json)
    return UNAVAILABLE if failed and not found else OK


def _status(location: JobLocation) -> tuple[JobLocation, JobStatus | FrontburnerError]:
    """Return the status of a job, or the error of reading it."""
    from frontburner.record.snapshot import status_of

    try:
        return location, status_of(location.store, location.job_id)
    except FrontburnerError as error:
        return location, error


@app.command
@guarded_with_farm
def show(name: Name, *, out: Out = None, json: Json = False) -> int:
    """Show a job: its state, frames and nodes, what is in flight, what failed and why, and what to do next."""
    from frontburner.cli.job_tables import job_tables
    from frontburner.record.registry import find_job
    from frontburner.record.snapshot import status_of

    location = find_job(name, out)
    status = status_of(location.store, location.job_id)
    print_result(status.document(_now()), job_tables(status, _now()), as_json=json)
    return OK


@app.command
@guarded_with_farm
def log(
    name: Name,
    *,
    follow: Flag = False,
    last: int | None = None,
    node: str = "",
    frame: int | None = None,
    out: Out = None,
    json: Json = False,
) -> int:
    """Print the events of a job, a line each, from its first run on.

    Parameters
    ----------
    follow
        Go on with new events, until the run ends.
    last
        Only this number of events from the end; with --follow, also new ones.
    node
        Only events of this node.
    frame
        Only events of this frame.
    """
    from frontburner.cli.job_log import EventFilter, format_event, show_log
    from frontburner.record.registry import find_job

    def show(event: dict[str, Any]) -> None:
        print(json_.dumps(event) if json else format_event(event), flush=True)

    wanted = EventFilter(node=node, frame=frame, heartbeats=json)
    show_log(find_job(name, out), wanted, show, last=last, follow=follow)
    return OK


@app.command
@guarded_with_farm
def suspend(name: Name, *, now: Flag = False, out: Out = None) -> int:
    """Suspend a job: no more units are started; once those in flight have ended, its run ends and its nodes are free.

    Parameters
    ----------
    now
        Stop the units in flight at once; they are rendered again when the job is resumed.
    """
    from frontburner.control.desired_state import DesiredState

    return _request_stop(name, out, DesiredState.SUSPEND_NOW if now else DesiredState.SUSPEND)


@app.command
@guarded_with_farm
def cancel(name: Name, *, out: Out = None) -> int:
    """Cancel a job: its renderers are stopped within seconds. What is finished is kept; `resume` still goes on.

    A job that is suspended, failed, stopped by an error or lost is cancelled too: nothing waits for it any more.
    """
    from frontburner.control.desired_state import DesiredState

    return _request_stop(name, out, DesiredState.CANCEL)


@app.command
@guarded_with_farm
def resume(name: Name, *, out: Out = None, nodes: Nodes = 0, json: Json = False) -> int:
    """Resume a job that was suspended, cancelled, lost or stopped by an error. Nothing finished is rendered again.

    A job of a Prefect deployment goes on there; any other is rendered on this machine, as by `frontburner render`.
    """
    from frontburner.control.resume import resume
    from frontburner.record.registry import find_job

    return resume(find_job(name, out), local_run(nodes, as_json=json)) or OK


@app.command
@guarded_with_farm
def rerun(
    name: Name,
    *,
    frames: str = "",
    failed: Flag = False,
    missing: Flag = False,
    new_seed: Flag = False,
    out: Out = None,
    nodes: Nodes = 0,
    json: Json = False,
) -> int:
    """Run a job again. Unchanged frames are reused: after an edit of the scene, only frames it changed are rendered.

    Parameters
    ----------
    frames
        Render only these, such as 10-20, even if they are in place.
    failed
        Only the frames that failed in the last run.
    missing
        Of these frames, only those that aren't in place.
    new_seed
        With other noise: as a job of its own, whose pictures replace those of this one.
    """
    from frontburner.control.resume import RerunRequest, rerun
    from frontburner.record.registry import find_job

    request = RerunRequest(frames=frames, failed=failed, missing=missing, new_seed=new_seed)
    return rerun(find_job(name, out), request, local_run(nodes, as_json=json)) or OK


@app.command
@guarded_with_farm
def priority(name: Name, value: int, *, out: Out = None) -> int:
    """Set the priority of a job, 0 to 100, also while it runs; jobs of a higher priority get nodes first."""
    from frontburner.control.desired_state import MOST_URGENT, current_user, set_priority
    from frontburner.record.registry import JobActionRefused, find_job

    location = find_job(name, out)
    if not 0 <= value <= MOST_URGENT:
        raise JobActionRefused(
            reason=f"{value} is no priority.", remedy=f"Give 0 to {MOST_URGENT}; a higher one gets nodes first."
        )
    set_priority(location.store, location.job_id, value, at=_now(), by=current_user())
    print_err(f"{location.job_id} has priority {value} from now on.")
    return OK


def _request_stop(name: str, out: str | None, state: DesiredState) -> int:
    from frontburner.control.stop import request_stop
    from frontburner.record.registry import find_job

    request_stop(find_job(name, out), state, print_err)
    return OK


def local_run(nodes: int, *, as_json: bool) -> LocalRun[int]:
    """Return how a job is rendered in this process, if no Prefect deployment does it."""
    from frontburner.cli.render import run_job
    from frontburner.cli.reporters import OutputFormat
    from frontburner.control.resume import LocalRun

    output = OutputFormat.JSON if as_json else OutputFormat.TEXT
    return LocalRun(
        render=lambda read, choice: run_job(read, nodes=nodes, output=output, choice=choice), report=print_err
    )


def _now() -> datetime:
    return datetime.now().astimezone()
