"""Notifications made of job summaries: text and HTML with pictures for people, JSON values for programs. Pure."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from frontburner.notify.job_summary import SKIPPED
from tasks.notification import Notification
from tasks.notify_targets import Occasion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

    from frontburner.notify.job_summary import JobSummary

_WORDS = {
    Occasion.DONE: ("done", "done"),
    Occasion.FLAGGED: ("done, with flagged frames", "done with flagged frames"),
    Occasion.FAILED: ("not done", "not done"),
}
MAX_REASONS = 8
"""Reasons that are listed for each job, with their frames."""


def job_notification(job: JobSummary, now: datetime) -> Notification:
    """Return the notification of a job that has ended."""
    result = job.state if job.state == SKIPPED else _WORDS[job.occasion][0]
    return _notification(f"{job.title}: {result}", [job], heading=job.title, now=now)


def morning_report(jobs: Sequence[JobSummary], *, since: datetime, now: datetime) -> Notification:
    """Return the report of all jobs of a night, those that need attention first."""
    order = [Occasion.FAILED, Occasion.FLAGGED, Occasion.DONE]
    ranked = sorted(jobs, key=lambda job: order.index(job.occasion))
    heading = f"Renders since {since:%A %H:%M}"
    return _notification(f"{heading}: {headline(ranked)}", ranked, heading=heading, now=now)


def headline(jobs: Sequence[JobSummary]) -> str:
    """Count jobs by their results."""
    if not jobs:
        return "nothing was rendered"
    counts: dict[str, int] = {}
    for job in jobs:
        result = job.state if job.state in (SKIPPED, "running") else _WORDS[job.occasion][1]
        counts[result] = counts.get(result, 0) + 1
    return ", ".join(f"{count} {result}" for result, count in counts.items())


def as_page(notification: Notification) -> str:
    """Return the HTML of a notification with its pictures embedded, for a browser."""
    page = notification.html
    for name, jpeg in notification.pictures.items():
        page = page.replace(f'src="cid:{name}"', f'src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"')
    return page


def _notification(subject: str, jobs: Sequence[JobSummary], *, heading: str, now: datetime) -> Notification:
    values = {"heading": heading, "summary": headline(jobs), "jobs": jobs, "now": now, "max_reasons": MAX_REASONS}
    return Notification(
        subject=subject,
        text=_templates().get_template("notification.txt.j2").render(values),
        html=_templates().get_template("notification.html.j2").render(values),
        pictures={picture.name: picture.jpeg for job in jobs for picture in job.pictures},
        document={
            "at": now.isoformat(timespec="seconds"),
            "summary": headline(jobs),
            "jobs": [job.document() for job in jobs],
        },
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("frontburner.notify", "."),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": _clock, "result": _result}
    return environment


def _clock(at: str, now: datetime) -> str:
    """Format a time, with the day if it isn't today."""
    if not at:
        return "–"
    time = datetime.fromisoformat(at).astimezone(now.tzinfo)
    return f"{time:%H:%M}" if time.date() == now.date() else f"{time:%a %H:%M}"


def _result(job: JobSummary) -> str:
    """Result of a job in a word or two."""
    return f"{len(job.flagged)} flagged" if job.occasion is Occasion.FLAGGED else job.state
