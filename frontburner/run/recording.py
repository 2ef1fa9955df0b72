"""The record of a run: its events from first to last, then its chart and report, or the error of a failed job."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.exceptions import Pause

from frontburner import events as ev
from frontburner.cluster.prefect_internals import current_flow_run
from frontburner.control.desired_state import DesiredState, set_desired_state
from frontburner.control.halting import Halted, HaltKind, JobFailed
from frontburner.control.single_run import wait_for_earlier_run
from frontburner.record.event_log import new_run_name
from frontburner.record.event_writer import EventWriter
from frontburner.record.registry import prefect_api, register
from frontburner.reports.chart import draw
from frontburner.reports.summary import markdown
from frontburner.settings import Settings
from storage.objects import INTERNAL_PREFIX
from system import paths
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontburner.jobs.job import RenderJob
    from frontburner.reports.report import Report
    from frontburner.run.prefect_artifacts import Artifacts
    from storage.objects import ObjectStore


def in_farms_store(job: RenderJob) -> RenderJob:
    """Redirect the pictures of a deployed job that names a relative folder to the farm's store, if it has one."""
    store = Settings().store
    if not (store and deployed()) or "://" in job.out or paths.absolute_of(str(paths.expanded(job.out))):
        return job
    return job.model_copy(update={"out": f"{store.rstrip('/')}/{job.out}"})


def deployed() -> bool:
    """Whether this flow run comes from a deployment, which can start it again."""
    run = current_flow_run()
    return bool(run and run.deployment_id)


@contextmanager
def record_events(job: RenderJob, store: ObjectStore, scheduler: str) -> Iterator[None]:
    """Record the events of this run, and how it ended.

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
    set_desired_state(store, job.job_id, DesiredState.RUN, at=local_now())
    run = new_run_name(store, job.job_id, local_now(), secrets.token_hex(3))
    with EventWriter(store=store, job_id=job.job_id, run=run, now=local_now) as writer:
        unobserve = ev.observe(writer.take)
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


def conclude(job: RenderJob, report: Report, store: ObjectStore, artifacts: Artifacts) -> dict[str, Any]:
    """Store and show the chart and the report of a run, and return the report.

    Raises
    ------
    JobFailed
        When frames or products are missing.
    """
    keep_chart(job.job_id, report, store, artifacts)
    document = report.document()
    artifacts.report(markdown(document))
    written = json.dumps(document, indent=1).encode()
    StoreRetry().call(partial(store.write, f"{INTERNAL_PREFIX}/jobs/{job.job_id}.json", written))
    _raise_if_failed(job, report, document)
    return document


def keep_chart(job_id: str, report: Report, store: ObjectStore, artifacts: Artifacts) -> None:
    """Draw the chart of a job. No error here fails it, since its pictures are in place."""
    key = f"{INTERNAL_PREFIX}/jobs/{job_id}.png"
    try:
        if report.units or not store.exists(key):  # a run that rendered nothing keeps the chart of one that did
            png = draw(report)
            store.write(key, png)
            artifacts.chart(png)
        report.chart = store.locate(key)
    except Exception as error:  # noqa: BLE001 - whatever it is, only the chart is missing
        report.notes += (f"The chart couldn't be drawn, kept or shown: {error}",)


def local_now() -> datetime:
    """Return the time of this machine's clock, with its time zone."""
    return datetime.now().astimezone()


def _raise_if_failed(job: RenderJob, report: Report, document: dict[str, Any]) -> None:
    if report.pictures.failed:
        frame, reason = next(iter(sorted(report.pictures.failed.items())))
        raise JobFailed(
            reason=f"{len(report.pictures.failed)} of {report.frames} frames failed; frame {frame}: {reason}",
            remedy="Fix the cause and run the same job again: only what is missing is rendered.",
            report=document,
        )
    if report.followups.failed:
        product, reason = next(iter(report.followups.failed.items()))
        raise JobFailed(
            reason=f"All frames are in place, but not the {product}: {reason}",
            remedy=f"Then: frontburner job resume {job.job_id}; no frame is rendered again for it.",
            report=document,
        )


def _started(job: RenderJob, scheduler: str) -> ev.RunStarted:
    run = current_flow_run()
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
