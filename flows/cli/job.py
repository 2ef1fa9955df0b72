"""``frontburner job``: what became of jobs, and suspending, resuming, cancelling and re-running them from outside."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.registry import Place
    from flows.status import JobStatus

OK, REFUSED, TROUBLE = 0, 2, 3
WAIT_S = 600

app = App(name="job", help="See, suspend, resume, cancel and re-run jobs.")

Flag = Annotated[bool, Parameter(negative=())]
Out = Annotated[str | None, Parameter(help="Store of the job, when it ran on another machine.")]


@app.command(name="list")
def list_(*, out: Out = None, json: Flag = False) -> int:
    """List the jobs this machine has run, the last one first."""

    def act() -> int:
        from flows.cli.tables import jobs_table
        from flows.registry import places

        found = [_status(place) for place in places(out)]
        _print([each.document(_now()) for each in found], jobs_table(found, _now()), as_json=json)
        return OK

    return _guarded(act)


@app.command
def show(name: str, *, out: Out = None, json: Flag = False) -> int:
    """Show how a job stands: its state, its frames and what each node did.

    Parameters
    ----------
    name
        The job's identity, or enough of its beginning.
    """

    def act() -> int:
        from flows.cli.tables import job_tables
        from flows.registry import find

        found = _status(find(name, out))
        _print(found.document(_now()), job_tables(found, _now()), as_json=json)
        return OK

    return _guarded(act)


@app.command
def log(name: str, *, out: Out = None, node: str = "", frame: int | None = None, json: Flag = False) -> int:
    """Print what happened in a job, a line an event, all runs from the first.

    Parameters
    ----------
    node, frame
        Only events of this node, or of this frame.
    """

    def act() -> int:
        from flows.cli.tables import line
        from flows.history import read
        from flows.registry import find

        place = find(name, out)
        for _, event in read(place.store, place.job_id):
            if (not node or event.get("node") == node) and (frame is None or event.get("frame") == frame):
                print(_json(event) if json else line(event))
        return OK

    return _guarded(act)


@app.command
def suspend(name: str, *, now: Flag = False, out: Out = None) -> int:
    """Suspend a job: nothing more is handed out, units under way end, and its nodes are free.

    Parameters
    ----------
    now
        End the units under way at once; they are rendered again when the job is resumed.
    """
    from flows.control import Wish

    return _guarded(lambda: _ask(name, out, Wish.SUSPEND_NOW if now else Wish.SUSPEND))


@app.command
def cancel(name: str, *, out: Out = None) -> int:
    """Cancel a job: its renderers are ended within seconds. What is finished is kept."""
    from flows.control import Wish

    return _guarded(lambda: _ask(name, out, Wish.CANCEL))


@app.command
def resume(name: str, *, out: Out = None, nodes: int = 0, json: Flag = False) -> int:
    """Go on with a job that was suspended, cancelled, lost or stopped by an error. Nothing finished is rendered again.

    A run of a Prefect deployment goes on there; any other job is rendered here, as by `frontburner render`.
    """
    return _guarded(lambda: _again(name, out, nodes=nodes, as_json=json, again="", only=""))


@app.command
def rerun(
    name: str,
    *,
    frames: str = "",
    failed: Flag = False,
    missing: Flag = False,
    new_seed: Flag = False,
    out: Out = None,
    nodes: int = 0,
    json: Flag = False,
) -> int:
    """Run a job again. What is unchanged is reused: after an edit of the scene, only frames it changed are rendered.

    Parameters
    ----------
    frames
        Render these again although they are in place, and no others.
    failed
        Only the frames that failed in the last run.
    missing
        Of the frames named, only those that aren't in place.
    new_seed
        With other noise: a job of its own, whose pictures replace these.
    """

    def act() -> int:
        from flows.registry import find

        again, only = ("" if missing else frames), frames
        if failed:
            from flows.frames import format_frames

            gone = _status(find(name, out)).failed
            if not gone:
                print(f"No frame of {name} failed in its last run.", file=sys.stderr)
                return OK
            only = format_frames(tuple(sorted(gone)))
        return _again(name, out, nodes=nodes, as_json=json, again=again, only=only, new_seed=new_seed)

    return _guarded(act)


def _ask(name: str, out: str | None, wish: Any) -> int:  # noqa: ANN401 - a Wish, whose module is loaded late
    """Say what is wanted of a job, and wait until its run has ended."""
    from flows.control import express
    from flows.registry import find

    place = find(name, out)
    found = _status(place)
    if not found.running(_now()):
        print(f"{place.job_id} isn't running: {found.stand(_now())}.", file=sys.stderr)
        return OK
    express(place.store, place.job_id, wish, at=_now())
    ends_s, told = time.monotonic() + WAIT_S, ""
    while (found := _status(place)).running(_now()) and time.monotonic() < ends_s:
        if found.stand(_now()).value != told:
            told = found.stand(_now()).value
            print(f"{place.job_id}: {told}", file=sys.stderr)
        time.sleep(0.5)
    print(f"{place.job_id}: {found.stand(_now())}", file=sys.stderr)
    return OK


def _again(
    name: str, out: str | None, *, nodes: int, as_json: bool, again: str, only: str, new_seed: bool = False
) -> int:
    from flows.cli.render import Choice, run_job
    from flows.deployed import go_on
    from flows.job import make_job
    from flows.registry import find

    place = find(name, out)
    found = _status(place)
    document = dict(found.run_started.get("job", {}))
    if not document:
        raise FrontburnerError(
            reason=f"The record of {place.job_id} doesn't say what the job was.",
            remedy="Run `frontburner render` with the job as before.",
        )
    if new_seed:
        document["seed"] = (document["seed"] + 1) % 2**32
    elif found.run_started["deployment"]:
        said = go_on(found.run_started, again=again, only=only)
        if said:
            print(said, file=sys.stderr)
            return OK
    return run_job(lambda: make_job(document), nodes=nodes, as_json=as_json, choice=Choice(again=again, only=only))


def _status(place: Place) -> JobStatus:
    from flows.history import read
    from flows.status import status

    return status(place.job_id, (event for _, event in read(place.store, place.job_id)))


def _guarded(act: Callable[[], int]) -> int:
    """Do what a command does; an error is a sentence and an exit code."""
    from flows.registry import UnknownJob

    try:
        return act()
    except FrontburnerError as error:
        print(error, file=sys.stderr)
        return REFUSED if isinstance(error, UnknownJob) else TROUBLE


def _print(document: Any, tables: Any, *, as_json: bool) -> None:  # noqa: ANN401 - JSON, or what rich prints
    if as_json:
        print(_json(document))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for table in tables:
        console.print(table, markup=False)


def _json(document: Any) -> str:  # noqa: ANN401
    return json.dumps(document)


def _now() -> datetime:
    return datetime.now().astimezone()
