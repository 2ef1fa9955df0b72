"""Units that systemd accepts, and the calls that install and remove them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("there is no systemd", allow_module_level=True)

from system.installed_service import InstalledService, ServiceManagerFailed, ServiceState
from system.posix import systemd

TIMEOUT_S = 120
SYSTEMCTL = """#!/bin/sh
echo "$@" >> {calls}
case "$*" in *is-active*) exit {active};; *) exit 0;; esac
"""


def service(folder: Path, *, user: str = "", notifies: bool = True) -> InstalledService:
    return InstalledService(
        name="frontburner-of-a-test", title="Frontburner render farm",
        command=("/bin/echo", "farm", "up", "a b", "100%"), folder=folder,
        environment={"FRONTBURNER_HOME": str(folder), "X": "$y"}, secrets=folder / "environment",
        log=folder / "log", notifies=notifies, user=user,
    )  # fmt: skip


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for systemctl; returns the file of what it is called with."""
    programs = tmp_path / "bin"
    programs.mkdir()
    said = tmp_path / "calls"
    (programs / "systemctl").write_text(SYSTEMCTL.format(calls=said, active=0))
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return said


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd isn't installed")
@pytest.mark.parametrize("user", ["", "root"])
@pytest.mark.parametrize("notifies", [True, False])
def test_systemd_accepts_the_unit_with_any_folder_name(tmp_path: Path, user: str, notifies: bool) -> None:
    odd = tmp_path / 'a "b" $c %d \\e'
    odd.mkdir()
    unit = systemd.definition(service(odd, user=user, notifies=notifies))
    file = tmp_path / "frontburner-of-a-test.service"
    file.write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", file], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Restart=on-failure" in unit
    assert ("User=root" in unit) == bool(user)
    assert ("Type=notify" in unit) == notifies


def test_a_unit_of_a_user_is_installed_and_removed(tmp_path: Path, calls: Path) -> None:
    mine = service(tmp_path)
    assert systemd.state(mine.name, system=False) is ServiceState.ABSENT
    assert "enable-linger" in systemd.install(mine)
    unit = Path(systemd.place(mine.name, system=False))
    assert unit == tmp_path / "config" / "systemd" / "user" / "frontburner-of-a-test.service"
    assert unit.read_text() == systemd.definition(mine)
    assert systemd.state(mine.name, system=False) is ServiceState.RUNNING
    systemd.uninstall(mine.name, system=False)
    assert not unit.exists()
    assert calls.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable frontburner-of-a-test.service",
        "--user restart frontburner-of-a-test.service",
        "--user is-active --quiet frontburner-of-a-test.service",
        "--user disable --now frontburner-of-a-test.service",
        "--user daemon-reload",
    ]
    systemd.uninstall(mine.name, system=False)  # there is none: that isn't wrong


def test_what_systemd_refuses_is_told(tmp_path: Path, calls: Path) -> None:
    program = tmp_path / "bin" / "systemctl"
    program.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2; exit 1\n")
    with pytest.raises(ServiceManagerFailed, match="Failed to connect to bus"):
        systemd.install(service(tmp_path))
    program.unlink()
    if not shutil.which("systemctl"):
        with pytest.raises(ServiceManagerFailed, match="no systemd"):
            systemd.install(service(tmp_path))
