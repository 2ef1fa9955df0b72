"""A node that its manager set up has the manager's version whenever it joins, and leaves nothing when it goes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.cli import node_service, run_node
from frontburner.node_setup import set_up
from frontburner.node_setup import upgrade as module
from frontburner.node_setup.upgrade import keep_for_service, own_environment, remove_environments, upgrade
from system.processes import start_detached

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

HERE, NEWER = "0" * 12, "1" * 12


class Replaced(Exception):
    """The process became another program."""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of two environments that are installed, of which the first runs."""
    folder = tmp_path / "node"
    for name in (HERE, NEWER):
        (folder / name).mkdir(parents=True)
        (folder / name / set_up.DONE).touch()
        (folder / name / "pyvenv.cfg").write_text(f"home = x\nexecutable = {sys.executable}\n", encoding="utf-8")
    monkeypatch.setattr(sys, "prefix", str(folder / HERE))
    monkeypatch.setattr(set_up, "launcher", lambda: tmp_path / "frontburner")

    def replaced(command: list[str]) -> None:
        raise Replaced(command)

    monkeypatch.setattr(module, "replace_process", replaced)
    return folder


def offers(monkeypatch: pytest.MonkeyPatch, install: Callable[[Any, Path], Path]) -> None:
    monkeypatch.setattr(set_up, "verified_manager", lambda *_: None)
    monkeypatch.setattr(set_up, "install", install)


def test_a_node_goes_on_with_the_managers_version(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, lambda _, folder: folder / NEWER)
    with pytest.raises(Replaced) as became:
        upgrade("https://m:8700", "token", ["node", "join", "--nice"], report=print)
    assert became.value.args[0] == [*set_up.frontburner(parent / NEWER), "node", "join", "--nice"]


def test_a_node_of_the_managers_version_goes_on(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, lambda _, folder: folder / HERE)
    upgrade("https://m:8700", "token", ["node", "join"], report=print)


@pytest.mark.parametrize("used_last", [False, True])
def test_without_the_manager_the_version_that_was_used_last_runs(
    parent: Path, monkeypatch: pytest.MonkeyPatch, *, used_last: bool
) -> None:
    def fails(*_: object) -> Path:
        raise set_up.SetUpFailed("m:8700 doesn't answer.")

    offers(monkeypatch, fails)
    told: list[str] = []
    if used_last:
        set_up.make_current(parent / NEWER)
        with pytest.raises(Replaced):
            upgrade("https://m:8700", "token", ["node", "join"], report=told.append)
    else:
        upgrade("https://m:8700", "token", ["node", "join"], report=told.append)
    assert told == ["m:8700 doesn't answer.\nThe node goes on with the version it has."]


def test_what_was_installed_otherwise_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    offers(monkeypatch, lambda *_: pytest.fail("it was installed"))
    upgrade("https://m:8700", "token", ["node", "join"], report=print)
    keep_for_service()
    assert (own_environment(), remove_environments(), list(tmp_path.iterdir())) == (None, None, [])


def test_a_join_asks_with_the_token_that_is_given(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    monkeypatch.setenv("FRONTBURNER_TOKEN", "")
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(module, "upgrade", lambda gateway, token, *_, **__: asked.append((gateway, token)))
    run_node._upgrade("tls://m:8786", "fb1.x", "", "n1")
    run_node._upgrade("", "", "", "n1")  # it has joined none: what follows says so
    run_node._upgrade("tls://m:8786", "-", "", "n1")
    assert asked == [("https://m:8700", "fb1.x")]


def test_only_the_environment_that_the_service_starts_is_kept_for_it(parent: Path) -> None:
    (parent / NEWER / set_up.SERVICE).touch()
    keep_for_service()
    assert [path.parent.name for path in parent.glob(f"*/{set_up.SERVICE}")] == [HERE]


def test_nothing_stays_of_a_node_that_is_uninstalled(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    started: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(module, "start_detached", lambda *args, **more: started.append(start_detached(*args, **more)))
    set_up.write_launcher(parent / HERE)
    assert set_up.launcher().exists()
    node_service._leave()
    assert f"{parent} is removed." in capsys.readouterr().err
    assert [process.wait() for process in started] == [0]
    assert not parent.exists()
    assert not set_up.launcher().exists()
