"""Accounts of jobs as a letter: for people as text and as a page with pictures, for programs as values. Pure."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from frontburner.notify.job_account import SKIPPED
from tasks.notification import Notification
from tasks.notify_targets import Occasion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

    from frontburner.notify.job_account import JobAccount

_WORDS = {
    Occasion.DONE: ("done", "done"),
    Occasion.FLAGGED: ("done, with frames that stand out", "done with frames that stand out"),
    Occasion.FAILED: ("not done", "not done"),
}
MOST_NAMED = 8
"""Frames that are named with their reasons, of each job."""


def job_notification(account: JobAccount, now: datetime) -> Notification:
    """Tell of one job that has ended."""
    word = account.state if account.state == SKIPPED else _WORDS[account.occasion][0]
    return _letter(f"{account.title}: {word}", [account], heading=account.title, now=now)


def morning_report(accounts: Sequence[JobAccount], *, since: datetime, now: datetime) -> Notification:
    """Tell of all jobs of a night, those that need someone first."""
    order = [Occasion.FAILED, Occasion.FLAGGED, Occasion.DONE]
    ranked = sorted(accounts, key=lambda account: order.index(account.occasion))
    heading = f"Renders since {since:%A %H:%M}"
    return _letter(f"{heading}: {summary(ranked)}", ranked, heading=heading, now=now)


def summary(accounts: Sequence[JobAccount]) -> str:
    """Count jobs by what became of them."""
    if not accounts:
        return "nothing was rendered"
    counts: dict[str, int] = {}
    for account in accounts:
        words = account.state if account.state in (SKIPPED, "running") else _WORDS[account.occasion][1]
        counts[words] = counts.get(words, 0) + 1
    return ", ".join(f"{count} {words}" for words, count in counts.items())


def as_page(letter: Notification) -> str:
    """Return a letter's page with its pictures inside, for a browser."""
    page = letter.html
    for name, jpeg in letter.pictures.items():
        page = page.replace(f'src="cid:{name}"', f'src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"')
    return page


def _letter(subject: str, accounts: Sequence[JobAccount], *, heading: str, now: datetime) -> Notification:
    values = {
        "heading": heading,
        "summary": summary(accounts),
        "accounts": accounts,
        "now": now,
        "most": MOST_NAMED,
    }
    return Notification(
        subject=subject,
        text=_templates().get_template("letter.txt.j2").render(values),
        html=_templates().get_template("letter.html.j2").render(values),
        pictures={one.name: one.jpeg for account in accounts for one in account.shown},
        document={
            "at": now.isoformat(timespec="seconds"),
            "summary": summary(accounts),
            "jobs": [account.document() for account in accounts],
        },
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("frontburner.notify", "."),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"clock": _clock, "word": _word}
    return made


def _clock(at: str, now: datetime) -> str:
    """When something was: the time, and the day where it wasn't today."""
    if not at:
        return "–"
    moment = datetime.fromisoformat(at).astimezone(now.tzinfo)
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%a %H:%M}"


def _word(account: JobAccount) -> Any:  # noqa: ANN401 - a filter of jinja
    """State of a job in a word or two."""
    if account.occasion is Occasion.FLAGGED:
        return f"{len(account.flagged)} flagged"
    return account.state
