"""``frontburner schedule`` and ``frontburner morning``: scheduled jobs, and reports on what they rendered."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path  # noqa: TC003 - cyclopts reads annotations
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from frontburner.cli.command import OK, Flag, Json, comma_separated, guarded_with_farm, print_result, table

if TYPE_CHECKING:
    from frontburner.submission.schedules import CronTime, RunEstimate, Schedule

app = App(
    name="schedule",
    help="""Render jobs by schedule, every night or whenever a cron line says.

Schedules are kept and triggered by a Prefect server: that of PREFECT_API_URL, or of the farm that runs here. A worker
of its pool renders: prefect worker start --pool frontburner.""",
    help_epilogue="Exit codes: 0 done · 2 no such schedule, or it is invalid · 3 Prefect can't be reached.",
)

Cron = Annotated[
    str,
    Parameter(help='Minute, hour, day, month and weekday, such as "0 22 * * mon-fri" for ten on weekday nights.'),
]
Timezone = Annotated[str, Parameter(help="Time zone of the cron line, such as Europe/Vienna; else this machine's.")]
Name = Annotated[str, Parameter(help="The schedule's name.")]


@app.command
@guarded_with_farm
def add(
    job: Annotated[Path, Parameter(help="A job file; it is read now, its scene at every run.")],
    *,
    cron: Cron,
    timezone: Timezone = "",
    name: Annotated[str, Parameter(help="Its name; else the job's. A schedule of the same name is replaced.")] = "",
    late: Annotated[
        str, Parameter(help="How late a run may start, if the machine was off, before it is skipped.")
    ] = "6h",
    if_changed: Annotated[Flag, Parameter(help="Only if the scene changed since the last run.")] = False,
) -> int:
    """Render a job by schedule. Frames that are in place and unchanged are not rendered again.

    If a run is still going when the next one is due, it goes on and the next one is cancelled.
    """
    from frontburner.cluster.running_farms import find_prefect
    from frontburner.control.conditions import HOUR_S, Conditions
    from frontburner.control.intake import read_job, with_absolute_paths
    from frontburner.jobs.durations import parse_span
    from frontburner.submission.schedules import add_job

    checked = with_absolute_paths(read_job(str(job), {}, submitted_here=False))
    late_h = 0.0 if late == "0" else _parse("late", late, parse_span) / HOUR_S
    when, schedule = _cron_time(cron, timezone), name or checked.title
    add_job(find_prefect(), schedule, checked, when, Conditions(late_h=late_h, if_changed=if_changed))
    print(f"{schedule} is rendered at {when.line} ({when.timezone}).")
    return OK


@app.command(name="list")
@guarded_with_farm
def list_(*, json: Json = False) -> int:
    """List schedules: when each runs next, how its last run ended, and how long the next one takes."""
    from frontburner.cluster.running_farms import find_prefect
    from frontburner.submission.schedules import schedules

    found = schedules(find_prefect())
    print_result([_document(schedule) for schedule in found], [_table(found)], as_json=json)
    return OK


@app.command
@guarded_with_farm
def remove(name: Name) -> int:
    """Remove a schedule. A run that has started goes on."""
    from frontburner.cluster.running_farms import find_prefect
    from frontburner.submission.schedules import remove

    remove(find_prefect(), name)
    print(f"{name} is no longer scheduled.")
    return OK


@app.command
@guarded_with_farm
def pause(name: Name) -> int:
    """Pause a schedule: it starts no runs until it is resumed."""
    return _set_paused(name, paused=True)


@app.command
@guarded_with_farm
def resume(name: Name) -> int:
    """Resume a paused schedule."""
    return _set_paused(name, paused=False)


@app.command
@guarded_with_farm
def report(
    *,
    cron: Cron,
    to: Annotated[str, Parameter(help="Targets of notify.yaml, separated by commas.")],
    timezone: Timezone = "",
    since: Annotated[str, Parameter(help="How far back it reports.")] = "12h",
) -> int:
    """Send a morning report by schedule: frames rendered, failures with their causes, flagged frames, with pictures."""
    from frontburner.cluster.running_farms import find_prefect
    from frontburner.control.conditions import HOUR_S
    from frontburner.jobs.durations import parse_span
    from frontburner.submission.schedules import add_report

    targets, when = list(_targets(to)), _cron_time(cron, timezone)
    add_report(find_prefect(), when, since_h=_parse("since", since, parse_span) / HOUR_S, notify=targets)
    print(f"The morning report goes to {', '.join(targets)} at {when.line} ({when.timezone}).")
    return OK


@guarded_with_farm
def morning(
    *,
    since: Annotated[str, Parameter(help="How far back it reports, such as 12h.")] = "12h",
    to: Annotated[str, Parameter(help="Targets of notify.yaml that get it, separated by commas.")] = "",
    html: Annotated[Path | None, Parameter(help="Write it to this file, as a page with its pictures inside.")] = None,
    json: Json = False,
) -> int:
    """Make the morning report now: the results of this machine's jobs of the last hours."""
    from frontburner.jobs.durations import parse_span
    from frontburner.notify.job_summary import summaries_since
    from frontburner.notify.notification import as_page, morning_report
    from tasks.notification import deliver

    now = datetime.now().astimezone()
    start = now - timedelta(seconds=_parse("since", since, parse_span))
    targets = _targets(to) if to else {}
    notification = morning_report(summaries_since(start, now), since=start, now=now)
    if html is not None:
        html.write_text(as_page(notification), encoding="utf-8")
    print_result(dict(notification.document), [notification.text], as_json=json)
    for name, target in targets.items():
        deliver(notification, name, target)
    return OK


