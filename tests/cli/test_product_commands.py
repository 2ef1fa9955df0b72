"""`frontburner movie`, `job sheet` and `job check` on a job that has ended."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from frontburner import events as ev
from frontburner.cli import app
from frontburner.jobs.job import make_job
from frontburner.record.registry import register
from frontburner.record.snapshot import status_of
from frontburner.run.after_frames import UNCHANGED, compared_to_before
from storage.images import encode_png
from storage.objects import open_store
from storage.view import View
from tasks.picture.figures import figures
from tasks.picture.inspection import Fault, Finding
from tasks.picture.movie import facts
from tests.picture.footage import HEIGHT, WIDTH, footage, picture
from tests.record.recorded_runs import ended, planned, record, started

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

    Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store of a job called ball, whose twelve frames are in place."""
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    (tmp_path / "ball.json").write_text("{}")
    document = {"scene": str(tmp_path / "ball.json"), "frames": "1-12", "fps": "25", "out": str(tmp_path / "store")}
    job, store = make_job(document), open_store(document["out"])
    written = [
        ev.FrameWritten(at_s=1, frame=own.frame, outputs=tuple(store.locate(key) for key, _ in own.files))
        for own in footage(store).frames
    ]
    begun = started(job_id="ball-1", job=job.model_dump(mode="json"))
    record(
        store, "20260101T000000000000-a", begun, planned(12), *written, ended(ev.RunState.COMPLETED), job_id="ball-1"
    )
    register("ball-1", document["out"])
    return store


def command(*words: str) -> int:
    code = app(list(words), result_action="return_value")
    assert isinstance(code, int)
    return code


def test_a_movie_of_a_completed_job(store: ObjectStore, tmp_path: Path, capsys: Capture) -> None:
    assert command("movie", "ball", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made == {"h264 movie": str(tmp_path / "store" / "ball.mp4")}
    told = facts(tmp_path / "store" / "ball.mp4")
    assert (told.frames, told.fps, told.tagged) == (12, Fraction(25), True)


def test_a_movie_with_a_gap_or_of_no_codec_is_refused(store: ObjectStore, capsys: Capture) -> None:
    assert command("movie", "ball", "--codec", "mpeg1") == 2
    assert "'h264', 'hevc', 'av1' or 'prores'" in capsys.readouterr().err
    store.delete("ball.0003.png")
    assert command("movie", "ball") == 3
    assert "Frame 3 can't be read: There is no object 'ball.0003.png'" in capsys.readouterr().err
    assert not store.exists("ball.mp4")


def test_faults_are_listed_and_recorded(store: ObjectStore, capsys: Capture) -> None:
    assert command("job", "check", "ball") == 0
    assert "12 frames checked, none flagged." in capsys.readouterr().out
    store.write("ball.0006.exr", store.read("ball.0005.exr"))
    store.delete("ball.0009.exr")
    assert command("job", "check", "ball", "--json") == 1
    said = capsys.readouterr()
    assert {frame: own["fault"] for frame, own in json.loads(said.out)["flagged_frames"].items()} == {
        "6": "duplicate", "9": "missing",
    }  # fmt: skip
    assert "frontburner job rerun ball-1 --frames 6,9" in said.err
    assert command("job", "sheet", "ball") == 0
    assert store.exists("ball.sheet.jpg")
    status = status_of(store, "ball-1")
    assert {frame: fault for frame, (fault, _) in status.flagged.items()} == {6: "duplicate", 9: "missing"}
    assert status.state is ev.RunState.COMPLETED
    capsys.readouterr()
    assert command("job", "show", "ball") == 0
    assert "frame 6 is flagged: the same pixels as frame 5" in capsys.readouterr().out


def test_a_black_png_beside_a_good_exr_is_flagged(store: ObjectStore, capsys: Capture) -> None:
    store.write("ball.0004.png", encode_png(np.zeros((HEIGHT, WIDTH, 3), np.float32), bits=8, view=View.SRGB))
    assert command("job", "check", "ball", "--json") == 1
    assert json.loads(capsys.readouterr().out)["flagged_frames"]["4"]["fault"] == "damaged"


def test_a_fault_that_rerendering_reproduces_is_the_scene_s() -> None:
    before = {1: figures(picture(1)), 2: figures(picture(2))}
    after = {1: before[1], 2: figures(picture(3))}
    found = [Finding(frame=frame, fault=Fault.FLICKER, sentence="odd") for frame in (1, 2)]
    assert [each.sentence for each in compared_to_before(found, before, after)] == [f"odd{UNCHANGED}", "odd"]
