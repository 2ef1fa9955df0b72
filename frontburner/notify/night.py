"""The jobs of a night: those of this machine that ran, or should have run, since a moment."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.events import RunState
from frontburner.notify.job_account import account_of
from frontburner.record.registry import list_jobs
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.notify.job_account import JobAccount


def _aloud(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def accounts_since(since: datetime, now: datetime, *, say: Callable[[str], object] = _aloud) -> list[JobAccount]:
    """Tell of each job whose last run began, ended or was skipped since a moment, or is under way.

    Parameters
    ----------
    say
        Told of jobs whose record can't be read.
    """
    found = []
    for at, place in enumerate(list_jobs()):
        try:
            account = account_of(place, now, name=f"job{at}")
        except FrontburnerError as error:
            say(f"{place.job_id} can't be told: {error}")
            continue
        moment = account.ended or account.began
        if moment and (datetime.fromisoformat(moment) >= since or account.state == RunState.RUNNING.value):
            found.append(account)
    return found
