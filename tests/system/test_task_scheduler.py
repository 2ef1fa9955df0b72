"""Tasks are registered with Windows' Task Scheduler, and removed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform != "win32":
    pytest.skip("there is no Task Scheduler", allow_module_level=True)

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pythoncom

from system.installed_service import InstalledService, ServiceManagerFailed, ServiceState
from system.windows import task_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "frontburner-of-a-test"
TIMEOUT_S = 120
PROGRAM = "import os, sys; print(sys.argv[1], os.environ['FRONTBURNER_HOME'])"
TASKS = Path(os.environ["SYSTEMROOT"]) / "System32" / "Tasks"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[InstalledService]:
    yield InstalledService(
        name=NAME, title="Frontburner node", command=(sys.executable, "-c", PROGRAM, "ä & b"), folder=tmp_path,
        environment={"FRONTBURNER_HOME": str(tmp_path)}, secrets=tmp_path / "secrets", log=tmp_path / "node.log",
    )  # fmt: skip
    (TASKS / NAME).unlink(missing_ok=True)


def said(definition: ET.Element, name: str) -> str:
    return next(each.text or "" for each in definition.iter() if each.tag.endswith(f"}}{name}"))


def test_a_task_is_registered_and_removed(service: InstalledService) -> None:
    task_scheduler.install(service)
    registered = ET.fromstring((TASKS / NAME).read_bytes())
    # Wine keeps a part of a definition only: these.
    for name, value in {"Description": "Frontburner node", "ExecutionTimeLimit": "PT0S", "Priority": "5"}.items():
        assert said(registered, name) == value
    task_scheduler.uninstall(NAME, system=False)
    assert not (TASKS / NAME).exists()
    with pytest.raises(ServiceManagerFailed, match="schtasks /delete"):
        task_scheduler.uninstall(NAME, system=False)


def test_what_a_task_runs_is_the_service(service: InstalledService) -> None:
    definition = ET.fromstring(task_scheduler.definition(service).encode("utf-16"))
    program, arguments = said(definition, "Command"), said(definition, "Arguments")
    done = subprocess.run(
        f'"{program}" {arguments}', cwd=said(definition, "WorkingDirectory"), stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert service.log.read_text(encoding="utf-8").splitlines()[1:] == [f"ä & b {service.folder}"]


@pytest.mark.parametrize(("number", "state"), [(4, ServiceState.RUNNING), (3, ServiceState.STOPPED)])
def test_a_tasks_state(monkeypatch: pytest.MonkeyPatch, number: int, state: ServiceState) -> None:
    """As the scripting objects of Task Scheduler 2.0 tell it."""

    def task(name: str) -> Any:
        if name != NAME:
            raise pythoncom.com_error(-2147024894, "The system cannot find the file specified.", None, None)
        return SimpleNamespace(State=number)

    def folder(path: str) -> Any:
        assert path == "\\"
        return SimpleNamespace(GetTask=task)

    scheduler = SimpleNamespace(Connect=lambda: None, GetFolder=folder)
    monkeypatch.setattr(task_scheduler, "Dispatch", {"Schedule.Service": scheduler}.__getitem__)
    assert task_scheduler.state(NAME, system=False) is state
    assert task_scheduler.state(NAME, system=True) is ServiceState.ABSENT
