"""Giving a job to a farm from a machine that has nothing but a login."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from frontburner.cli import app
from frontburner.credentials.joining import log_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.conftest import Gate


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def command(*words: str) -> int:
    return int(app(["submit", *words], result_action="return_value"))


def test_who_may_submit_has_a_scene_of_the_farms_rendered(
    gate: Gate, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(gate.url, gate.token("submit", "carla"), home)
    assert command("still.json", "--samples", "8", "--json") == 0
    given = json.loads(capsys.readouterr().out)
    asked = json.loads(gate.prefect.heard[-1]["body"])
    assert (asked["parameters"]["job"]["samples"], asked["tags"]) == (8, ["by:carla"])
    assert given["job"].startswith("still-")
    assert given["flow_run"]


def test_what_is_wrong_is_said_field_by_field(gate: Gate, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_in(gate.url, gate.token("submit", "dora"), home)
    assert command("../elsewhere.json") == 2
    assert "scene: '../elsewhere.json': lies outside of" in capsys.readouterr().err
    assert command("still.json", "--samples", "none") == 2
    assert "samples" in capsys.readouterr().err


def test_who_may_only_look_is_told_so(gate: Gate, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_in(gate.url, gate.token("look", "emil"), home)
    assert command("still.json") == 2
    assert "has the role look, which may not do this" in capsys.readouterr().err


def test_without_a_login_it_is_said_how_to(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("still.json") == 2
    assert "frontburner login" in capsys.readouterr().err
    assert not home.exists()


def test_a_farm_that_is_away_is_worth_another_try(gate: Gate, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    member = log_in(gate.url, gate.token("submit", "frida"), home)
    note = member.folder / "farm.json"
    note.write_text(note.read_text().replace(gate.url, "https://127.0.0.1:9"))
    assert command("still.json") == 3
    assert "https://127.0.0.1:9 doesn't answer" in capsys.readouterr().err


def test_tokens_are_made_listed_and_taken_back_and_a_login_is_forgotten(
    gate: Gate, home: Path, capsys: pytest.CaptureFixture[str]
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
    log_in(gate.url, gate.token("submit", "hanna"), home)
    run("logout")
    assert command("still.json") == 2
