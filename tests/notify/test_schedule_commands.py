"""`frontburner schedule` refuses what can't be scheduled, with the reason, before it asks Prefect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from frontburner.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

NOBODY = "http://127.0.0.1:9/api"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job file, and a Prefect server that isn't there."""
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_API_URL", NOBODY)
    (tmp_path / "walk.json").write_text("{}")
    (tmp_path / "job.json").write_text(json.dumps({"scene": str(tmp_path / "walk.json"), "out": str(tmp_path / "out")}))
    return str(tmp_path / "job.json")


def command(*words: str) -> int:
    code = app(list(words), result_action="return_value")
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--cron", "61 * * * *"), "cron '61 * * * *'"),
        (("--cron", "tonight"), "cron 'tonight'"),
        (("--cron", "0 22 * * mon-fri", "--timezone", "Europe/Wien"), "timezone 'Europe/Wien'"),
        (("--cron", "0 22 * * mon-fri", "--late", "soon"), "late: 'soon' is not a span of time."),
    ],
)
def test_an_invalid_schedule_is_refused(words: tuple[str, ...], told: str, job: str, capsys: Capture) -> None:
    assert command("schedule", "add", job, *words) == 2
    assert told in capsys.readouterr().err


def test_a_job_that_would_be_refused_isn_t_scheduled(job: str, capsys: Capture) -> None:
    assert command("schedule", "add", job.replace("job.json", "gone.xml"), "--cron", "0 22 * * *") == 2
    assert "gone.xml does not exist" in capsys.readouterr().err


def test_a_server_that_doesn_t_answer_is_named(job: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    assert command("schedule", "list") == 3
    assert f"Prefect at {NOBODY} can't be reached" in capsys.readouterr().err


def test_a_report_to_an_unknown_target_is_refused(job: str, capsys: Capture) -> None:
    assert command("schedule", "report", "--cron", "0 7 * * *", "--to", "nobody") == 2
    assert "there is no target 'nobody'" in capsys.readouterr().err
    assert command("morning", "--to", "nobody") == 2


def test_the_report_of_a_machine_that_rendered_nothing(job: str, tmp_path: Path, capsys: Capture) -> None:
    assert command("morning", "--html", str(tmp_path / "morning.html"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["jobs"] == []
    assert "No job ran in this time." in (tmp_path / "morning.html").read_text()
