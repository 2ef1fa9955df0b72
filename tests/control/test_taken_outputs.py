"""A job that would replace another one's files is refused when it is submitted, also while the other is running."""

from __future__ import annotations

import json
import os
import re
import socket
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.control.intake import check_job, with_absolute_paths
from frontburner.control.taken_outputs import refuse_beside_rivals
from frontburner.events import RunState
from frontburner.jobs.job import JobRefused, RenderJob
from frontburner.jobs.outputs import owner_of
from storage.objects import open_store
from tasks.picture.output_records import record_key
from tests.record.recorded_runs import ended, record, started

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

BEGAN = datetime(2026, 1, 1).astimezone()


def job_of(folder: Path, content: str = "", **fields: Any) -> RenderJob:
    """A job of the scene ``shot.json`` in a folder; all jobs have one store."""
    folder.mkdir(exist_ok=True)
    if not (folder / "shot.json").exists():
        (folder / "shot.json").write_text(json.dumps({"size": "8x8", "samples": 1, "note": content}))
    out = str(folder.parent / "out")
    return with_absolute_paths(RenderJob(scene=str(folder / "shot.json"), out=out, **fields))


def written(job: RenderJob, *keys: str) -> ObjectStore:
    store = open_store(job.out)
    for key in keys:
        store.write(key, b"a picture")
        store.write(record_key(key), json.dumps({"order": "1", "owner": owner_of(job).document()}).encode())
    return store


def running(job: RenderJob, *, at: datetime) -> None:
    """Record that a job is being rendered by this process."""
    begins = started(job=job.model_dump(mode="json"), host=socket.gethostname(), pid=os.getpid())
    record(open_store(job.out), "1", begins, job_id=job.job_id, at=at)


def test_two_scenes_of_one_name_do_not_share_files(tmp_path: Path) -> None:
    first, second = job_of(tmp_path / "a", "one"), job_of(tmp_path / "b", "two")
    written(first, "shot.exr", "shot.png")
    check_job(first)
    scene = re.escape(first.scene)
    with pytest.raises(JobRefused, match=rf"shot\.exr was written by the job {first.job_id}, of {scene}"):
        check_job(second)
    check_job(second.model_copy(update={"overwrite": True}))
    check_job(second.model_copy(update={"name": "other"}))
    check_job(second.model_copy(update={"frames": "1-5"}))
    written(first, "shot.mp4")
    with pytest.raises(JobRefused, match=r"shot\.mp4 was written"):
        check_job(second.model_copy(update={"frames": "1-5", "movie": ["h264"]}))


def test_a_scene_that_was_moved_or_copied_is_refused_only_when_it_renders_something_else(tmp_path: Path) -> None:
    first, copy = job_of(tmp_path / "a", "one"), job_of(tmp_path / "b", "one")
    written(first, "shot.exr")
    check_job(copy)
    (tmp_path / "a" / "shot.json").unlink()
    check_job(copy)


def test_names_that_differ_by_case_alone_are_refused(tmp_path: Path) -> None:
    first = job_of(tmp_path, name="Room")
    running(first, at=datetime.now().astimezone())
    check_job(job_of(tmp_path, name="Room 2"))
    with pytest.raises(JobRefused, match="differs only by case or accents from Room"):
        check_job(job_of(tmp_path, name="room"))


def test_a_picture_of_unknown_origin_is_not_replaced(tmp_path: Path) -> None:
    job = job_of(tmp_path / "a")
    open_store(job.out).write("shot.png", b"somebody's own")
    with pytest.raises(JobRefused, match=r"shot\.png is there already, and nothing says that a job wrote it"):
        check_job(job)


def test_of_two_jobs_at_the_same_time_the_first_has_the_files(tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    first, second = job_of(tmp_path / "a", "one", frames="1-5"), job_of(tmp_path / "b", "two", frames="5-9")
    store = open_store(first.out)
    running(first, at=now - timedelta(seconds=2))
    scene = re.escape(first.scene)
    with pytest.raises(JobRefused, match=f"{first.job_id} is rendering files of the same names, of {scene}"):
        check_job(second)
    running(second, at=now - timedelta(seconds=1))
    refuse_beside_rivals(first, store, began=now - timedelta(seconds=2))
    with pytest.raises(JobRefused, match=first.job_id):
        refuse_beside_rivals(second, store, began=now - timedelta(seconds=1))


@pytest.mark.parametrize(
    "fields", [{"frames": "4-9"}, {"frames": "6-9", "samples": 2}, {"frames": "1-5", "priority": 9}]
)
def test_other_frames_of_a_running_job_are_not_refused(fields: dict[str, Any], tmp_path: Path) -> None:
    running(job_of(tmp_path / "a", frames="1-5"), at=datetime.now().astimezone())
    check_job(job_of(tmp_path / "a", **fields))


def test_the_same_frames_with_other_settings_wait_for_the_end_of_a_running_job(tmp_path: Path) -> None:
    first = job_of(tmp_path / "a", frames="1-5")
    running(first, at=datetime.now().astimezone())
    with pytest.raises(JobRefused, match=first.job_id):
        check_job(job_of(tmp_path / "a", frames="1-5", samples=2))
    record(open_store(first.out), "2", ended(RunState.SUSPENDED), job_id=first.job_id, at=datetime.now().astimezone())
    check_job(job_of(tmp_path / "a", frames="1-5", samples=2))


def test_a_job_whose_process_is_gone_has_no_claim(tmp_path: Path) -> None:
    first = job_of(tmp_path / "a", "one")
    running(first, at=BEGAN)  # and silent ever since
    check_job(job_of(tmp_path / "b", "two"))
