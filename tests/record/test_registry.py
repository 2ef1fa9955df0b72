"""A job is found by its id on the machine that ran it, and by its store on all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from frontburner.record.registry import UnknownJob, find_job, list_jobs, prefect_api, register
from storage.objects import open_store
from tests.record.recorded_runs import record, started

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_API_URL", "http://anna:pa55word@farm:4200/api")
    return tmp_path / "home"


def test_nothing_has_run_here() -> None:
    assert list_jobs() == []


def test_a_job_is_found_by_enough_of_its_name(tmp_path: Path) -> None:
    for name in ("room-11aa", "room-22bb", "walk-33cc"):
        register(name, str(tmp_path / name), deployment="d", job={"scene": "a.xml"})
    assert {place.job_id for place in list_jobs()} == {"room-11aa", "room-22bb", "walk-33cc"}
    found = find_job("walk")
    assert (found.job_id, found.store.url) == ("walk-33cc", str(tmp_path / "walk-33cc"))
    assert (found.note["deployment"], found.note["job"]) == ("d", {"scene": "a.xml"})
    assert find_job("room-22").job_id == "room-22bb"


def test_the_last_note_counts(tmp_path: Path) -> None:
    register("room-11aa", str(tmp_path / "a"))
    register("room-11aa", str(tmp_path / "b"))
    assert find_job("room").store.url == str(tmp_path / "b")


def test_an_exact_name_wins_over_longer_ones(tmp_path: Path) -> None:
    register("room-1", str(tmp_path))
    register("room-11", str(tmp_path))
    assert find_job("room-1").job_id == "room-1"


@pytest.mark.parametrize(
    ("name", "words"),
    [("room", "could be any of 2 jobs"), ("romo-11aa", "Did you mean room-11aa"), ("", "no job"), ("x", "job list")],
)
def test_an_ambiguous_or_unknown_name_is_explained(tmp_path: Path, name: str, words: str) -> None:
    register("room-11aa", str(tmp_path))
    register("room-22bb", str(tmp_path))
    with pytest.raises(UnknownJob) as caught:
        find_job(name)
    assert words in str(caught.value)


def test_notes_that_can_t_be_read_hide_no_job(tmp_path: Path, home: Path) -> None:
    register("room-11aa", str(tmp_path))
    for name, text in {"torn": "{", "list": "[]", "empty": "{}", "nowhere": '{"out": "ftp://x"}'}.items():
        (home / "jobs" / f"{name}.json").write_text(text)
    assert [place.job_id for place in list_jobs()] == ["room-11aa"]


def test_a_home_that_can_t_be_written_fails_no_job(tmp_path: Path, home: Path) -> None:
    home.write_text("no folder")
    register("room-11aa", str(tmp_path))
    assert list_jobs() == []


def test_no_note_holds_a_secret(tmp_path: Path, home: Path) -> None:
    register("room-11aa", str(tmp_path))
    (note,) = (home / "jobs").iterdir()
    assert "pa55word" not in note.read_text()
    assert prefect_api() == "http://farm:4200/api"


def test_a_store_knows_its_jobs(store: ObjectStore) -> None:
    assert list_jobs(store.url) == []
    record(store, "run-1", started(), job_id="room-11aa")
    record(store, "run-1", started(), job_id="walk-33cc")
    assert [place.job_id for place in list_jobs(store.url)] == ["room-11aa", "walk-33cc"]
    assert find_job("walk", store.url).store.url == open_store(store.url).url
    with pytest.raises(UnknownJob, match="no job 'hall' in"):
        find_job("hall", store.url)
