"""Jobs that an earlier version recorded are read as that version read them.

``recorded/store`` has two jobs it rendered, and one in which it wrote an event of every kind; ``recorded/as_read.json``
has what it made of them: status, what its monitor showed, and the first events of each kind. None of it is ever to be
changed: jobs of years are like it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from frontburner.cli import app
from frontburner.jobs.job import RenderJob
from frontburner.monitor.job_rows import LiveJob, details, row
from frontburner.record.event_codec import decode, encode
from frontburner.record.event_log import read_events
from frontburner.record.snapshot import job_ids, status_of
from storage.errors import MissingObject
from storage.objects import INTERNAL_PREFIX, open_store
from tests.record.recorded_runs import status_from

if TYPE_CHECKING:
    from storage.objects import ObjectStore

RECORDED = Path(__file__).with_name("recorded")
AS_READ: dict[str, dict[str, Any]] = json.loads((RECORDED / "as_read.json").read_text())
RENDERED = ["walk-4f4d59c4", "portrait-fd89cabd"]
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    shutil.copytree(RECORDED / "store", tmp_path / "store")
    return open_store(str(tmp_path / "store"))


def told(store: ObjectStore, job_id: str) -> list[dict[str, Any]]:
    return [each for _, each in read_events(store, job_id)]


def plain(value: Any) -> Any:
    """Return a value as ``as_read.json`` has it."""
    match value:
        case Enum():
            return value.value
        case np.ndarray():
            return value.tolist()
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case set() | frozenset():
            return sorted(value)
        case list() | tuple():
            return [plain(each) for each in value]
        case _ if is_dataclass(value):
            return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value


def within(known: Any, found: Any) -> bool:
    """Whether all that was known is found; there may be more to tell by now."""
    if isinstance(known, dict) and isinstance(found, dict):
        return all(name in found and within(each, found[name]) for name, each in known.items())
    return bool(known == found)


def test_its_jobs_are_listed(store: ObjectStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert job_ids(store) == sorted(AS_READ)
    assert app(["job", "list", "--out", store.url], result_action="return_value") == 0
    listed = capsys.readouterr().out
    assert all(job_id in listed for job_id in AS_READ)


@pytest.mark.parametrize("job_id", AS_READ)
def test_each_is_shown(store: ObjectStore, job_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app(["job", "show", job_id, "--out", store.url, "--json"], result_action="return_value") == 0
    assert within(AS_READ[job_id]["status"], json.loads(capsys.readouterr().out))
    assert app(["job", "log", job_id, "--out", store.url, "--json"], result_action="return_value") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == told(store, job_id)
    assert app(["job", "log", job_id, "--out", store.url], result_action="return_value") == 0
    assert "  alive" not in capsys.readouterr().out


@pytest.mark.parametrize("job_id", AS_READ)
def test_each_snapshot_equals_the_whole_record(store: ObjectStore, job_id: str) -> None:
    whole = status_from(job_id, told(store, job_id))
    assert status_of(store, job_id) == whole
    assert within(AS_READ[job_id]["status"], plain(whole.document(NOW)))


@pytest.mark.parametrize("job_id", AS_READ)
def test_the_monitor_shows_the_same_of_each(store: ObjectStore, job_id: str) -> None:
    live, known = LiveJob(), status_of(store, job_id)
    for each in told(store, job_id):
        live.on_event(each)
    try:
        report = json.loads(store.read(f"{INTERNAL_PREFIX}/jobs/{job_id}.json"))
    except MissingObject:
        report = None
    assert within(AS_READ[job_id]["row"], plain(row(known, known.state_at(NOW), NOW, live=live, report=report)))
    assert within(AS_READ[job_id]["details"], plain(details(known, known.state_at(NOW), live, report=report)))


@pytest.mark.parametrize("job_id", AS_READ)
def test_each_line_is_the_event_that_it_was(store: ObjectStore, job_id: str) -> None:
    lines = told(store, job_id)
    for number, known in AS_READ[job_id]["events"].items():
        event = decode(lines[int(number)])
        assert within(known, {"kind": type(event).__name__, **plain(event)}), lines[int(number)]
    for line in lines:
        event = decode(line)
        assert event is not None, line
        assert encode(event, datetime.fromisoformat(line["at"])) == line


@pytest.mark.parametrize("job_id", RENDERED)
def test_the_same_job_has_the_same_identity(store: ObjectStore, job_id: str) -> None:
    job = status_of(store, job_id).job
    assert RenderJob.model_validate(job).job_id == job_id
