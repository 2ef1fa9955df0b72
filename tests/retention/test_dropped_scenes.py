"""Dropped scenes are deleted when they are old and no job needs them, and never before."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from frontburner import events as ev
from frontburner.cli.store_commands import prune, size
from frontburner.control.desired_state import DesiredState
from frontburner.control.resume import LocalRun, RerunRequest, rerun, resume
from frontburner.control.stop import request_stop
from frontburner.record.registry import find_job, register
from frontburner.record.snapshot import status_of
from frontburner.retention.dropped_scenes import (
    ABANDONED_AFTER_S,
    PARTIAL_PREFIX,
    UNCLAIMED_FOR_S,
    DroppedScenes,
    mark_requested,
)
from storage.objects import open_store
from tests.record.recorded_runs import detachable_folder, detached, ended, planned, record, started

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.retention.rules import Group
    from storage.objects import ObjectStore

    Capture = pytest.CaptureFixture[str]

DAY_S = 24 * 3600.0
FINISHED = (ev.RunState.COMPLETED, ev.RunState.CANCELLED)
OPEN = (ev.RunState.SUSPENDED, ev.RunState.FAILED, ev.RunState.BROKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """A machine on whose monitor scenes were dropped, and a store of its jobs."""

    folder: Path
    store: ObjectStore

    def drop(self, name: str = "ball-0123456789abcdef", *, age_s: float = 60 * DAY_S) -> Path:
        """A scene of 1,000 bytes with a texture of 500 that was dropped so long ago."""
        scene = self.folder / name / "ball.json"
        (scene.parent / "tex").mkdir(parents=True)
        scene.write_bytes(b"x" * 1000)
        (scene.parent / "tex" / "wood.png").write_bytes(b"x" * 500)
        age(scene.parent, age_s)
        return scene

    def job(self, scene: Path, state: ev.RunState | None, job_id: str = "ball-1", *, age_s: float = 50 * DAY_S) -> None:
        """A job of a scene which was last heard of so long ago; without a state, it runs."""
        end = [] if state is None else [ended(state)]
        begun = started(job_id=job_id, job={"scene": str(scene), "out": self.store.url})
        at = moment(age_s)
        record(self.store, f"{at:%Y%m%dT%H%M%S%f}-a", begun, planned(), *end, job_id=job_id, at=at)
        register(job_id, self.store.url)

    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def assess(self) -> list[Group]:
        return DroppedScenes(self.folder).assess(time.time())


def moment(age_s: float) -> datetime:
    return datetime.fromtimestamp(time.time() - age_s, UTC)


def age(folder: Path, age_s: float) -> None:
    then_s = time.time() - age_s
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (then_s, then_s))


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    for name in ("FRONTBURNER_SCENES", "FRONTBURNER_PICTURES", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    (folder := tmp_path / "home" / "submitted").mkdir(parents=True)
    return Uploads(folder=folder, store=open_store(str(tmp_path / "store")))


def test_a_scene_is_deleted_long_after_its_job_completed(uploads: Uploads, capsys: Capture) -> None:
    uploads.job(uploads.drop(), ev.RunState.COMPLETED)
    assert size() == 0
    told = capsys.readouterr().out
    assert f"{uploads.folder}: 1.5 kB\n" in told
    assert "scenes             1.5 kB" in told
    assert prune(older_than="30d", dry_run=True) == 0
    assert f"{uploads.folder}: would delete: 1.5 kB of scenes\n" in capsys.readouterr().out
    assert uploads.left() == {"ball-0123456789abcdef"}
    assert prune(older_than="30d", out=uploads.store.url) == 0
    assert uploads.left() == {"ball-0123456789abcdef"}, "another store was meant"
    assert prune(older_than="30d") == 0
    assert f"{uploads.folder}: deleted: 1.5 kB of scenes\n" in capsys.readouterr().out
    assert uploads.left() == set()
    assert status_of(uploads.store, "ball-1").state is ev.RunState.COMPLETED, "how it ended is known still"


@pytest.mark.parametrize("state", [*OPEN, None])
def test_an_open_job_keeps_its_scene_until_it_is_cancelled(uploads: Uploads, state: ev.RunState | None) -> None:
    uploads.job(uploads.drop(), state, age_s=300 * DAY_S)
    assert prune(older_than="30d", budget_gb=0) == 0
    assert uploads.left() == {"ball-0123456789abcdef"}
    if state is not None:
        request_stop(find_job("ball-1"), DesiredState.CANCEL, lambda _: None)
        assert status_of(uploads.store, "ball-1").state is ev.RunState.CANCELLED
        assert prune(older_than="30d") == 0
        assert uploads.left() == {"ball-0123456789abcdef"}, "it was cancelled just now, and may be run again"


@pytest.mark.parametrize("state", FINISHED)
def test_a_finished_job_keeps_its_scene_for_the_given_age(uploads: Uploads, state: ev.RunState) -> None:
    uploads.job(uploads.drop(), state, age_s=29 * DAY_S)
    assert prune(older_than="30d") == 0
    assert uploads.left() == {"ball-0123456789abcdef"}
    assert prune(older_than="28d") == 0
    assert uploads.left() == set()


def test_a_scene_stays_while_any_job_needs_it(uploads: Uploads) -> None:
    scene = uploads.drop()
    uploads.job(scene, ev.RunState.COMPLETED)
    uploads.job(scene, ev.RunState.SUSPENDED, "ball-2")
    assert prune(older_than="30d", budget_gb=0) == 0
    assert uploads.left() == {"ball-0123456789abcdef"}


def test_a_budget_deletes_the_scene_used_longest_ago(uploads: Uploads) -> None:
    for nth, used_s in enumerate((3 * DAY_S, 9 * DAY_S, 1 * DAY_S)):
        uploads.job(uploads.drop(f"ball-000000000000000{nth}"), ev.RunState.COMPLETED, f"ball-{nth}", age_s=used_s)
    assert prune(budget_gb=3.1e-6) == 0
    assert uploads.left() == {"ball-0000000000000000", "ball-0000000000000002"}


def test_a_scene_whose_job_does_not_exist_yet_waits_for_it(uploads: Uploads) -> None:
    scene = uploads.drop(age_s=0)
    assert prune(older_than="0.001s", budget_gb=0) == 0
    age(scene.parent, UNCLAIMED_FOR_S - 60)
    assert prune(older_than="0.001s", budget_gb=0) == 0
    assert uploads.left() == {"ball-0123456789abcdef"}
    age(scene.parent, UNCLAIMED_FOR_S + 60)
    assert prune(budget_gb=0) == 0
    assert uploads.left() == set()


def test_a_scene_that_is_requested_again_waits_for_that_job(uploads: Uploads) -> None:
    scene = uploads.drop()
    uploads.job(scene, ev.RunState.COMPLETED)
    mark_requested(str(scene))
    assert prune(older_than="0.001s", budget_gb=0) == 0
    assert uploads.left() == {"ball-0123456789abcdef"}


@pytest.mark.parametrize("state", FINISHED)
def test_a_scene_whose_job_is_resumed_waits_for_it(uploads: Uploads, state: ev.RunState) -> None:
    scene = uploads.drop()
    uploads.job(scene, state)
    again = LocalRun(render=lambda *_: None, report=lambda _: None)
    if state is ev.RunState.CANCELLED:
        resume(find_job("ball-1"), again)
    else:
        rerun(find_job("ball-1"), RerunRequest(), again)
    assert prune(older_than="0.001s", budget_gb=0) == 0
    assert uploads.left() == {"ball-0123456789abcdef"}


def test_a_scene_that_is_dropped_again_while_it_is_pruned_stays(uploads: Uploads) -> None:
    scene = uploads.drop()
    uploads.job(scene, ev.RunState.COMPLETED)
    (assessed,) = uploads.assess()
    os.utime(scene.parent)
    DroppedScenes(uploads.folder).remove(assessed)
    assert uploads.left() == {"ball-0123456789abcdef"}
    assert scene.read_bytes() == b"x" * 1000


def test_abandoned_uploads_are_deleted_and_those_in_progress_stay(uploads: Uploads, capsys: Capture) -> None:
    for name, age_s in (("old", ABANDONED_AFTER_S + 60), ("new", 2 * 3600.0), ("slow", 30 * DAY_S)):
        uploads.drop(f"{PARTIAL_PREFIX}{name}", age_s=age_s)
    os.utime(uploads.folder / f"{PARTIAL_PREFIX}slow" / "tex" / "wood.png")  # a file that takes a day, and still comes
    assert prune(budget_gb=500) == 0
    assert uploads.left() == {f"{PARTIAL_PREFIX}new", f"{PARTIAL_PREFIX}slow"}
    assert f"{uploads.folder}: deleted: 1.5 kB of scenes\n" in capsys.readouterr().out
    assert prune(older_than="1s", budget_gb=0) == 0
    assert uploads.left() == {f"{PARTIAL_PREFIX}new", f"{PARTIAL_PREFIX}slow"}


def test_other_files_are_left_alone(uploads: Uploads) -> None:
    (uploads.folder / "notes.txt").write_text("mine")
    uploads.drop("my shots")
    assert prune(older_than="1s", budget_gb=0) == 0
    assert uploads.left() == {"notes.txt", "my shots"}


def test_scenes_of_submitters_stay_for_jobs_of_other_machines(
    uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_SCENES", f"{tmp_path / 'scenes'}, {tmp_path / 'others'}")
    monkeypatch.setenv("FRONTBURNER_PICTURES", str(tmp_path / "pictures"))
    names = "room-0123456789abcdef", "room-fedcba9876543210"
    theirs = Uploads(folder=tmp_path / "scenes" / "submitted", store=open_store(str(tmp_path / "pictures" / names[0])))
    scenes = [theirs.drop(name) for name in names]
    record(theirs.store, "run-1", started(job_id="room-1", job={"scene": str(scenes[0])}), job_id="room-1")
    assert prune(older_than="30d", budget_gb=0) == 0
    assert theirs.left() == {names[0]}


def test_nothing_is_deleted_while_a_store_is_unavailable_whose_jobs_might_need_it(
    uploads: Uploads, tmp_path: Path
) -> None:
    far = tmp_path / "far"
    store = open_store(str(detachable_folder(far)))
    scene = uploads.drop()
    uploads.job(scene, ev.RunState.COMPLETED)
    record(store, "run-9", started(job_id="ball-9", job={"scene": str(scene)}), job_id="ball-9")
    register("ball-9", store.url)
    with detached(far):
        assert prune(older_than="30d") == 3
    assert uploads.left() == {"ball-0123456789abcdef"}
