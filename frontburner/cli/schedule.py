"""``frontburner schedule`` and ``frontburner morning``: jobs by the clock, and what is told of them afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path  # noqa: TC003 - the command reads its options' types when it runs
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from frontburner.cli.job import OK, Json, guarded, print_out

if TYPE_CHECKING:
    from frontburner.submit.schedules import Forecast, Schedule, When

app = App(
    name="schedule",
    help="""Render jobs by schedule, every night or whenever a cron line says.

Schedules are kept and fired by a Prefect server: that of PREFECT_API_URL, or of the farm that runs here. A worker of
its pool renders: prefect worker start --pool frontburner.""",
    help_epilogue="Exit codes: 0 done · 2 no such schedule, or it can't be made so · 3 Prefect can't be asked.",
)

Cron = Annotated[
    str, Parameter(help='When, as minute, hour, day, month and weekday: "0 22 * * mon-fri" is ten on weekday nights.')
]
Timezone = Annotated[str, Parameter(help="Time zone it is meant in, such as Europe/Vienna; else this machine's.")]
Name = Annotated[str, Parameter(help="What the schedule is called.")]


@app.command
def add(
    job: Annotated[Path, Parameter(help="A job file; it is read now, the scene whenever it is rendered.")],
    *,
    cron: Cron,
    timezone: Timezone = "",
    name: Annotated[str, Parameter(help="What to call it; else as the job. One of the same name is replaced.")] = "",
    late: Annotated[
        str, Parameter(help="How late a run may begin, if the machine was off, before it is skipped.")
    ] = "6h",
    if_changed: Annotated[bool, Parameter(negative=(), help="Only if the scene changed since the last run.")] = False,
) -> int:
    """Render a job by schedule. What is in place and unchanged is never rendered again.

    A run that is still going when the next is due goes on, and the next one is left out.
    """

    def act() -> int:
        from frontburner.cluster.running_farms import find_prefect
        from frontburner.control.conditions import HOUR_S, Conditions
        from frontburner.control.intake import read_job, with_absolute_paths
        from frontburner.jobs.durations import parse_span
        from frontburner.submit.schedules import add_job

        checked = with_absolute_paths(read_job(str(job), {}, submitted_here=False))
        late_h = 0.0 if late == "0" else _read("late", late, parse_span) / HOUR_S
        when, called = _when(cron, timezone), name or checked.title
        add_job(find_prefect(), called, checked, when, Conditions(late_h=late_h, if_changed=if_changed))
        print(f"{called} is rendered at {when.cron} ({when.timezone}).")
        return OK

    return guarded(act)


@app.command(name="list")
def list_(*, json: Json = False) -> int:
    """List schedules: when each runs next, how its last run ended, and how long it will take."""

    def act() -> int:
        from frontburner.cluster.running_farms import find_prefect
        from frontburner.submit.schedules import schedules

        found = schedules(find_prefect())
        print_out([_document(each) for each in found], [_table(found)], as_json=json)
        return OK

    return guarded(act)


@app.command
def remove(name: Name) -> int:
    """Take a schedule away. A run that is under way goes on."""

    def act() -> int:
        from frontburner.cluster.running_farms import find_prefect
        from frontburner.submit.schedules import remove

        remove(find_prefect(), name)
        print(f"{name} is no longer scheduled.")
        return OK

    return guarded(act)


@app.command
def pause(name: Name) -> int:
    """Have a schedule begin no runs until it is resumed."""
    return guarded(lambda: _pause(name, paused=True))


@app.command
def resume(name: Name) -> int:
    """Have a paused schedule begin runs again."""
    return guarded(lambda: _pause(name, paused=False))


@app.command
def report(
    *,
    cron: Cron,
    to: Annotated[str, Parameter(help="Targets of notify.yaml, with commas.")],
    timezone: Timezone = "",
    since: Annotated[str, Parameter(help="How far back it tells.")] = "12h",
) -> int:
    """Send a morning report by schedule: what was rendered, what failed and why, and what stands out, with pictures."""

    def act() -> int:
        from frontburner.cluster.running_farms import find_prefect
        from frontburner.control.conditions import HOUR_S
        from frontburner.jobs.durations import parse_span
        from frontburner.submit.schedules import add_report

        names, when = _targets(to), _when(cron, timezone)
        since_h = _read("since", since, parse_span) / HOUR_S
        add_report(find_prefect(), when, since_h=since_h, notify=names)
        print(f"The morning report goes to {', '.join(names)} at {when.cron} ({when.timezone}).")
        return OK

    return guarded(act)


def morning(
    *,
    since: Annotated[str, Parameter(help="How far back it tells, such as 12h.")] = "12h",
    to: Annotated[str, Parameter(help="Targets of notify.yaml that get it, with commas.")] = "",
    html: Annotated[Path | None, Parameter(help="Write it as a page to this file, pictures inside.")] = None,
    json: Json = False,
) -> int:
    """Make the morning report now: what became of the jobs of this machine in the last hours."""

    def act() -> int:
        from frontburner.jobs.durations import parse_span
        from frontburner.notify.night import accounts_since
        from frontburner.notify.notification import as_page, morning_report
        from frontburner.settings import Settings
        from tasks.notification import deliver
        from tasks.notify_targets import read_targets

        now = datetime.now().astimezone()
        begun = now - timedelta(seconds=_read("since", since, parse_span))
        targets = read_targets(Settings().home, _targets(to)) if to else {}
        letter = morning_report(accounts_since(begun, now), since=begun, now=now)
        if html is not None:
            html.write_text(as_page(letter), encoding="utf-8")
        print_out(dict(letter.document), [letter.text], as_json=json)
        for name, target in targets.items():
            deliver(letter, name, target)
        return OK

    return guarded(act)


def _pause(name: str, *, paused: bool) -> int:
    from frontburner.cluster.running_farms import find_prefect
    from frontburner.submit.schedules import set_paused

    set_paused(find_prefect(), name, paused=paused)
    print(f"{name} {'begins no runs until it is resumed' if paused else 'begins runs again'}.")
    return OK


def _targets(names: str) -> list[str]:
    """Read names of targets, and prove that they are described."""
    from frontburner.settings import Settings
    from tasks.notify_targets import read_targets

    return list(read_targets(Settings().home, [name.strip() for name in names.split(",") if name.strip()]))


def _when(cron: str, timezone: str) -> When:
    from tzlocal import get_localzone_name

    from frontburner.submit.schedules import When

    return When(cron=cron, timezone=timezone or get_localzone_name() or "UTC")


def _read(option: str, text: str, parse: Any) -> Any:  # noqa: ANN401
    from frontburner.jobs.job import JobRefused

    try:
        return parse(text)
    except ValueError as error:
        raise JobRefused(reason="Refused:", remedy="", problems=(f"{option}: '{text}' {error}",)) from None


def _table(found: list[Schedule]) -> Any:  # noqa: ANN401 - a table of rich, or a sentence
    from rich.table import Table

    if not found:
        return "Nothing is scheduled. `frontburner schedule add JOB.yaml --cron …` does it."
    table = Table("schedule", "when", "next", "last", "takes", "ends at", box=None, pad_edge=False, header_style="bold")
    for each in found:
        soon = "paused" if each.paused or each.next_run is None else _moment(each.next_run)
        last = f"{each.last[0]}, {_moment(each.last[1])}" if each.last else "–"
        table.add_row(
            each.name, f"{each.when.cron} {each.when.timezone}", soon, last, _takes(each.forecast), _ends(each)
        )
    return table


def _takes(forecast: Forecast | None) -> str:
    from frontburner.jobs.durations import format_span

    if forecast is None:
        return "not known yet"
    most = f", {format_span(forecast.longest_s)} at most" if forecast.runs > 1 else ""
    return f"{format_span(forecast.usual_s)}{most}"


def _ends(schedule: Schedule) -> str:
    """When its next run will have ended, and whether that is in time for the job's deadline."""
    from frontburner.jobs.deadline import next_moment

    if schedule.next_run is None or schedule.forecast is None or schedule.paused:
        return "–"
    begins = schedule.next_run.astimezone()
    end = begins + timedelta(seconds=schedule.forecast.longest_s)
    due = next_moment(schedule.job["finish_by"], begins) if schedule.job.get("finish_by") else None
    late = f", late for {due:%H:%M}" if due is not None and end > due else ""
    return f"{end:%H:%M}{late}"


def _document(schedule: Schedule) -> dict[str, Any]:
    own = schedule.forecast
    return {
        "name": schedule.name,
        "cron": schedule.when.cron,
        "timezone": schedule.when.timezone,
        "paused": schedule.paused,
        "next_run": schedule.next_run.isoformat() if schedule.next_run else None,
        "last": {"state": schedule.last[0], "began": schedule.last[1].isoformat()} if schedule.last else None,
        "forecast": {"usual_s": own.usual_s, "longest_s": own.longest_s, "runs": own.runs} if own else None,
        "conditions": schedule.conditions,
        "job": schedule.job,
    }


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%a %d %b %H:%M}"
