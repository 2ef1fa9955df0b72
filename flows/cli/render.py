"""``frontburner render``: check the job, bring up what is missing of a farm, run the flow, say what came of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import events as ev
from flows.cli.display import Display
from flows.job import JobRefused, RenderJob, make_job
from flows.job_files import is_job_file, read_document
from flows.manager.here import use_farm_here
from flows.report import Report
from flows.scenes import frame_scenes
from flows.settings import Settings
from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.targets import UnknownTarget, read_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK, FRAMES_FAILED, REFUSED, TROUBLE, HALTED, INTERRUPTED = 0, 1, 2, 3, 4, 130


@dataclass(kw_only=True, eq=False)
class Stopped(FrontburnerError):
    """A job that was suspended or cancelled from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of a job a run is for: frames to render again although they are in place, and the only ones it is for."""

    again: str = ""
    only: str = ""


def run(scene: str, given: dict[str, Any], *, nodes: int, cluster: str = "", as_json: bool) -> int:
    """Render a job and return the command's exit code."""
    if cluster:  # it is what this job is to have, whatever is set
        os.environ["FRONTBURNER_CLUSTER"] = str(Path(cluster).expanduser().absolute())
        os.environ.pop("FRONTBURNER_SCHEDULER", None)
    return run_job(lambda: _read(scene, given, nodes), nodes=nodes, as_json=as_json)


def run_job(
    read: Callable[[], RenderJob], *, nodes: int = 0, as_json: bool = False, choice: Choice | None = None
) -> int:
    """Render the job that is read, here, and return the command's exit code."""
    began_s = time.monotonic()
    use_farm_here()
    with _own_stdout() as stdout:
        display = Display(animated=sys.stderr.isatty())
        try:
            job = read()
            document = _render(job, nodes, display, began_s, choice or Choice())
        except FrontburnerError as error:
            display.close()
            display.say(str(error), error=not isinstance(error, Stopped))
            report = getattr(error, "report", None)
            if report and as_json:
                print(json.dumps(report), file=stdout)
            return _exit_code(error)
        except KeyboardInterrupt:
            display.close()
            display.say("Stopped. Finished units are kept: run the same command to go on.")
            return INTERRUPTED
        if as_json:
            print(json.dumps(document), file=stdout)
        else:
            display.summary(document)
        return OK


def _read(scene: str, given: dict[str, Any], nodes: int) -> RenderJob:
    """Make the job document from a scene or job file and the options; nothing has been started yet."""
    if nodes < 0:
        raise JobRefused(reason="nodes:", remedy="", problems=(f"{nodes}: give 1 or more, or 0 to choose.",))
    job = read_job(scene, given)
    if Settings().cluster and not Settings().scheduler:
        from flows.cluster.document import read_cluster

        read_cluster(Settings().cluster)
    elif job.local is False and not Settings().scheduler:
        raise JobRefused(
            reason="The job was refused before anything started:",
            remedy="",
            problems=("local: no: there is only this machine. Set FRONTBURNER_SCHEDULER to a farm, or leave it out.",),
        )
    return job


def read_job(scene: str, given: dict[str, Any]) -> RenderJob:
    """Make the job document from a scene or job file and options, and prove that what it names is there."""
    path = Path(scene)
    document = read_document(path) if is_job_file(path) else {"scene": scene}
    job = make_job(document | given)
    frame_scenes(job)
    read_targets(Settings().home, job.notify)
    open_store(job.out).check()
    return job


