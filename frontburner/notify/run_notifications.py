"""What goes on around a run: it may be skipped, and those its job names are told how it ended."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import allow_failure, get_run_logger

from frontburner import events as ev
from frontburner.cluster.prefect_internals import current_flow_run
from frontburner.control.halting import Halted
from frontburner.notify.job_account import account_of
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
    """Tell those a job names how its run ended, unless someone suspended or cancelled it.

    Parameters
    ----------
    after
        The run's last steps, as they are when it ends.

    Raises
    ------
    UnknownTarget
        Before anything else, when one of them isn't described.
    """
    targets = read_targets(Settings().home, job.notify)
    try:
        yield
    except Halted:
        raise
    except Exception:
        _tell(job, store, targets, after)
        raise
    _tell(job, store, targets, after)


def send(letter: Notification, names: Iterable[str], after: Sequence[PrefectFuture[Any]] = ()) -> list[tuple[str, str]]:
    """Send a letter to targets, each a step of the flow; returns those it didn't reach, and why."""
    failed, before = [], [allow_failure(step) for step in after]
    sending = {name: send_notification.submit(name, letter, str(Settings().home), wait_for=before) for name in names}
    for name, step in sending.items():
        try:
            step.result()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are told all the same
            failed.append((name, str(error)))
    return failed


def _tell(
    job: RenderJob, store: ObjectStore, targets: Mapping[str, Target], after: Sequence[PrefectFuture[Any]]
) -> None:
    """Tell of the run that has just ended. Its pictures are what they are: nothing that goes wrong here fails it."""
    if not targets:
        return
    now = datetime.now().astimezone()
    try:
        account = account_of(JobLocation(job_id=job.job_id, store=store), now)
    except FrontburnerError as error:
        failed = [(name, str(error)) for name in targets]
    else:
        hear = {name: target for name, target in targets.items() if account.occasion in target.on}
        failed = send(job_notification(account, now), hear, after)
    for name, reason in failed:
        get_run_logger().error("%s couldn't be told: %s", name, reason)
        ev.announce(ev.NotificationFailed(at_s=0.0, target=name, reason=reason))


def skipped(job: RenderJob, store: ObjectStore, conditions: Conditions | None) -> str:
    """Say why a scheduled run is skipped, and record it; empty where it isn't."""
    if conditions is None:
        return ""
    why = conditions.why_skipped(job, store, due=_due(), now=datetime.now().astimezone())
    if why:
        register(job.job_id, job.out)
        with suppress(FrontburnerError):
            _record_skip(job, store, why)
    return why


def _due() -> datetime | None:
    """When this flow run should have begun; None for one that was begun before and goes on."""
    run = current_flow_run()
    return run.expected_start_time if run is not None and run.run_count <= 1 else None


def _record_skip(job: RenderJob, store: ObjectStore, why: str) -> None:
    """Record it, unless a run is under way that writes the record."""
    if status_of(store, job.job_id).open:
        return

    def now() -> datetime:
        return datetime.now().astimezone()

    run = new_run_name(store, job.job_id, now(), "skipped")
    with EventWriter(store=store, job_id=job.job_id, run=run, now=now) as recorder:
        recorder.take(ev.RunSkipped(at_s=0.0, why=why))
