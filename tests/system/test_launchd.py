"""Property lists as launchd.plist(5) describes them, and the calls that install and remove them."""

from __future__ import annotations

import os
import plistlib
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("there is no launchd", allow_module_level=True)

from system.installed_service import InstalledService, ServiceManagerFailed, ServiceState
from system.posix import launchd

LAUNCHCTL = """#!/bin/sh
echo "$@" >> {calls}
case "$1" in print) echo "	state = running";; bootstrap) test ! -e {refused};; esac
"""


def service(folder: Path, *, user: str = "") -> InstalledService:
    return InstalledService(
        name="frontburner-node", title="Frontburner node", command=("/bin/echo", "node", "join", "--name", "a & b"),
        folder=folder, environment={"FRONTBURNER_HOME": "/Users/anna/Library/ä"}, secrets=folder / "secrets",
        log=folder / "logs" / "node.log", user=user,
    )  # fmt: skip


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for launchctl; returns the file of what it is called with."""
    (tmp_path / "bin").mkdir()
    said = tmp_path / "calls"
    program = tmp_path / "bin" / "launchctl"
    program.write_text(LAUNCHCTL.format(calls=said, refused=tmp_path / "refused"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    return said


def test_a_property_list(tmp_path: Path) -> None:
    described = plistlib.loads(launchd.definition(service(tmp_path, user="anna")).encode())
    assert described["ProgramArguments"] == [
        sys.executable, "-m", "system.run_service", "--secrets", str(tmp_path / "secrets"),
        "--", "/bin/echo", "node", "join", "--name", "a & b",
    ]  # fmt: skip
    assert described["UserName"] == "anna"
    assert described["EnvironmentVariables"] == {"FRONTBURNER_HOME": "/Users/anna/Library/ä"}
    kinds = {
        "Label": str, "ProgramArguments": list, "WorkingDirectory": str, "EnvironmentVariables": dict,
        "RunAtLoad": bool, "KeepAlive": dict,
        "ThrottleInterval": int, "ExitTimeOut": int, "ProcessType": str, "StandardOutPath": str,
        "StandardErrorPath": str, "UserName": str,
    }  # fmt: skip
    assert {name: type(value) for name, value in described.items()} == kinds
    assert "UserName" not in plistlib.loads(launchd.definition(service(tmp_path)).encode())


def test_an_agent_is_installed_and_removed(tmp_path: Path, calls: Path) -> None:
    mine = service(tmp_path)
    assert launchd.state(mine.name, system=False) is ServiceState.ABSENT
    assert launchd.install(mine) == ""
    path = Path(launchd.place(mine.name, system=False))
    assert path == tmp_path / "Library" / "LaunchAgents" / "frontburner-node.plist"
    assert path.read_text() == launchd.definition(mine)
    assert launchd.state(mine.name, system=False) is ServiceState.RUNNING
    launchd.uninstall(mine.name, system=False)
    assert not path.exists()
    domain = f"gui/{os.getuid()}"
    assert calls.read_text().splitlines() == [
        f"bootout {domain}/frontburner-node",
        f"bootstrap {domain} {path}",
        f"print {domain}/frontburner-node",
        f"bootout {domain}/frontburner-node",
    ]


def test_what_launchd_refuses_is_told(tmp_path: Path, calls: Path) -> None:
    (tmp_path / "refused").touch()
    with pytest.raises(ServiceManagerFailed, match="terminal of the desktop"):
        launchd.install(service(tmp_path))
