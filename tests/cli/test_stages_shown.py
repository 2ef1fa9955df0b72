"""Stages of a chain that go on at once are shown apart, to a person and to a program."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.cli.display import Display
from frontburner.cli.job_arguments import JobArguments
from frontburner.events.context import in_stage
from tests.record.recorded_runs import finished, planned

if TYPE_CHECKING:
    import pytest

    from frontburner.cli.notify_commands import Teller


def tell(teller: Teller | Display) -> None:
    """Tell of two jobs that are rendered at once, one stage further than the other, and a command."""
    for number, name in enumerate(("beauty", "proof"), start=1):
        with in_stage(name):
            teller.take(ev.StageBegan(at_s=0, name=name, number=number, of=3))
            teller.take(planned(frames=number))
    with in_stage("beauty"):
        teller.take(finished(75))
    with in_stage("proof"):
        teller.take(finished(25))
        teller.take(ev.FrameFailed(at_s=3, frame=2, reason="It is broken."))
        teller.take(ev.StageEnded(at_s=4, name="proof", state=ev.StageState.FAILED, reason="1 of 2 frames failed"))
    with in_stage("beauty"):
        teller.take(ev.NodeRefused(at_s=5, node="n1", reason="It has no Blender."))


def test_a_person_is_told_of_which_stage(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(animated=False)
    tell(display)
    bars = [(task.description, task.percentage) for task in display._progress.tasks]
    assert bars == [("starting", 0), ("beauty: rendering", 75)], "what has ended is no longer drawn"
    assert capsys.readouterr().err.splitlines() == [
        "proof: Frame 2 failed: It is broken.",
        "proof: failed: 1 of 2 frames failed",
        "beauty: n1 takes no part: It has no Blender.",
    ]


def test_a_program_is_told_of_which_stage() -> None:
    out, now_s = io.StringIO(), iter(range(100))
    tell(JobArguments(out, clock=lambda: next(now_s)))
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    far = {each["in"]: (each["done"], each["frames"]) for each in found if each["what"] == "progress"}
    assert far == {"beauty": (0.75, 1), "proof": (0.25, 2)}
    assert {"what": "said", "in": "proof", "sentence": "Frame 2 failed: It is broken.", "error": True} in found


def test_of_a_chain_all_jobs_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    command: dict[str, Any] = {"name": "sim", "state": "completed", "outputs": [], "report": None}
    Display(animated=False).summary({"chain": "shot", "stages": [command], "wall_s": 3.0})
    assert capsys.readouterr().err == ""
