"""The morning report: what became of all jobs of a night, made from their records and sent to targets."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect import flow, get_run_logger

from frontburner.nightly.letters import morning_letter, summary
from frontburner.nightly.night import accounts_since
from frontburner.nightly.telling import send
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from tasks.targets import read_targets


@flow(name="morning report", persist_result=False)
def morning(since_h: float = 12.0, notify: list[str] | None = None) -> str:
    """Tell what became of all jobs that ran, or should have run, in the last hours.

    Parameters
    ----------
    since_h
        How many hours back.
    notify
        Names of targets.
    """
    now = datetime.now().astimezone()
    targets = read_targets(Settings().home, notify or [])
    since = now - timedelta(hours=since_h)
    accounts = accounts_since(since, now, say=get_run_logger().warning)
    letter = morning_letter(accounts, since=since, now=now)
    get_run_logger().info("%s", letter.text)
    failed = send(letter, targets)
    if failed:
        raise FrontburnerError(reason=failed[0][1], remedy="")
    return summary(accounts)
