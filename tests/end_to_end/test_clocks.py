"""The clock on the wall of a machine is set while a job runs, forward and back: nothing but the time of day changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.conftest import COMMAND, until
from tests.end_to_end.test_sharing import assert_whole, ended, nodes, running_farm, scene, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.conftest import Studio

HOUR_S = 3600
LONG_S = 600.0
"""No part of the job takes so long, and no step of a clock is so short."""
SILENCE = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s"}
"""After so long the scheduler takes a node for dead that doesn't say that it lives, and starts it again."""
SLEEP = "import select, time; time.sleep = lambda seconds: select.select([], [], [], seconds) and None"
"""libfaketime takes the moment at which Python wants to wake for one of its own clock, and lets no one sleep."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of all processes that have its environment, set through a file. Their steady clock stays as it is."""

    library: Path
    file: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": os.pathsep.join([str(self.file.parent), os.environ.get("PYTHONPATH", "")]),
        }

    def set(self, off_s: int) -> None:
        """Set it to so many seconds after the right time."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{off_s:+d}\n")
        fresh.replace(self.file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock that can be set; its processes have been seen to go by it."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("libfaketime isn't installed")
    clock = Clock(library, tmp_path / "clock" / "offset")
    clock.file.parent.mkdir()
    clock.file.with_name("sitecustomize.py").write_text(SLEEP)
    clock.set(-2 * HOUR_S)
    told = "import time; time.sleep(0.01); print(time.time(), time.monotonic())"
    read = [sys.executable, "-c", told]
    shown, right = (
        [float(each) for each in subprocess.check_output(read, env=os.environ | more, text=True).split()]
        for more in (clock.environment, {})
    )
    if abs(right[0] - shown[0] - 2 * HOUR_S) > 60 or not 0 <= right[1] - shown[1] < 60:
        pytest.skip("libfaketime doesn't move the clock here")
    clock.set(0)
    return clock


@pytest.fixture(params=["manager", "node"])
def machines(request: pytest.FixtureRequest, clock: Clock) -> dict[str, dict[str, str]]:
    """What the farm's scheduler and the job's command, and what a node has in its environment: one has the clock."""
    return {"manager": {}, "node": {}} | {request.param: clock.environment}


def units(still: Path) -> int:
    journal = still.with_suffix(".journal")
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def spans(document: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """All seconds a report tells of, under whatever name."""
    match document:
        case dict():
            for key, value in document.items():
                yield from spans(value, f"{name}.{key}")
        case list():
            for value in document:
                yield from spans(value, name)
        case int() | float() if name.endswith(("_s", "seconds")):
            yield name, float(document)


@pytest.mark.slow
def test_a_job_goes_on_when_a_clock_is_set(
    studio: Studio, clock: Clock, machines: dict[str, dict[str, Any]], prefect: dict[str, str]
) -> None:
    still = scene(studio.folder, "still", size="64x36", cost_s=90)
    due = datetime.now().astimezone() + timedelta(hours=5)
    manager = replace(studio, settings=machines["manager"] | SILENCE)
    with running_farm(manager, 0) as address:
        farm: dict[str, Any] = {**prefect, "FRONTBURNER_SCHEDULER": address}
        node = (COMMAND, "node", "start", "--scheduler", address, "--threads", "1", "--name")
        with (
            studio.serving(*node, "first", **farm, **machines["node"]),
            studio.serving(*node, "second", **farm),
        ):
            until(lambda: set(nodes(studio)) == {"first", "second"})
            command = ("--exr", "float", "--finish-by", due.isoformat(), "--json")
            with manager.start("render", still, *command, **farm) as job:
                until(lambda: units(still) >= 6)
                clock.set(HOUR_S)
                after = units(still)
                until(lambda: units(still) >= after + 6)
                clock.set(-HOUR_S)
                report = ended(job)
    assert_whole(report, still)
    assert (report["lost_units"], report["failed_attempts"]) == (0, 0)
    assert (report["set_aside"], report["failed_frames"]) == ({}, {})
    found = dict(spans(report))
    assert {name for name, seconds in found.items() if not 0 <= seconds < LONG_S} == set(), found
    assert {name: node["units"] > 0 for name, node in report["per_node"].items()} == {"first": True, "second": True}

    events = told(studio, report["job_id"])
    assert not [event for event in events if event["what"] in ("node lost", "node set aside", "unit attempt failed")]
    judged = [event for event in events if event["what"] == "deadline judged"]
    assert {event["due"] for event in judged} == {due.isoformat()}
    assert judged[-1]["made_it"]
    for event in judged:
        expected_s = datetime.fromisoformat(event["expected_end"]).timestamp()
        assert -2 < expected_s - event["at_s"] < LONG_S, "by the clock of the machine that says so"
        assert event["spare_s"] == pytest.approx(due.timestamp() - expected_s, abs=2)

    shown = json.loads(studio.run("job", "show", report["job_id"], "--json").stdout)
    assert shown["state"] == "completed"
