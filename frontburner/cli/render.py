"""``frontburner render``: check the job, bring up what is missing of a farm, run the flow, say what came of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.chains.chain import is_chain
from frontburner.cli.notify_commands import CommandReport, Stopped, Teller, teller_of
from frontburner.cluster.ephemeral_farm import ephemeral_farm
from frontburner.control.intake import REFUSED as REFUSED_BEFORE
from frontburner.control.intake import JobInput, read_job, with_absolute_paths
from frontburner.control.resume import FrameSelection
from frontburner.jobs.job import JobRefused
from frontburner.jobs.job_files import is_job_file, read_document
from frontburner.manager.local_farm import use_farm_here
from frontburner.settings import settings_for
from storage.errors import FrontburnerError
from tasks.notify_targets import UnknownTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from frontburner.jobs.job import RenderJob

OK, FRAMES_FAILED, REFUSED, TROUBLE, HALTED, INTERRUPTED = 0, 1, 2, 3, 4, 130


def run(
    scene: str, given: dict[str, Any], form: JobInput, *, nodes: int, told: CommandReport = CommandReport.WORDS,
    again: str = "", cluster: str = "",
) -> int:  # fmt: skip
    """Render a job, or run a chain, and return the command's exit code."""
    if cluster:  # it is what this job is to have, whatever is set
        own = {"FRONTBURNER_CLUSTER": str(Path(cluster).expanduser().absolute()), "FRONTBURNER_SCHEDULER": ""}
        with settings_for(**own):
            return run(scene, given, form, nodes=nodes, told=told, again=again)
    if _is_chain(scene):
        from frontburner.cli.chain import run_file

        return run_file(Path(scene), given, form, nodes=nodes, told=told, again=again)
    return run_job(lambda: _read(scene, given, form, nodes, again), nodes=nodes, told=told)


def run_job(
    read: Callable[[], RenderJob],
    *,
    nodes: int = 0,
    told: CommandReport = CommandReport.WORDS,
    choice: FrameSelection | None = None,
) -> int:
    """Render the job that is read, here, and return the command's exit code."""
    began_s = time.monotonic()
    return conduct(lambda teller: _render(read(), nodes, teller, began_s, choice or FrameSelection()), told)


def conduct(act: Callable[[Teller], dict[str, Any]], told: CommandReport) -> int:
    """Do what a command does and tell of it; returns the command's exit code."""
    use_farm_here()
    with own_stdout() as stdout:
        teller = teller_of(told, stdout)
        try:
            document = act(teller)
        except FrontburnerError as error:
            code = exit_code(error)
            teller.failed(error, code)
            return code
        except KeyboardInterrupt:
            teller.stopped(INTERRUPTED)
            return INTERRUPTED
        teller.completed(document)
        return OK


def _is_chain(scene: str) -> bool:
    path = Path(scene)
    try:
        return is_job_file(path) and is_chain(read_document(path))
    except JobRefused:
        return False  # why, is told where it is read as a job


def _read(scene: str, given: dict[str, Any], form: JobInput, nodes: int, again: str) -> RenderJob:
    """Make the job from a scene or job file, a template and the options; nothing has been started yet."""
    check_nodes(nodes)
    if again:
        problem = f"again: '{again}' names a stage, and this is no chain. For frames: frontburner job rerun"
        raise JobRefused(reason=REFUSED_BEFORE, remedy="", problems=(problem,))
    return read_job(scene, given, form)


def check_nodes(nodes: int) -> None:
    """Refuse a number of nodes that is none."""
    if nodes < 0:
        raise JobRefused(reason="nodes:", remedy="", problems=(f"{nodes}: give 1 or more, or 0 to choose.",))


def _render(job: RenderJob, nodes: int, teller: Teller, began_s: float, choice: FrameSelection) -> dict[str, Any]:
    startup_s = [0.0]

    def observe(event: ev.Event) -> None:
        if isinstance(event, ev.UnitStarted) and not startup_s[0]:
            startup_s[0] = time.monotonic() - began_s
        teller.take(event)

    try:
        with ev.observe(observe), ephemeral_farm(nodes, teller.stage, helps=bool(job.local)), terminable():
            from prefect.exceptions import CancelledRun

            from flows.render import render

            teller.stage(f"opening {Path(job.scene).name}")
            try:
                document = render(with_absolute_paths(job), again=choice.again, only=choice.only)
            except CancelledRun as cancelled:
                raise Stopped(reason=str(cancelled), remedy="") from None
            assert isinstance(document, dict)
    except FrontburnerError as error:
        if getattr(error, "report", None):
            error.report |= _times(startup_s[0], began_s)  # type: ignore[attr-defined]
        raise
    finally:
        teller.close()
    return document | _times(startup_s[0], began_s)


def _times(startup_s: float, began_s: float) -> dict[str, float]:
    wall_s = time.monotonic() - began_s
    return {"wall_s": round(wall_s, 3), "startup_s": round(startup_s or wall_s, 3)}


@contextmanager
def own_stdout() -> Iterator[Any]:
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
def terminable() -> Iterator[None]:
    """End as cleanly on SIGTERM as on Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(error: FrontburnerError) -> int:
    """Return the exit code of a command that ended with an error."""
    if isinstance(error, JobRefused):
        return REFUSED
    if isinstance(error, Stopped):
        return HALTED
    if getattr(error, "report", None):
        return FRAMES_FAILED
    from tasks.errors import SceneError

    return REFUSED if isinstance(error, SceneError | UnknownTarget) else TROUBLE
