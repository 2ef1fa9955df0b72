"""How a farm stands, in words and columns, for a person at a terminal."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.table import Table

from frontburner.jobs.durations import format_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from frontburner.manager.farm_setup import FarmSetup
    from frontburner.manager.farm_state import FarmState


def farm_tables(farm: FarmState, now_s: float) -> Iterator[Table | str]:
    """How its parts stand."""
    state = "up" if farm.healthy else "not all up"
    yield f"The farm is {state}, of version {farm.version}, started {format_span(now_s - farm.started_s)} ago."
    if farm.store:
        yield f"Store: {farm.store}"
    table = Table("part", "state", "for", "restarts", "address", box=None, pad_edge=False, header_style="bold")
    for part in farm.parts:
        table.add_row(
            part.name,
            part.stand.value,
            format_span(max(0.0, now_s - part.since_s)),
            str(part.restarts or ""),
            part.address,
        )
    yield ""
    yield table
    wrong = [part for part in farm.parts if part.wrong]
    if wrong:
        yield ""
    for part in wrong:
        yield f"{part.name}: {part.wrong}"
        yield f"    frontburner farm logs {part.name}"


def welcome(farm: FarmState, setup: FarmSetup) -> Iterator[str]:
    """What one does with a farm that has just come up."""
    yield "The farm is up, and stays so without this terminal. Commands on this machine use it from now on:"
    yield "    frontburner render scenes/interior.xml"
    if setup.alone:
        yield f"    Prefect's pages: {farm.leads['PREFECT_API_URL'].removesuffix('/api')}"
        yield "To have other machines join: frontburner farm down, then frontburner farm up --host ADDRESS"
    else:
        yield "To have another machine join, make a token here, then use it there:"
        yield "    frontburner token add machines --role node"
        yield f"    frontburner node join {farm.leads['FRONTBURNER_SCHEDULER']} --token TOKEN"
        yield "To let people in: frontburner token add NAME --role look|submit|operate. They sign in at"
        yield f"    https://{setup.host}:{setup.ports['gateway']}"
    yield "To have it survive a reboot: frontburner farm install"


def exports(environment: Mapping[str, str]) -> Iterator[str]:
    """Return lines by which a shell has an environment."""
    for name, value in environment.items():
        yield f"export {name}={shlex.quote(value)}"
