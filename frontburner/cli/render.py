"""``frontburner render``: check the job, start what is missing of a farm, run the flow, and report the result."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.chains.chain import is_chain
from frontburner.cli.command import FRAMES_FAILED, INTERRUPTED, OK, REFUSED, STOPPED, UNAVAILABLE
from frontburner.cli.reporters import OutputFormat, Reporter, Stopped, make_reporter
from frontburner.cluster.ephemeral_farm import ephemeral_farm
from frontburner.control.intake import REFUSED as REFUSED_REASON
from frontburner.control.intake import JobInput, read_job, with_absolute_paths
from frontburner.control.kept_scenes import forget_given_scene
from frontburner.control.resume import FrameSelection
from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.job_files import is_job_file, read_document
from frontburner.manager.local_farm import use_local_farm
from frontburner.settings import settings_for
from storage.errors import FrontburnerError
from storage.objects import open_store
from system.signals import end_interrupts
from system.terminal import prepare_output
from tasks.notify_targets import UnknownTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from frontburner.jobs.job import RenderJob


def run(
    scene: str, given: dict[str, Any], form: JobInput, *, nodes: int, output: OutputFormat = OutputFormat.TEXT,
    again: str = "", cluster: str = "",
) -> int:  # fmt: skip
    """Render a job, or run a chain, and return the command's exit code."""
    if cluster:  # overrides the environment for this job
        variables = {"FRONTBURNER_CLUSTER": str(Path(cluster).expanduser().absolute()), "FRONTBURNER_SCHEDULER": ""}
        with settings_for(**variables):
            return run(scene, given, form, nodes=nodes, output=output, again=again)
    if _is_chain(scene):
        from frontburner.cli.chain import run_file

        return run_file(Path(scene), given, form, nodes=nodes, output=output, again=again)
    return run_job(lambda: _read(scene, given, form, nodes, again), nodes=nodes, output=output)


def run_job(
    read: Callable[[], RenderJob],
    *,
    nodes: int = 0,
    output: OutputFormat = OutputFormat.TEXT,
    choice: FrameSelection | None = None,
) -> int:
    """Render the job that ``read`` returns in this process, and return the command's exit code."""
    started_s = time.monotonic()
    return run_reported(
        lambda reporter: _render(read(), nodes, reporter, started_s, choice or FrameSelection()), output
    )


def run_reported(act: Callable[[Reporter], dict[str, Any]], output: OutputFormat) -> int:
    """Run the body of a command with a reporter, which also reports the result; returns the command's exit code."""
    use_local_farm()
    with result_stdout() as stdout:
        reporter = make_reporter(output, stdout)
        try:
            document = act(reporter)
        except FrontburnerError as error:
            code = exit_code(error)
            reporter.failed(error, code)
            return code
        except KeyboardInterrupt:
            reporter.stopped(INTERRUPTED)
            return INTERRUPTED
        reporter.completed(document)
        return OK


def _is_chain(scene: str) -> bool:
    path = Path(scene)
    try:
        return is_job_file(path) and is_chain(read_document(path))
    except JobRefused:
        return False  # reading it as a job reports why


def _read(scene: str, given: dict[str, Any], form: JobInput, nodes: int, again: str) -> RenderJob:
    """Make the job from a scene or job file, a template and the options; nothing has been started yet."""
    check_nodes(nodes)
    if again:
        problem = f"again: '{again}' names a stage, and this is no chain. For frames: frontburner job rerun"
        raise JobRefused(reason=REFUSED_REASON, remedy="", problems=(problem,))
    job = read_job(scene, given, form)
    forget_given_scene(open_store(job.out), with_absolute_paths(job).job_id)
    return job


def check_nodes(nodes: int) -> None:
    """Refuse a negative number of nodes."""
    if nodes < 0:
        raise JobRefused(reason="nodes:", remedy="", problems=(f"{nodes}: give 1 or more, or 0 to choose.",))


def _render(job: RenderJob, nodes: int, reporter: Reporter, started_s: float, choice: FrameSelection) -> dict[str, Any]:
    startup_s = [0.0]

    def observe(event: ev.Event) -> None:
        if isinstance(event, ev.UnitStarted) and not startup_s[0]:
            startup_s[0] = time.monotonic() - started_s
        reporter.on_event(event)

    try:
        with ev.observe(observe), ephemeral_farm(nodes, reporter.activity, helps=bool(job.local)), end_interrupts():
            from prefect.exceptions import CancelledRun

            from flows.render import render

            reporter.activity(f"opening {Path(job.scene).name}")
            try:
                document = render(with_absolute_paths(job), again=choice.again, only=choice.only)
            except CancelledRun as cancelled:
                raise Stopped(reason=str(cancelled), remedy="") from None
            assert isinstance(document, dict)
    except FrontburnerError as error:
        if getattr(error, "report", None):
            error.report |= _times(startup_s[0], started_s)  # type: ignore[attr-defined]
        raise
    finally:
        reporter.close()
    return document | _times(startup_s[0], started_s)


def _times(startup_s: float, started_s: float) -> dict[str, float]:
    wall_s = time.monotonic() - started_s
    return {"wall_s": round(wall_s, 3), "startup_s": round(startup_s or wall_s, 3)}


@contextmanager
def result_stdout() -> Iterator[Any]:
    """Reserve standard output for the result: everything else that is printed there goes to standard error."""
    sys.stdout.flush()
    stdout = os.fdopen(os.dup(1), "w", errors="replace")
    os.dup2(2, 1)
    try:
        yield stdout
    finally:
        sys.stdout.flush()
        stdout.flush()
        os.dup2(stdout.fileno(), 1)
        stdout.close()


def exit_code(error: FrontburnerError) -> int:
    """Return the exit code of a command that ended with an error."""
    if isinstance(error, JobRefused):
        return REFUSED
    if isinstance(error, Stopped):
        return STOPPED
    if getattr(error, "report", None):
        return FRAMES_FAILED
    from tasks.errors import SceneError

    return REFUSED if isinstance(error, SceneError | UnknownTarget) else UNAVAILABLE


def run_from_stdin() -> int:
    """Render the job described on standard input: what `frontburner.control.background_run` starts."""
    prepare_output()
    document = json.load(sys.stdin)
    choice = FrameSelection(again=document["again"], only=document["only"])
    return run_job(lambda: make_job(document["job"]), nodes=document["nodes"], choice=choice)


if __name__ == "__main__":
    sys.exit(run_from_stdin())
