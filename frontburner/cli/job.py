"""``frontburner job``: what became of jobs, and suspending, resuming, cancelling and re-running them from outside."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.control.resume import LocalRun
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

OK, REFUSED, TROUBLE = 0, 2, 3

app = App(
    name="job",
    help="""See, suspend, resume, cancel and re-run jobs.

A job is named by its identity, which `job list` shows, or by enough of its beginning. Jobs that ran on this machine are
found by that alone; for others, --out says which store their pictures go to.""",
    help_epilogue="""Exit codes: 0 done · 2 no such job, or it can't be done now · 3 the farm or the store failed.
`resume` and `rerun` that render here: as `frontburner render`.""",
)

Flag = Annotated[bool, Parameter(negative=())]
Name = Annotated[str, Parameter(help="The job's identity, or enough of its beginning.")]
Out = Annotated[str | None, Parameter(help="The store its pictures go to, for a job that ran on another machine.")]
Nodes = Annotated[int, Parameter(help="Nodes to start here when it is rendered here and no farm is running.")]
Json = Annotated[bool, Parameter(negative=(), help="Print JSON on standard output and nothing else there.")]


@app.command(name="list")
def list_(*, out: Out = None, json: Json = False) -> int:
    """List the jobs this machine has run, the last one first; with --out, those of a store."""

    def act() -> int:
        from frontburner.cli.tables import jobs_table
        from frontburner.record.registry import list_jobs
        from storage.bulk import map_concurrently

        found, trouble = [], ""
        for place, told in map_concurrently(_told, list_jobs(out)):
            if isinstance(told, FrontburnerError):
                trouble = str(told)
                print(f"{place.job_id} can't be told: {told}", file=sys.stderr)
            else:
                found.append(told)
        print_out([each.document(_now()) for each in found], jobs_table(found, _now()), as_json=json)
        return TROUBLE if trouble and not found else OK

    return guarded(act)


def _told(place: JobLocation) -> tuple[JobLocation, JobStatus | FrontburnerError]:
    """Return how a job stands, or why that can't be told."""
    from frontburner.record.snapshot import status_of

    try:
        return place, status_of(place.store, place.job_id)
    except FrontburnerError as error:
        return place, error


@app.command
def show(name: Name, *, out: Out = None, json: Json = False) -> int:
    """Show how a job stands: its state, its frames, what runs where, what failed and why, and what to do next."""

    def act() -> int:
        from frontburner.cli.tables import job_tables
        from frontburner.record.registry import find_job
        from frontburner.record.snapshot import status_of

        place = find_job(name, out)
        found = status_of(place.store, place.job_id)
        print_out(found.document(_now()), job_tables(found, _now()), as_json=json)
        return OK

    return guarded(act)


@app.command
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
    """Print what happened in a job, a line an event, all runs from the first.

    Parameters
    ----------
    follow
        Go on with what happens, until the run ends.
    last
        Only the last so many events, and with --follow those to come.
    node
        Only events of this node.
    frame
        Only events of this frame.
    """

    def act() -> int:
        from frontburner.cli.following import EventFilter, tell
        from frontburner.cli.tables import line
        from frontburner.record.registry import find_job

        def show(event: dict[str, Any]) -> None:
            print(_json(event) if json else line(event), flush=True)

        wanted = EventFilter(node=node, frame=frame, heartbeats=json)
        tell(find_job(name, out), wanted, show, last=last, follow=follow)
        return OK

    return guarded(act)


@app.command
def suspend(name: Name, *, now: Flag = False, out: Out = None) -> int:
    """Suspend a job: nothing more is handed out, units under way end, then its run ends and its nodes are free.

    Parameters
    ----------
    now
        End the units under way at once; they are rendered again when the job is resumed.
    """
    from frontburner.control.desired_state import DesiredState

    return guarded(lambda: _ask(name, out, DesiredState.SUSPEND_NOW if now else DesiredState.SUSPEND))


@app.command
def cancel(name: Name, *, out: Out = None) -> int:
    """Cancel a job: its renderers are ended within seconds. What is finished is kept; `resume` still goes on.

    One that is suspended, failed, was stopped by an error or lost is given up: nothing waits for it any more.
    """
    from frontburner.control.desired_state import DesiredState

    return guarded(lambda: _ask(name, out, DesiredState.CANCEL))


