"""The entry "Frontburner" in the menu of applications."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from system import start_menu

TIMEOUT_S = 120


@pytest.mark.skipif(sys.platform != "win32", reason="shortcuts are Windows'")
def test_a_shortcut_runs_the_command_and_waits_if_it_fails(tmp_path: Path) -> None:
    assert sys.platform == "win32"
    import pythoncom
    from win32comext.shell import shell

    program = tmp_path / "Jörg & Söhne" / "frontburner.exe"
    path = start_menu.add("Frontburner of a test", "what it does", (str(program), "farm", "open"))
    assert path.name == "Frontburner of a test.lnk"
    assert path.parent.name == "Programs"
    kept: Any = pythoncom.CoCreateInstance(
        shell.CLSID_ShellLink, None, pythoncom.CLSCTX_INPROC_SERVER, shell.IID_IShellLink
    )
    kept.QueryInterface(pythoncom.IID_IPersistFile).Load(str(path))
    assert Path(kept.GetPath(shell.SLGP_RAWPATH)[0]).name.lower() == "cmd.exe"
    assert kept.GetArguments() == f'/c ""{program}" farm open || pause"'
    assert kept.GetDescription() == "what it does"
    assert Path(kept.GetIconLocation()[0]) == program
    path.unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="desktop entries are freedesktop's")
def test_a_desktop_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = start_menu.add("Frontburner", "what it does", ('/opt/a "b" $c 100%/frontburner', "farm", "open"))
    assert path == tmp_path / "applications" / "frontburner.desktop"
    (line,) = (line for line in path.read_text().splitlines() if line.startswith("Exec="))
    assert line == r'Exec="/opt/a \\"b\\" \\$c 100%%/frontburner" "farm" "open"'
    if shutil.which("desktop-file-validate"):
        done = subprocess.run(["desktop-file-validate", path], capture_output=True, timeout=TIMEOUT_S, check=False)
        assert (done.returncode, done.stdout) == (0, b"")
    start_menu.remove()
    assert not path.exists()
    start_menu.remove()


def test_the_set_ups_call(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[tuple[str, ...]] = []
    monkeypatch.setattr(start_menu, "add", lambda _name, _description, command: added.append(command))
    assert start_menu.main(["add", "/opt/frontburner"]) == 0
    assert added == [("/opt/frontburner", "farm", "open")]
