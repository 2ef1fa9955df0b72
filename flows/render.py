"""The flow: a job document goes in, its frames lie in storage when it ends, whatever happened to the nodes."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.states import Cancelled, Completed
from pydantic import Field

from frontburner import events as ev
from frontburner.afterwards import Afterwards
from frontburner.cluster.nodes import farm
from frontburner.control.earlier import wait_for_earlier_run
from frontburner.control.wishes import Wish, WishWatch, express
from frontburner.deadline import next_moment
from frontburner.farm.step_runner import StepRunner
from frontburner.figures.report import Report
from frontburner.halting import Halt, Halted, Halting, stay_suspended
from frontburner.jobs.job import RenderJob
from frontburner.nightly.conditions import Conditions, note_scene
from frontburner.nightly.telling import skipped, told
from frontburner.record.history import Recorder
from frontburner.record.records import new_run
from frontburner.record.registry import prefect_api, register
from frontburner.run import FarmLost, Run
from frontburner.settings import Settings
from storage.errors import FrontburnerError, StoreError
from storage.objects import HOUSE, open_store
from tasks.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from storage.objects import ObjectStore

FARM_TIMEOUT_S = 600
"""Seconds a run waits for a scheduler that went away: it is started again where it was, or the run ends."""


@dataclass(kw_only=True, eq=False)
class JobFailed(FrontburnerError):
    """A job that ended with frames missing; its finished frames are in place and its report is in ``report``."""

    report: dict[str, Any] = field(default_factory=dict, repr=False)


AGAIN = Field(default="", description="Frames to render again although they are in place, such as 10-20.")
ONLY = Field(default="", description="Frames this run is for, such as 10-20; empty is all of the job's.")
CONDITIONS = Field(
    default=None, description="On what conditions a scheduled run renders: how late, and whether only after a change."
)
"""Prefect reads what a parameter means from such a default, for its form, and passes on the value alone."""


@flow(
    name="render",
    flow_run_name="{job.title}",
    task_runner=StepRunner(cluster_class=farm),  # type: ignore[arg-type]
    persist_result=False,
)
def render(
    job: RenderJob, again: str = AGAIN, only: str = ONLY, conditions: Conditions | None = CONDITIONS
) -> dict[str, Any] | State[None]:
    """Render a job: a still over all nodes at once, a sequence frame by frame.

    The same job goes on where it stopped: frames in place and units in the store are never rendered again.

    Parameters
    ----------
    job
        What to render.
    again
        Frames to render again although they are in place, such as 10-20.
    only
        Frames this run is for; empty is all.
    conditions
        On what conditions a scheduled run renders.
    """
    job = _in_the_farms_store(job)
    store = open_store(job.out)
    store.check()
    if why := skipped(job, store, conditions):
        return Completed(name="Skipped", message=f"Skipped: {why}.")
    try:
        with told(job, store), _recorded(job, store):
            return _rendered(job, store, again, only)
    except Halted as halted:
        # Suspended where Prefect has a deployment to resume it from, else cancelled: whoever called this calls again.
        if halted.how is Halt.SUSPENDED and _deployed():
            raise stay_suspended() from None
        return Cancelled(name=halted.how.value.capitalize(), message=str(halted))
    except Pause:
        raise stay_suspended() from None


def _in_the_farms_store(job: RenderJob) -> RenderJob:
    """Have the pictures of a job that names a relative folder go to the farm's store, where it has one."""
    farms = Settings().store
    if not (farms and _deployed()) or "://" in job.out or Path(job.out).expanduser().is_absolute():
        return job
    return job.model_copy(update={"out": f"{farms.rstrip('/')}/{job.out}"})


def _rendered(job: RenderJob, store: ObjectStore, again: str, only: str) -> dict[str, Any]:
    """Render until all is in place, on another scheduler if the farm gets one, and return the report."""
    started_s = time.monotonic()

    def clock() -> float:
        return time.monotonic() - started_s

    report, client = Report(job_id=job.job_id), _client()
    due = next_moment(job.finish_by, _now()) if job.finish_by else None
    unobserve = ev.observe(report.take)
    try:
        with WishWatch(store=store, job_id=job.job_id) as watch:
            halting = Halting(job_id=job.job_id, watch=watch, clock=clock)

            def go(again: str, only: str, because: str = "") -> Run:
                while True:
                    run = Run(job=job, store=store, client=client, report=report, clock=clock, halting=halting,
                              again=again, only=only, due=due, because=because)  # fmt: skip
                    try:
                        run.go()
                    except FarmLost as lost:
                        _wait_for_farm(client, halting, lost)
                    else:
                        return run

            run = go(again, only)
            if not report.pictures.failed:
                Afterwards(job=job, store=store, clock=clock, again=go).follow(run)
            run.tell()
    finally:
        unobserve()
    document = report.document()
    told = json.dumps(document, indent=1).encode()
    Patience().call(lambda: store.write(f"{HOUSE}/jobs/{job.job_id}.json", told))
    _raise_what_failed(job, report, document)
    if not only:
        with suppress(StoreError):  # then the next scheduled run renders what is missing, as ever
            note_scene(job, store, run.journey.manifest)
    return document


