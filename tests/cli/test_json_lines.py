"""Progress as lines of JSON, and the add-on that reads them."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from frontburner import events as ev
from frontburner.cli.reporters import JsonLinesReporter
from frontburner.jobs.job import JobRefused
from tests.end_to_end.conftest import until
from tests.record.recorded_runs import finished, planned

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = Path(__file__).resolve().parents[2] / "addons" / "frontburner_addon" / "run.py"


def told(*happened: ev.Event, every_s: float = 1.0) -> list[dict[str, Any]]:
    """What is printed of events that come so many seconds apart."""
    out, now_s = io.StringIO(), 0.0
    lines = JsonLinesReporter(out, clock=lambda: now_s)
    for event in happened:
        now_s += every_s
        lines.on_event(event)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_progress_pictures_and_failures_are_printed() -> None:
    found = told(
        planned(),
        ev.NodeJoined(at_s=1, node="n1"),
        finished(50),
        ev.FrameWritten(at_s=2, frame=1, outputs=("a.exr", "a.png")),
        ev.FrameFailed(at_s=3, frame=2, reason="It is broken."),
    )
    progress = [each for each in found if each["what"] == "progress"]
    assert progress[-1]["done"] == 0.5
    assert (progress[-1]["nodes"], progress[-1]["written"], progress[-1]["frames"]) == (1, 1, 2)
    assert {"what": "picture", "frame": 1, "files": ["a.exr", "a.png"]} in found
    assert {"what": "said", "sentence": "Frame 2 failed: It is broken.", "error": True} in found


def test_progress_is_not_printed_at_every_unit() -> None:
    found = told(planned(), *(finished(number) for number in range(40)), every_s=0.05)
    assert 5 <= len(found) <= 11


def test_the_result_is_printed_with_reason_and_remedy() -> None:
    out = io.StringIO()
    lines = JsonLinesReporter(out)
    lines.failed(JobRefused(reason="Refused:", remedy="", problems=("samples: 'x'",)), 2)
    lines.completed({"job_id": "a-1"})
    refused, completed = map(json.loads, out.getvalue().splitlines())
    assert (refused["what"], refused["exit_code"], refused["problems"]) == ("ended", 2, ["samples: 'x'"])
    assert (completed["exit_code"], completed["report"]["job_id"]) == (0, "a-1")


@pytest.fixture
def addon() -> Any:
    """The add-on's part that follows the command; it knows nothing of Blender."""
    spec = importlib.util.spec_from_file_location("addon_run", RUN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def followed(addon: Any, code: str, *, stop: bool = False) -> Any:
    run = addon.Run([sys.executable, "-c", code])
    if stop:
        until(lambda: run.poll() and run.stage == "rendering")
        run.stop()
    until(lambda: not run.poll())
    return run


def printing(documents: Sequence[object], then: str = "") -> str:
    lines = "\n".join(json.dumps(document) for document in documents)
    return f"import sys, time\nprint({lines!r}, flush=True)\n{then}"


PROGRESS = {"what": "progress", "done": 0.25, "seconds_left": 9.5, "frames": 4, "written": 1, "nodes": 2}


def test_the_add_on_reads_the_lines(addon: Any) -> None:
    end = {"what": "ended", "exit_code": 2, "reason": "Refused:", "remedy": "Mend it.", "problems": ["a: b"]}
    picture = {"what": "picture", "frame": 1, "files": ["a.png"]}
    run = followed(addon, printing([PROGRESS, picture, end], "sys.exit(2)"))
    assert (run.done, run.seconds_left, run.frames, run.written, run.nodes) == (0.25, 9.5, 4, 1, 2)
    assert run.pictures == [(1, ["a.png"])]
    assert run.ended == {"exit_code": 2, "reason": "Refused:", "remedy": "Mend it.", "problems": ["a: b"]}


def test_the_add_on_reports_a_command_that_dies_or_can_t_be_started(addon: Any) -> None:
    run = followed(addon, printing([PROGRESS], "sys.exit('out of luck')"))
    assert run.ended["reason"] == "The command ended with code 1. out of luck"
    run = addon.Run(["/nowhere/frontburner"])
    assert not run.poll()
    assert "/nowhere/frontburner can't be started: " in run.ended["reason"]


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere it gets a signal")
def test_the_add_on_lets_the_command_end_in_order(addon: Any) -> None:
    waits = """
import os, threading
from system.signals import signals_handled
ended = threading.Event()
with signals_handled(ended.set):
    print('{"what": "stage", "sentence": "rendering", "pid": %d}' % os.getpid(), flush=True)
    ended.wait()
"""
    assert followed(addon, waits, stop=True).ended["exit_code"] == 0


def test_the_add_on_stops_the_command(addon: Any) -> None:
    run = followed(addon, printing([PROGRESS], "time.sleep(3600)"), stop=True)
    assert run.ended["exit_code"] != 0