@app.command
def resume(name: Name, *, out: Out = None, nodes: Nodes = 0, json: Json = False) -> int:
    """Go on with a job that was suspended, cancelled, lost or stopped by an error. Nothing finished is rendered again.

    A run of a Prefect deployment goes on there; any other job is rendered here, as by `frontburner render`.
    """

    def act() -> int:
        from frontburner.control.resume import resume
        from frontburner.record.registry import find_job

        return resume(find_job(name, out), here(nodes, as_json=json)) or OK

    return guarded(act)


@app.command
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
    """Run a job again. What is unchanged is reused: after an edit of the scene, only frames it changed are rendered.

    Parameters
    ----------
    frames
        Render these, such as 10-20, again although they are in place, and no others.
    failed
        Only the frames that failed in the last run.
    missing
        Of the frames named, only those that aren't in place.
    new_seed
        With other noise: a job of its own, whose pictures take the place of these.
    """

    def act() -> int:
        from frontburner.control.resume import RerunRequest, rerun
        from frontburner.record.registry import find_job

        wanted = RerunRequest(frames=frames, failed=failed, missing=missing, new_seed=new_seed)
        return rerun(find_job(name, out), wanted, here(nodes, as_json=json)) or OK

    return guarded(act)


@app.command
def priority(name: Name, value: int, *, out: Out = None) -> int:
    """Give a job another priority, 0 to 100, while it runs or for when it goes on; more urgent jobs get nodes first."""

    def act() -> int:
        from frontburner.control.desired_state import MOST_URGENT, current_user, set_priority
        from frontburner.record.registry import JobActionRefused, find_job

        place = find_job(name, out)
        if not 0 <= value <= MOST_URGENT:
            raise JobActionRefused(
                reason=f"{value} is no priority.", remedy=f"Give 0 to {MOST_URGENT}; more is more urgent."
            )
        set_priority(place.store, place.job_id, value, at=_now(), by=current_user())
        print(f"{place.job_id} has priority {value} from now on.", file=sys.stderr)
        return OK

    return guarded(act)


def _ask(name: str, out: str | None, wish: Any) -> int:  # noqa: ANN401 - a Wish, whose module is loaded late
    from frontburner.control.stop import request_stop
    from frontburner.record.registry import find_job

    request_stop(find_job(name, out), wish, _say)
    return OK


def here(nodes: int, *, as_json: bool) -> LocalRun[int]:
    """Render in this very process, where a job is rendered from here."""
    from frontburner.cli.notify_commands import CommandReport
    from frontburner.cli.render import run_job
    from frontburner.control.resume import LocalRun

    told = CommandReport.JSON if as_json else CommandReport.WORDS
    return LocalRun(render=lambda read, choice: run_job(read, nodes=nodes, told=told, choice=choice), report=_say)


def guarded(act: Callable[[], int]) -> int:
    """Do what a command does; an error is a sentence and an exit code."""
    from frontburner.cluster.running_farms import NoFarm
    from frontburner.jobs.job import JobRefused
    from frontburner.manager.local_farm import use_farm_here
    from frontburner.record.registry import JobActionRefused, UnknownJob
    from frontburner.submit.schedules import NoSchedule
    from tasks.notify_targets import UnknownTarget

    refusals = (UnknownJob, JobActionRefused, JobRefused, NoSchedule, UnknownTarget, NoFarm)
    try:
        use_farm_here()
        return act()
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return REFUSED if isinstance(error, refusals) else TROUBLE
    except BrokenPipeError:  # as of `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter complains when it flushes at its end
        return OK


def print_out(document: Any, tables: Any, *, as_json: bool) -> None:  # noqa: ANN401 - JSON, or what rich prints
    """Print what a command found: for a program, or for a person."""
    if as_json:
        print(_json(document))
        return
    from rich.console import Console

    # Where nobody looks, as in a pipe, no column is cut to fit a screen.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 400)
    for table in tables:
        console.print(table, markup=False)


def _json(document: Any) -> str:  # noqa: ANN401
    return json.dumps(document)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _now() -> datetime:
    return datetime.now().astimezone()
