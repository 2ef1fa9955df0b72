"""Submitting a job from a machine that only has a login, and the commands that manage tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from frontburner.cli import app
from frontburner.credentials.joining import log_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.conftest import RunningGateway


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def command(*words: str) -> int:
    return int(app(["submit", *words], result_action="return_value"))


def test_a_submitter_submits_a_scene_of_the_farm(
    gateway: RunningGateway, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(gateway.url, gateway.token("submit", "carla"), home)
    assert command("still.json", "--samples", "8", "--json") == 0
    given = json.loads(capsys.readouterr().out)
    asked = json.loads(gateway.prefect.requests[-1]["body"])
    assert (asked["parameters"]["job"]["samples"], asked["tags"]) == (8, ["by:carla"])
    assert given["job"].startswith("still-")
    assert given["flow_run"]


def test_problems_are_listed_by_field(gateway: RunningGateway, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_in(gateway.url, gateway.token("submit", "dora"), home)
    assert command("../elsewhere.json") == 2
    assert "scene: '../elsewhere.json': lies outside of" in capsys.readouterr().err
    assert command("still.json", "--samples", "none") == 2
    assert "samples" in capsys.readouterr().err


def test_the_role_look_is_refused(gateway: RunningGateway, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_in(gateway.url, gateway.token("look", "emil"), home)
    assert command("still.json") == 2
    assert "has the role look, which may not do this" in capsys.readouterr().err


def test_without_a_login_the_error_names_the_command(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("still.json") == 2
    assert "frontburner login" in capsys.readouterr().err
    assert not home.exists()


def test_an_unreachable_farm_is_a_retryable_error(
    gateway: RunningGateway, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    member = log_in(gateway.url, gateway.token("submit", "frida"), home)
    note = member.folder / "farm.json"
    note.write_text(note.read_text().replace(gateway.url, "https://127.0.0.1:9"))
    assert command("still.json") == 3
    assert "https://127.0.0.1:9 doesn't answer" in capsys.readouterr().err


def test_token_add_list_revoke_and_logout(
    gateway: RunningGateway, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> str:
        assert app([*words], result_action="return_value") == 0
        return capsys.readouterr().out

    secret = run("token", "add", "gina", "--role", "submit", "--expires", "30d").strip()
    assert secret.startswith("fb1.")
    assert [each["name"] for each in json.loads(run("token", "list", "--json"))] == ["gina"]
    assert secret not in run("token", "list")
    run("token", "revoke", "gina")
    assert json.loads(run("token", "list", "--json")) == []
    log_in(gateway.url, gateway.token("submit", "hanna"), home)
    run("logout")
    assert command("still.json") == 2
