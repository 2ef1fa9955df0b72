"""Around a run: it may be skipped, and the targets of its job are notified when it ends."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import allow_failure, get_run_logger

from frontburner import events as ev
from frontburner.cluster.prefect_internals import current_flow_run
from frontburner.control.halting import Halted
from frontburner.notify.job_summary import summarize_job
from frontburner.notify.notification import job_notification
from frontburner.record.event_log import new_run_name
from frontburner.record.event_writer import EventWriter
from frontburner.record.registry import JobLocation, register
from frontburner.record.snapshot import status_of
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from tasks.notify_targets import read_targets
from tasks.steps import send_notification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prefect.futures import PrefectFuture

    from frontburner.control.conditions import Conditions
    from frontburner.jobs.job import RenderJob
    from storage.objects import ObjectStore
    from tasks.notification import Notification
    from tasks.notify_targets import Target


@contextmanager
def notifying(job: RenderJob, store: ObjectStore, after: Sequence[PrefectFuture[Any]]) -> Iterator[None]:
    """Notify the targets of a job when its run ends, unless it is suspended or cancelled.

    Parameters
    ----------
    after
        Last steps of the run, read when it ends; notifications follow them in Prefect's graph.

    Raises
    ------
    UnknownTarget
        Before the run, when a target isn't defined.
    """
    targets = read_targets(Settings().home, job.notify)
    try:
        yield
    except Halted:
        raise
    except Exception:
        _notify(job, store, targets, after)
        raise
    _notify(job, store, targets, after)


def _send(
    notification: Notification, names: Iterable[str], after: Sequence[PrefectFuture[Any]]
) -> list[tuple[str, str]]:
    """Send a notification to targets, each in a step of the flow; returns those that failed, and why."""
    failed, before = [], [allow_failure(step) for step in after]
    home = str(Settings().home)
    steps = {name: send_notification.submit(name, notification, home, wait_for=before) for name in names}
    for name, step in steps.items():
        try:
            step.result()
        except Exception as error:  # noqa: BLE001 - the others are notified all the same
            failed.append((name, str(error)))
    return failed


def _notify(
    job: RenderJob, store: ObjectStore, targets: Mapping[str, Target], after: Sequence[PrefectFuture[Any]]
) -> None:
    """Notify targets of the run that has just ended. Failures here don't fail the run."""
    if not targets:
        return
    now = datetime.now().astimezone()
    try:
        summary = summarize_job(JobLocation(job_id=job.job_id, store=store), now)
    except FrontburnerError as error:
        failed = [(name, str(error)) for name in targets]
    else:
        subscribed = [name for name, target in targets.items() if summary.occasion in target.on]
        failed = _send(job_notification(summary, now), subscribed, after)
    for name, reason in failed:
        get_run_logger().error("%s couldn't be notified: %s", name, reason)
        ev.announce(ev.NotificationFailed(at_s=0.0, target=name, reason=reason))


def skip_reason(job: RenderJob, store: ObjectStore, conditions: Conditions | None) -> str:
    """Return why a scheduled run is skipped, and record that; empty if it isn't."""
    if conditions is None:
        return ""
    why = conditions.why_skipped(job, store, due=_due(), now=datetime.now().astimezone())
    if why:
        register(job.job_id, job.out)
        with suppress(FrontburnerError):
            _record_skip(job, store, why)
    return why


def _due() -> datetime | None:
    """When this flow run was scheduled to start; None if it is resumed."""
    run = current_flow_run()
    return run.expected_start_time if run is not None and run.run_count <= 1 else None


def _record_skip(job: RenderJob, store: ObjectStore, why: str) -> None:
    """Record a skipped run, unless another run is writing the record."""
    if status_of(store, job.job_id).open:
        return

    def now() -> datetime:
        return datetime.now().astimezone()

    run = new_run_name(store, job.job_id, now(), "skipped")
    with EventWriter(store=store, job_id=job.job_id, run=run, now=now) as recorder:
        recorder.take(ev.RunSkipped(at_s=0.0, why=why))
