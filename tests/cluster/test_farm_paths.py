"""A farm's table of folders that have several names: kept with its settings, and asked for now and then."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from frontburner.cli import farm_paths as commands
from frontburner.cluster import farm_paths
from frontburner.cluster.farm_paths import farm_table, kept_table
from frontburner.cluster.node_settings import FarmSettings

if TYPE_CHECKING:
    from pathlib import Path

STUDIO = ("P:\\", "/mnt/projects")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has joined no farm."""
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    monkeypatch.delenv("FRONTBURNER_SCHEDULER", raising=False)
    return tmp_path


def test_the_table_is_kept_with_the_settings_of_nodes(home: Path) -> None:
    settings = FarmSettings(path=home / "standings.json")
    settings.change("n1", paused="ada")
    assert "paths" not in json.loads((home / "standings.json").read_text(encoding="utf-8"))
    settings.map_paths((STUDIO,))
    again = FarmSettings(path=home / "standings.json")
    again.load()
    assert (again.paths, again.of("n1").paused) == ((STUDIO,), "ada")
    assert farm_table() == kept_table() == (STUDIO,)


def test_there_is_none_where_nothing_is_kept(home: Path) -> None:
    assert kept_table() == ()
    (home / "standings.json").write_text("{", encoding="utf-8")
    assert kept_table() == ()


def test_a_table_is_asked_for_again_after_a_while_and_stays_when_its_farm_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, answers = [0.0], [[list(STUDIO)], OSError(), []]

    def ask() -> object:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(farm_paths, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    remembered, tables = farm_paths._Remembered(ask), list[object]()
    for clock[0] in (0.0, 9.0, 11.0, 30.0, 72.0):
        tables.append(remembered.table())
    assert tables == [(STUDIO,), (STUDIO,), (STUDIO,), (STUDIO,), ()]


def test_the_table_is_changed_by_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.add("P:", "/mnt/projects", r"\\nas\projects") == 0
    assert commands.add("p:/", "/other") == 2
    assert "P:\\ is in the table already" in capsys.readouterr().err
    assert commands.list_(json=True) == 0
    assert json.loads(capsys.readouterr().out) == [["P:\\", "/mnt/projects", "\\\\nas\\projects\\"]]
    assert commands.remove("/mnt/projects") == 0
    assert commands.list_() == 0
    assert "No folder has several names" in capsys.readouterr().out
    assert commands.remove("Q:") == 2
