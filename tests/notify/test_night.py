"""The morning report lists the jobs of a night, those that need attention first; runs are skipped for a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from frontburner import events as ev
from frontburner.control.conditions import Conditions, record_scene, scene_unchanged
from frontburner.jobs.job import make_job
from frontburner.notify.job_summary import summaries_since, summarize_job
from frontburner.notify.notification import as_page, job_notification, morning_report
from frontburner.record.registry import JobLocation, register
from frontburner.submission.schedules import estimate
from storage.images import encode_png
from storage.objects import INTERNAL_PREFIX, open_store
from storage.view import View
from tasks.notify_targets import Occasion
from tasks.picture.inspection import Fault
from tasks.scene.manifest import manifest_of
from tests.record.recorded_runs import ended, planned, record, started

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.jobs.job import RenderJob
    from storage.objects import ObjectStore

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
TEN = NOW - timedelta(hours=9)
FAULT = "POV-Ray can't open <fog>.inc. Put it beside the scene."


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    path = tmp_path / "walk.json"
    path.write_text("{}")
    return path


def job_in(tmp_path: Path, scene: Path, name: str) -> RenderJob:
    return make_job({"scene": str(scene), "frames": "1-4", "name": name, "out": str(tmp_path / "out")})


def written(store: ObjectStore, job: RenderJob, frame: int) -> ev.FrameWritten:
    key = f"{job.title}.{frame:04d}.png"
    store.write(key, encode_png(np.full((36, 64, 3), frame / 8, np.float32), bits=8, view=View.SRGB))
    return ev.FrameWritten(at_s=frame, frame=frame, outputs=(store.locate(key),))


def night(tmp_path: Path, scene: Path, name: str, *events: ev.Event, state: ev.RunState, why: str = "") -> JobLocation:
    """Have a job run, as it leaves its record; returns where."""
    job = job_in(tmp_path, scene, name)
    store = open_store(job.out)
    frames = [written(store, job, frame) for frame in range(1, 4)]
    begun = started(job_id=job.job_id, job=job.model_dump(mode="json"))
    register(job.job_id, job.out)
    record(store, "run-1", begun, planned(4), *frames, *events, ended(state, why), job_id=job.job_id, at=TEN)
    report = {"efficiency": 0.83, "units": 9, "nodes": 3}
    store.write(f"{INTERNAL_PREFIX}/jobs/{job.job_id}.json", json.dumps(report).encode())
    return JobLocation(job_id=job.job_id, store=store)


def flagged(frame: int) -> ev.Event:
    return ev.FrameFlagged(at_s=9, frame=frame, fault=Fault.BLACK, sentence="black: its brightest pixel is 0.0000")


def whole_night(tmp_path: Path, scene: Path) -> None:
    job = job_in(tmp_path, scene, "good")
    night(tmp_path, scene, "good", written(open_store(job.out), job, 4), state=ev.RunState.COMPLETED)
    failed = [ev.FrameFailed(at_s=5, frame=frame, reason=FAULT, last_words="fatal") for frame in (3, 4)]
    night(tmp_path, scene, "broken", *failed, state=ev.RunState.FAILED, why="1 of 4 frames failed")
    night(tmp_path, scene, "dark", ev.FramesChecked(at_s=8, frames=3), flagged(2), state=ev.RunState.COMPLETED)


def test_a_summary_says_what_failed_and_why_and_shows_a_picture(tmp_path: Path, scene: Path) -> None:
    failed = ev.FrameFailed(at_s=5, frame=4, reason=FAULT, last_words="fatal")
    place = night(tmp_path, scene, "broken", failed, state=ev.RunState.FAILED, why="1 of 4 frames failed")
    summary = summarize_job(place, NOW)
    assert summary.occasion is Occasion.FAILED
    assert summary.failed == ((4, FAULT),)
    assert summary.facts == "3 of 4 frames in place · 0 s · 3 nodes · 83% efficient"
    assert summary.advice == f"Fix the cause, then: frontburner job rerun {place.job_id} --failed"
    assert [picture.caption for picture in summary.pictures] == ["frame 2"]
    assert summary.pictures[0].jpeg.startswith(b"\xff\xd8")
    assert json.loads(json.dumps(summary.document()))["failed"] == {"4": FAULT}


def test_the_morning_report_lists_all_jobs_the_failed_ones_first(tmp_path: Path, scene: Path) -> None:
    whole_night(tmp_path, scene)
    report = morning_report(summaries_since(TEN - timedelta(hours=1), NOW), since=TEN, now=NOW)
    assert report.subject.endswith("1 not done, 1 done with flagged frames, 1 done")
    places = [report.text.index(f"\n{name}: ") for name in ("broken", "dark", "good")]
    assert places == sorted(places)
    assert f"frames 3,4 failed: {FAULT}" in report.text
    assert "frame 2 flagged: black" in report.text
    assert "&lt;fog&gt;.inc" in report.html, "what a renderer says can't become markup"
    assert len(report.pictures) == 4, "one a job, and the frame that is flagged"
    assert all(f"cid:{name}" in report.html for name in report.pictures)
    assert "cid:" not in as_page(report)
    assert [job["occasion"] for job in report.document["jobs"]] == ["failed", "flagged", "done"]


def test_jobs_of_earlier_nights_are_left_out(tmp_path: Path, scene: Path) -> None:
    whole_night(tmp_path, scene)
    assert summaries_since(TEN + timedelta(hours=1), NOW) == []
    report = morning_report([], since=TEN, now=NOW)
    assert "No job ran in this time." in report.text
    assert "No job ran in this time." in report.html


def test_a_skipped_run_is_reported_with_its_reason(tmp_path: Path, scene: Path) -> None:
    job = job_in(tmp_path, scene, "late")
    register(job.job_id, job.out)
    store = open_store(job.out)
    record(store, "run-1", ev.RunSkipped(at_s=0, why="it was due 9 h ago"), job_id=job.job_id, at=TEN)
    summary = summarize_job(JobLocation(job_id=job.job_id, store=store), NOW)
    assert (summary.state, summary.sentence, summary.occasion) == (
        "skipped",
        "it was due 9 h ago",
        Occasion.DONE,
    )
    assert job_notification(summary, NOW).subject == "late: skipped"


def test_a_run_that_comes_too_late_is_skipped(tmp_path: Path, scene: Path) -> None:
    job = job_in(tmp_path, scene, "x")
    store = open_store(job.out)
    six = Conditions()
    assert six.why_skipped(job, store, due=NOW - timedelta(hours=5), now=NOW) == ""
    assert six.why_skipped(job, store, due=None, now=NOW) == ""
    why = six.why_skipped(job, store, due=NOW - timedelta(hours=7), now=NOW)
    assert why == "it was due 7 h ago, and may start 6 h late at most"


def test_an_unchanged_scene_is_skipped_and_any_change_is_not(tmp_path: Path, scene: Path) -> None:
    place = night(tmp_path, scene, "same", state=ev.RunState.COMPLETED)
    job, store = job_in(tmp_path, scene, "same"), place.store
    wants = Conditions(if_changed=True)
    assert not scene_unchanged(job, store), "nothing is known yet"
    record_scene(job, store, manifest_of({1: [str(scene)]}, str(scene)))
    assert scene_unchanged(job, store)
    assert "the scene is the same" in wants.why_skipped(job, store, due=None, now=NOW)
    assert Conditions().why_skipped(job, store, due=None, now=NOW) == ""
    picture = store.read("same.0002.png")
    store.delete("same.0002.png")
    assert not scene_unchanged(job, store), "a picture is gone"
    store.write("same.0002.png", picture)
    assert scene_unchanged(job, store)
    scene.write_text('{"samples": 4}')
    assert wants.why_skipped(job, store, due=None, now=NOW) == ""
    scene.unlink()
    assert not scene_unchanged(job, store)


@pytest.mark.parametrize(("took_s", "told"), [([], None), ([60.0], (60, 60, 1)), ([50.0, 70.0, 300.0], (70, 300, 3))])
def test_a_forecast_is_what_earlier_runs_took(took_s: list[float], told: Any) -> None:
    found = estimate(took_s)
    assert (found and (found.usual_s, found.longest_s, found.runs)) == told
