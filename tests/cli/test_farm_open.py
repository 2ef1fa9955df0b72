"""`farm open` brings up what must be up, and opens the page that shows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from frontburner.cli import farm_open
from frontburner.manager.farm_setup import FarmSetup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the farm and the browser; returns what happens."""
    happened: list[str] = []
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))

    def does(what: str) -> Callable[..., int]:
        def act(*_: object, **__: object) -> int:
            happened.append(what)
            return 0

        return act

    monkeypatch.setattr(farm_open, "up", does("up"))
    monkeypatch.setattr(farm_open, "monitor", does("monitor"))
    monkeypatch.setattr("webbrowser.open", happened.append)
    monkeypatch.setattr(farm_open, "_is_served", lambda *_: False)
    return happened


def test_a_farm_of_this_machine_comes_up_and_its_page_is_served(done: list[str]) -> None:
    assert farm_open.open_farm() == 0
    assert done == ["up", "monitor"]


def test_a_page_that_is_served_is_opened(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm_open, "_is_served", lambda *_: True)
    assert farm_open.open_farm() == 0
    assert done == ["up", "http://127.0.0.1:8701/"]


def test_a_farm_that_others_join_has_a_page_of_its_own(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    setup = FarmSetup(host="10.0.0.5", ports={"gateway": 8700})
    monkeypatch.setattr(farm_open, "read_setup", lambda *_: setup)
    monkeypatch.setattr(farm_open, "running_farm", lambda *_: SimpleNamespace(healthy=True))
    assert farm_open.open_farm() == 0
    assert done == ["https://10.0.0.5:8700"]


def test_the_page_of_the_farm_one_is_logged_in_to_is_opened(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm_open, "read_membership", lambda *_: SimpleNamespace(gateway="https://manager:8700"))
    assert farm_open.open_farm() == 0
    assert done == ["https://manager:8700"]


def test_a_farm_that_does_not_come_up_opens_nothing(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm_open, "up", lambda *_, **__: 3)
    assert farm_open.open_farm() == 3
    assert done == []
