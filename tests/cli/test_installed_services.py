"""What `farm install` and `node install` would install, and that a node gets its options."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from frontburner.cli import app
from frontburner.cli.farm_service import farm_service
from frontburner.cli.node_service import NAME, install, node_service, option_words
from frontburner.cli.node_service import status as node_status
from frontburner.cli.run_node import NodeOptions
from storage.errors import FrontburnerError
from system import service_manager
from system.installed_service import ServiceManagerFailed, ServiceState

if TYPE_CHECKING:
    from pathlib import Path

SCHEDULER = "tcp://10.0.0.5:8786"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [
        NodeOptions(),
        NodeOptions(name="n1", threads=3, group="gpu,big", hours="mon-fri 19:00-07:00, sat-sun", nice=True),
        NodeOptions(group="", leave_when_in_use=True),
    ],
)
def test_an_installed_node_has_the_options_it_was_installed_with(options: NodeOptions) -> None:
    for start in (["node", "start"], ["node", "join"]):
        _, bound, _ = app.parse_args([*start, *option_words(options)], exit_on_error=False, print_error=False)
        assert (bound.arguments.get("options") or NodeOptions()) == options


def test_the_farms_service(home: Path) -> None:
    service = farm_service()
    assert service.command[-3:] == ("farm", "up", "--foreground")
    assert service.environment["FRONTBURNER_HOME"] == str(home)
    assert service.secrets == home / "manager" / "environment"


def test_a_nodes_service(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_VRAY", "/opt/vray")
    monkeypatch.setenv("FRONTBURNER_TOKEN", "secret")
    monkeypatch.setenv("FRONTBURNER_STORE_KEY", "of the user who is logged in")
    service = node_service(NodeOptions(name="n1", nice=True), SCHEDULER)
    assert service.command[-7:] == ("node", "start", "--scheduler", SCHEDULER, "--name", "n1", "--nice")
    assert service.environment["FRONTBURNER_VRAY"] == "/opt/vray"
    assert not {"FRONTBURNER_TOKEN", "FRONTBURNER_STORE_KEY"} & service.environment.keys()
    with pytest.raises(FrontburnerError, match="hasn't joined a farm yet"):
        node_service(NodeOptions(name="n1"), "")
    (home / "farm" / "n1").mkdir(parents=True)
    (home / "farm" / "n1" / "farm.json").write_text(
        '{"gateway": "https://10.0.0.5:8700", "name": "n1", "role": "node", "token": "t", "scheduler": "tls://x:1"}'
    )
    assert node_service(NodeOptions(name="n1"), "").command[-4:] == ("node", "join", "--name", "n1")


def test_a_node_says_whether_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    states = {False: ServiceState.ABSENT, True: ServiceState.RUNNING}
    monkeypatch.setattr(service_manager, "state", lambda *_, system: states[system])
    assert node_status(json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["installed"], said["running"]) == (True, True)
    assert said["place"] == service_manager.place(NAME, system=True)
    states[True] = ServiceState.ABSENT
    assert node_status() == 3
    assert "not installed" in capsys.readouterr().out


def test_a_refusal_is_told(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise ServiceManagerFailed("It refused.", "Ask it kindly.")

    monkeypatch.setattr(service_manager, "install", refuse)
    assert install(scheduler=SCHEDULER) == 3
    assert capsys.readouterr().err == "It refused. Ask it kindly.\n"


def test_what_would_be_installed_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(scheduler=SCHEDULER, print_=True) == 0
    assert capsys.readouterr().out == service_manager.definition(node_service(NodeOptions(), SCHEDULER))
