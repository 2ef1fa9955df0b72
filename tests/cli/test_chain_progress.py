"""Progress of concurrent stages of a chain is reported separately."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.cli.progress import ProgressDisplay
from frontburner.cli.reporters import JsonLinesReporter
from frontburner.events.context import in_stage
from tests.record.recorded_runs import finished, planned

if TYPE_CHECKING:
    import pytest

    from frontburner.cli.reporters import Reporter


def report_stages(reporter: Reporter | ProgressDisplay) -> None:
    """Report on two jobs that are rendered at once, one stage further than the other, and a command."""
    for number, name in enumerate(("beauty", "proof"), start=1):
        with in_stage(name):
            reporter.on_event(ev.StageBegan(at_s=0, name=name, number=number, of=3))
            reporter.on_event(planned(frames=number))
    with in_stage("beauty"):
        reporter.on_event(finished(75))
    with in_stage("proof"):
        reporter.on_event(finished(25))
        reporter.on_event(ev.FrameFailed(at_s=3, frame=2, reason="It is broken."))
        reporter.on_event(ev.StageEnded(at_s=4, name="proof", state=ev.StageState.FAILED, reason="1 frame failed"))
    with in_stage("beauty"):
        reporter.on_event(ev.NodeRefused(at_s=5, node="n1", reason="It has no Blender."))
        reporter.on_event(ev.BuildChosen(at_s=5, build="5.0 cpu"))
        reporter.on_event(ev.BuildChosen(at_s=5, build="5.0 cpu", sentence="It leaves out win-1."))
        reporter.on_event(ev.NodeLeftOut(at_s=5, node="win-1", reason="It has another."))


def test_text_names_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    display = ProgressDisplay(animated=False)
    report_stages(display)
    bars = [(task.description, task.percentage) for task in display._progress.tasks]
    assert bars == [("starting", 0), ("beauty: rendering", 75)], "what has ended is no longer drawn"
    assert capsys.readouterr().err.splitlines() == [
        "proof: Frame 2 failed: It is broken.",
        "proof: failed: 1 frame failed",
        "beauty: n1 is excluded: It has no Blender.",
        "beauty: It leaves out win-1.",
    ]


def test_json_lines_name_the_stage() -> None:
    out, now_s = io.StringIO(), iter(range(100))
    report_stages(JsonLinesReporter(out, clock=lambda: next(now_s)))
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    far = {each["in"]: (each["done"], each["frames"]) for each in found if each["what"] == "progress"}
    assert far == {"beauty": (0.75, 1), "proof": (0.25, 2)}
    assert {"what": "said", "in": "proof", "sentence": "Frame 2 failed: It is broken.", "error": True} in found


def test_a_chain_s_summary_leaves_out_commands(capsys: pytest.CaptureFixture[str]) -> None:
    command: dict[str, Any] = {"name": "sim", "state": "completed", "outputs": [], "report": None}
    ProgressDisplay(animated=False).summary({"chain": "shot", "stages": [command], "wall_s": 3.0})
    assert capsys.readouterr().err == ""


def test_what_is_rendered_differently_is_said_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    note = "The film's crop is ignored: the whole frame is rendered."
    ProgressDisplay(animated=False).on_event(ev.JobNoted(at_s=0, notes=(note,)))
    assert capsys.readouterr().err.splitlines() == [note]
    JsonLinesReporter(out := io.StringIO()).on_event(ev.JobNoted(at_s=0, notes=(note,)))
    assert json.loads(out.getvalue().splitlines()[0])["sentence"] == note
