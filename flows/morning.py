"""The morning report: the results of all jobs of a night, collected from their records and sent to targets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from prefect import flow, get_run_logger
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from frontburner.notify.job_summary import summaries_since
from frontburner.notify.notification import headline, morning_report
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from tasks.notify_targets import read_targets
from tasks.steps import send_notification, step

if TYPE_CHECKING:
    from frontburner.notify.job_summary import JobSummary
    from tasks.notification import Notification


@step(name="collect reports", task_run_name="collect reports")
def collect_reports(since: datetime, now: datetime) -> list[JobSummary]:
    """Summarize each job from its record."""
    return summaries_since(since, now, warn=get_run_logger().warning)


@step(name="write report", task_run_name="write report")
def write_report(jobs: list[JobSummary], since: datetime, now: datetime) -> Notification:
    """Write the report, jobs that need attention first."""
    report = morning_report(jobs, since=since, now=now)
    get_run_logger().info("%s", report.text)
    return report


@flow(name="morning report", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type]
def morning(since_h: float = 12.0, notify: list[str] | None = None) -> str:
    """Report the results of all jobs that ran, or should have run, in the last hours.

    Parameters
    ----------
    since_h
        How many hours back.
    notify
        Names of targets.
    """
    now = datetime.now().astimezone()
    since, home = now - timedelta(hours=since_h), Settings().home
    targets = read_targets(home, notify or [])
    collected = collect_reports.submit(since, now)
    jobs = cast("list[JobSummary]", collected.result())
    written = write_report.submit(quote(jobs), since, now, wait_for=[collected])
    report = quote(written.result())
    sent = [send_notification.submit(name, report, str(home), wait_for=[written]) for name in targets]
    wait(sent)
    failed = [error for step in sent if isinstance(error := step.result(raise_on_failure=False), Exception)]
    if failed:
        raise FrontburnerError(reason=str(failed[0]), remedy="")
    return headline(jobs)