def _render(job: RenderJob, nodes: int, display: Display, began_s: float, choice: Choice) -> dict[str, Any]:
    report = Report(job_id=job.job_id)
    startup_s = [0.0]

    def observe(event: ev.Event) -> None:
        if isinstance(event, ev.UnitStarted) and not startup_s[0]:
            startup_s[0] = time.monotonic() - began_s
        report.take(event)
        display.take(event)

    unobserve = ev.observe(observe)
    try:
        with _whole_farm(nodes, display, helps=bool(job.local)), _terminable():
            from prefect.exceptions import CancelledRun

            from flows.render import render

            display.stage(f"opening {Path(job.scene).name}")
            try:
                document = render(absolute(job), again=choice.again, only=choice.only)
            except CancelledRun as cancelled:
                raise Stopped(reason=str(cancelled), remedy="") from None
            assert isinstance(document, dict)
    except FrontburnerError as error:
        if getattr(error, "report", None):
            error.report |= _times(startup_s[0], began_s)  # type: ignore[attr-defined]
        raise
    finally:
        unobserve()
        display.close()
    return document | _times(startup_s[0], began_s)


def _times(startup_s: float, began_s: float) -> dict[str, float]:
    wall_s = time.monotonic() - began_s
    return {"wall_s": round(wall_s, 3), "startup_s": round(startup_s or wall_s, 3)}


def absolute(job: RenderJob) -> RenderJob:
    """Make paths mean the same on nodes, whose working folder is another."""
    changes = {"scene": str(Path(job.scene).expanduser().absolute())}
    if "://" not in job.out:
        changes["out"] = str(Path(job.out).expanduser().absolute())
    return job.model_copy(update=changes)


@contextmanager
def _whole_farm(nodes: int, display: Display, *, helps: bool = False) -> Iterator[None]:
    """Bring up what isn't running: a Prefect server, nodes. All of it ends with the job.

    Where a farm runs elsewhere, this machine may help it.
    """
    # One live display owns the terminal; Prefect's log lines still reach its UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    with ExitStack() as stack:
        server = None
        if not os.environ.get("PREFECT_API_URL"):
            from flows.cluster.server import drain, embedded_server

            display.stage("starting Prefect")
            server = stack.enter_context(embedded_server())
            os.environ["PREFECT_API_URL"] = server.url
            os.environ["PREFECT_HOME"] = str(Settings().home / "prefect")
            stack.callback(drain)
        if not Settings().scheduler:
            os.environ["FRONTBURNER_SCHEDULER"] = stack.enter_context(_nodes(nodes, display))
        elif helps:
            from flows.cluster.helping import helping_node

            display.stage("starting a node here")
            stack.enter_context(helping_node(Settings().scheduler))
        display.stage("starting Prefect" if server is not None else "asking Prefect")
        if server is not None:
            server.wait()
        else:
            from flows.cluster.server import wait_for_prefect

            wait_for_prefect()
        yield


@contextmanager
def _nodes(count: int, display: Display) -> Iterator[str]:
    """Start the job's own nodes, on the cluster that is set or on this machine; gives their scheduler's address."""
    settings = Settings()
    if settings.cluster:
        from flows.cluster.document import read_cluster

        cluster = read_cluster(settings.cluster)
        display.stage(f"asking the {cluster.kind} cluster for nodes")
        with cluster.opened() as scheduler:
            yield scheduler
        return
    from flows.cluster.nodes import default_nodes, local_nodes

    count = count or settings.nodes or default_nodes()
    display.stage(f"starting {count} node{'s' if count > 1 else ''}")
    with local_nodes(count) as here:
        yield here.scheduler_address


@contextmanager
def _own_stdout() -> Iterator[Any]:
    """Keep standard output for the result: whatever else prints there goes to standard error."""
    sys.stdout.flush()
    kept = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        yield kept
    finally:
        sys.stdout.flush()
        kept.flush()
        os.dup2(kept.fileno(), 1)
        kept.close()


@contextmanager
def _terminable() -> Iterator[None]:
    """End as cleanly on SIGTERM as on Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit_code(error: FrontburnerError) -> int:
    if isinstance(error, JobRefused):
        return REFUSED
    if isinstance(error, Stopped):
        return HALTED
    if getattr(error, "report", None):
        return FRAMES_FAILED
    from tasks.errors import SceneError

    return REFUSED if isinstance(error, SceneError | UnknownTarget) else TROUBLE
