"""``frontburner farm status`` and ``farm logs``: the services of the farm on this machine, and their logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from frontburner.cli.command import OK, table
from frontburner.cluster.log_files import RotatingLog, logs_folder
from frontburner.jobs.durations import format_span
from frontburner.manager.farm_setup import SetupRefused, farm_folder
from frontburner.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from frontburner.manager.farm_state import FarmState

LOOK_EVERY_S = 0.3


def status_tables(farm: FarmState, now_s: float) -> Iterator[Table | str]:
    """Show the state of each service, then what is wrong."""
    state = "up" if farm.healthy else "not all up"
    yield f"The farm is {state}, of version {farm.version}, started {format_span(now_s - farm.started_s)} ago."
    if farm.store:
        yield f"Store: {farm.store}"
    rows = table("service", "state", "for", "restarts", "address")
    for service in farm.services:
        duration = format_span(max(0.0, now_s - service.since_s))
        rows.add_row(service.name, service.status.value, duration, str(service.restarts or ""), service.address)
    yield ""
    yield rows
    failing = [service for service in farm.services if service.problem]
    if failing:
        yield ""
    for service in failing:
        yield f"{service.name}: {service.problem}"
        yield f"    frontburner farm logs {service.name}"


def show_logs(service: str, *, last: int, follow: bool) -> int:
    """Print the last lines of a service's log, or of all logs, and with ``follow`` new ones until Ctrl-C."""
    logs = _logs(service)
    width = max(len(log.path.stem) for log in logs)

    def show(log: RotatingLog, line: str) -> None:
        print(line if service else f"{log.path.stem:<{width}} │ {line}", flush=True)

    followed = [(log, log.follow()) for log in logs] if follow else []
    for _, lines in followed:
        next(lines)  # sets its position: lines that come while the last ones are printed are not lost
    for log in logs:
        for line in log.tail()[-last:] if last > 0 else ():
            show(log, line)
    while followed:
        for log, lines in followed:
            while line := next(lines):
                show(log, line)
        time.sleep(LOOK_EVERY_S)
    return OK


def _logs(service: str) -> Sequence[RotatingLog]:
    folders = farm_folder(Settings().home) / "logs", logs_folder()
    found = sorted(path for folder in folders for path in folder.glob("*.log"))
    named = [path for path in found if not service or path.stem == service]
    if not named:
        known = ", ".join(path.stem for path in found)
        raise SetupRefused(
            reason=f"No service called {service} has a log." if service else "No farm was ever up on this machine.",
            remedy=f"There are logs of {known}." if known else "Bring one up: frontburner farm up",
        )
    return [RotatingLog(path) for path in named]
