"""The flow of the morning report: the outcomes of all jobs of a night, read from their records and sent to targets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from prefect import flow, get_run_logger
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from frontburner.notify.night import accounts_since
from frontburner.notify.notification import morning_report, summary
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from tasks.notify_targets import read_targets
from tasks.steps import send_notification, step

if TYPE_CHECKING:
    from frontburner.notify.job_account import JobAccount
    from tasks.notification import Notification


@step(name="collect reports", task_run_name="collect reports")
def collect_reports(since: datetime, now: datetime) -> list[JobAccount]:
    """Read the outcome of each job from its record."""
    return accounts_since(since, now, say=get_run_logger().warning)


@step(name="write letter", task_run_name="write letter")
def write_letter(accounts: list[JobAccount], since: datetime, now: datetime) -> Notification:
    """Write the report, with the jobs that need attention first."""
    letter = morning_report(accounts, since=since, now=now)
    get_run_logger().info("%s", letter.text)
    return letter


@flow(name="morning report", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type]
def morning(since_h: float = 12.0, notify: list[str] | None = None) -> str:
    """Report on all jobs that ran, or should have run, in the last hours.

    Parameters
    ----------
    since_h
        How many hours back.
    notify
        Names of notification targets.
    """
    now = datetime.now().astimezone()
    since, home = now - timedelta(hours=since_h), Settings().home
    targets = read_targets(home, notify or [])
    collected = collect_reports.submit(since, now)
    accounts = cast("list[JobAccount]", collected.result())
    written = write_letter.submit(quote(accounts), since, now, wait_for=[collected])
    letter = quote(written.result())
    sent = [send_notification.submit(name, letter, str(home), wait_for=[written]) for name in targets]
    wait(sent)
    failed = [error for step in sent if isinstance(error := step.result(raise_on_failure=False), Exception)]
    if failed:
        raise FrontburnerError(reason=str(failed[0]), remedy="")
    return summary(accounts)
