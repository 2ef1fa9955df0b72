"""The record of a run, from its first event to how it ended."""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger
from prefect.context import FlowRunContext
from prefect.exceptions import Pause

from frontburner import events as ev
from frontburner.control.desired_state import DesiredState, set_desired_state
from frontburner.control.halting import Halted, HaltKind, JobFailed
from frontburner.control.single_run import wait_for_earlier_run
from frontburner.record.event_log import new_run_name
from frontburner.record.event_writer import EventWriter
from frontburner.record.registry import prefect_api, register
from frontburner.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontburner.jobs.job import RenderJob
    from storage.objects import ObjectStore


def in_farms_store(job: RenderJob) -> RenderJob:
    """Have the pictures of a deployed job that names a relative folder go to the farm's store, where it has one."""
    farms = Settings().store
    if not (farms and deployed()) or "://" in job.out or Path(job.out).expanduser().is_absolute():
        return job
    return job.model_copy(update={"out": f"{farms.rstrip('/')}/{job.out}"})


def deployed() -> bool:
    """Whether this flow run comes from a deployment, which can begin it again."""
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.deployment_id)


@contextmanager
def recorded(job: RenderJob, store: ObjectStore, scheduler: str) -> Iterator[None]:
    """Keep the record of this run, from its first event to how it ended.

    Parameters
    ----------
    scheduler
        Address of the farm's scheduler.
    """
    began_s = time.monotonic()

    def end(state: ev.RunState, sentence: str = "") -> None:
        ev.announce(ev.RunEnded(at_s=time.monotonic() - began_s, state=state, sentence=sentence))

    register(job.job_id, job.out)
    wait_for_earlier_run(store, job.job_id, log=get_run_logger().info)
    set_desired_state(store, job.job_id, DesiredState.RUN, at=_now())
    run = new_run_name(store, job.job_id, _now(), secrets.token_hex(3))
    with EventWriter(store=store, job_id=job.job_id, run=run, now=_now) as recorder:
        unobserve = ev.observe(recorder.take)
        try:
            ev.announce(_started(job, scheduler))
            yield
            end(ev.RunState.COMPLETED)
        except Halted as halted:
            suspended = halted.how is HaltKind.SUSPENDED
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


def _started(job: RenderJob, scheduler: str) -> ev.RunStarted:
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
        scheduler=scheduler,
        prefect_api=prefect_api(),
    )


def _now() -> datetime:
    """Return the time on this machine's clock, in its time zone."""
    return datetime.now().astimezone()