def _raise_what_failed(job: RenderJob, report: Report, document: dict[str, Any]) -> None:
    """Fail a job that has frames missing, or that lacks what should have been made of them."""
    if report.pictures.failed:
        frame, reason = next(iter(sorted(report.pictures.failed.items())))
        raise JobFailed(
            reason=f"{len(report.pictures.failed)} of {report.frames} frames failed; frame {frame}: {reason}",
            remedy="Mend the cause and run the same job again: only what is missing is rendered.",
            report=document,
        )
    if report.after.failed:
        product, reason = next(iter(report.after.failed.items()))
        raise JobFailed(
            reason=f"All frames are in place, but not the {product}: {reason}",
            remedy=f"Then: frontburner job resume {job.job_id}; no frame is rendered again for it.",
            report=document,
        )


@contextmanager
def _recorded(job: RenderJob, store: ObjectStore) -> Iterator[None]:
    """Keep the record of this run, from its first event to how it ended."""
    began_s = time.monotonic()

    def at_s() -> float:
        return time.monotonic() - began_s

    def end(state: ev.RunState, sentence: str = "") -> None:
        ev.announce(ev.RunEnded(at_s=at_s(), state=state, sentence=sentence))

    register(job.job_id, job.out)
    wait_for_earlier_run(store, job.job_id, say=get_run_logger().info)
    express(store, job.job_id, Wish.RUN, at=_now())
    run = new_run(store, job.job_id, _now(), secrets.token_hex(3))
    with Recorder(store=store, job_id=job.job_id, run=run, now=_now) as recorder:
        unobserve = ev.observe(recorder.take)
        try:
            ev.announce(_started(job))
            yield
            end(ev.RunState.COMPLETED)
        except Halted as halted:
            suspended = halted.how is Halt.SUSPENDED
            end(ev.RunState.SUSPENDED if suspended else ev.RunState.CANCELLED)
            raise
        except Pause:
            end(ev.RunState.SUSPENDED, "in Prefect")
            raise
        except JobFailed as failed:
            end(ev.RunState.FAILED, failed.reason)
            raise
        except Exception as error:
            end(ev.RunState.BROKEN, str(error))
            raise
        except BaseException:  # Ctrl-C, or SIGTERM of a worker whose run was cancelled
            end(ev.RunState.CANCELLED)
            raise
        finally:
            unobserve()


def _started(job: RenderJob) -> ev.RunStarted:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return ev.RunStarted(
        at_s=0.0,
        job_id=job.job_id,
        job=job.model_dump(mode="json"),
        host=socket.gethostname(),
        pid=os.getpid(),
        flow_run=str(run.id) if run else "",
        deployment=str(run.deployment_id or "") if run else "",
        scheduler=_client().scheduler.address,
        prefect_api=prefect_api(),
    )


def _wait_for_farm(client: Client, halting: Halting, lost: FarmLost) -> None:
    """Wait until the client has found a scheduler again, which it tries by itself."""
    get_run_logger().warning("%s It is waited for, %d minutes at most.", lost.reason, FARM_TIMEOUT_S // 60)
    while client.status == "connecting":
        halting.heed()
        halting.end()
        time.sleep(0.25)
    if client.status != "running":
        raise lost


def _deployed() -> bool:
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)


def _now() -> datetime:
    """Return the time on this machine's clock, in its time zone."""
    return datetime.now().astimezone()


def _client() -> Client:
    """Return the Dask client of this flow run: the one its tasks use as well."""
    context = FlowRunContext.get()
    assert context is not None
    runner = context.task_runner
    assert isinstance(runner, StepRunner)
    client = runner.client
    client._timeout = FARM_TIMEOUT_S  # noqa: SLF001 - it has no other way to say how long it looks for a lost scheduler
    return client