def _set_paused(name: str, *, paused: bool) -> int:
    from frontburner.cluster.running_farms import find_prefect
    from frontburner.submission.schedules import set_paused

    set_paused(find_prefect(), name, paused=paused)
    print(f"{name} {'is paused' if paused else 'is resumed'}.")
    return OK


def _targets(names: str) -> dict[str, Any]:
    """Read the named targets of notify.yaml, which must all exist."""
    from frontburner.settings import Settings
    from tasks.notify_targets import read_targets

    return dict(read_targets(Settings().home, comma_separated(names)))


def _cron_time(cron: str, timezone: str) -> CronTime:
    from tzlocal import get_localzone_name

    from frontburner.submission.schedules import CronTime

    return CronTime(line=cron, timezone=timezone or get_localzone_name() or "UTC")


def _parse(option: str, text: str, parse: Any) -> Any:  # noqa: ANN401
    from frontburner.jobs.job import JobRefused

    try:
        return parse(text)
    except ValueError as error:
        raise JobRefused(reason="Refused:", remedy="", problems=(f"{option}: '{text}' {error}",)) from None


def _table(schedules: list[Schedule]) -> object:
    if not schedules:
        return "No job is scheduled. To schedule one: frontburner schedule add JOB.yaml --cron …"
    rows = table("schedule", "when", "next", "last", "takes", "ends at")
    for schedule in schedules:
        upcoming = "paused" if schedule.paused or schedule.next_run is None else _moment(schedule.next_run)
        last = f"{schedule.last[0]}, {_moment(schedule.last[1])}" if schedule.last else "–"
        when = f"{schedule.cron.line} {schedule.cron.timezone}"
        rows.add_row(schedule.name, when, upcoming, last, _takes(schedule.estimate), _ends(schedule))
    return rows


def _takes(estimate: RunEstimate | None) -> str:
    from frontburner.jobs.durations import format_span

    if estimate is None:
        return "not known yet"
    most = f", {format_span(estimate.longest_s)} at most" if estimate.runs > 1 else ""
    return f"{format_span(estimate.usual_s)}{most}"


def _ends(schedule: Schedule) -> str:
    """When the next run will have ended, and whether that is too late for the job's deadline."""
    from frontburner.jobs.deadline import next_moment

    if schedule.next_run is None or schedule.estimate is None or schedule.paused:
        return "–"
    start = schedule.next_run.astimezone()
    end = start + timedelta(seconds=schedule.estimate.longest_s)
    due = next_moment(schedule.job["finish_by"], start) if schedule.job.get("finish_by") else None
    late = f", late for {due:%H:%M}" if due is not None and end > due else ""
    return f"{end:%H:%M}{late}"


def _document(schedule: Schedule) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": schedule.name,
        "cron": schedule.cron.line,
        "timezone": schedule.cron.timezone,
        "paused": schedule.paused,
        "next_run": schedule.next_run.isoformat() if schedule.next_run else None,
        "last": {"state": schedule.last[0], "began": schedule.last[1].isoformat()} if schedule.last else None,
        "forecast": asdict(schedule.estimate) if schedule.estimate else None,
        "conditions": schedule.conditions,
        "job": schedule.job,
    }


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%a %d %b %H:%M}"
