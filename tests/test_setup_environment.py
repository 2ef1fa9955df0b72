"""The scripts that set up a first machine, and the Python that both call."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import setup_environment
from setup_environment import SetupFailed, entries, main, normal, of_extras, part

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 1200
LOCK = """aiobotocore==3.10.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Jinja2==3.1 ; sys_platform == 'win32' \\
    --hash=sha256:cc
jinja2==3.0 ; sys_platform != 'win32' \\
    --hash=sha256:dd
zict==3.0 \\
    --hash=sha256:ee
"""
DECLARED = {"all": ["frontburner[charts,usd]"], "charts": ["matplotlib>=3"], "usd": ["usd-core>=25"], "dev": ["ruff"]}
NEWER_THAN_5_1 = {
    "pipeline_chain": r"&&|\|\|",
    "ternary": r"\?[^\w\s]*\s[^:\n]*\s:\s",
    "null operators": r"\?\?|\?\.|\?\[",
    "parallel": r"-Parallel\b",
    "variables": r"\$Is(?:Windows|Linux|MacOS)\b",
    "parameters": r"-(?:SkipCertificateCheck|AsHashtable|Encoding utf8NoBOM)\b",
}
"""What PowerShell 6 and 7 have added that people write without thinking."""


def test_a_part_of_the_lock_file_has_all_of_a_packages_entries() -> None:
    assert "".join(entries(LOCK)) == LOCK
    assert part(LOCK, ["jinja2"]) == "".join(entries(LOCK)[1:3])
    assert part(LOCK, []) == ""


def test_the_lock_files_entries_are_understood() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = entries(lock)
    assert "".join(found) == lock
    assert all(re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in found)
    assert {"hatchling", "editables"} <= {normal(entry.split("==")[0]) for entry in found}


def test_extras_may_name_others() -> None:
    assert list(of_extras(DECLARED, "all, dev")) == ["matplotlib>=3", "usd-core>=25", "ruff"]
    assert list(of_extras(DECLARED, "")) == []
    with pytest.raises(SetupFailed, match=r"no extra movies\. There are all, charts, usd, dev, and none"):
        list(of_extras(DECLARED, "movies"))


def test_the_options() -> None:
    def extras(*arguments: str) -> str | None:
        return setup_environment._named(setup_environment._options(arguments).extras)

    assert extras() is None
    assert extras("--extras", "none") == ""
    assert extras("--extras", "mitsuba,movies") == extras("--extras", "mitsuba", "movies") == "mitsuba,movies"


@pytest.mark.parametrize(("version", "is_64_bit"), [((3, 10), True), ((3, 12), False)])
def test_a_python_that_is_too_old_is_refused(version: tuple[int, int], is_64_bit: bool) -> None:
    setup_environment.check_python((3, 11), is_64_bit=True)
    with pytest.raises(SetupFailed, match=r"needs Python 3\.11 or newer, of 64 bits"):
        setup_environment.check_python(version, is_64_bit=is_64_bit)


def test_a_folder_with_too_long_a_path_is_refused_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = Path("x" * 80)
    monkeypatch.setattr(setup_environment, "_long_paths", lambda: False)
    monkeypatch.setattr(setup_environment, "WINDOWS", False)
    setup_environment.check_length(deep)
    monkeypatch.setattr(setup_environment, "WINDOWS", True)
    with pytest.raises(SetupFailed, match="Move the folder"):
        setup_environment.check_length(deep)
    setup_environment.check_length(Path(r"C:\Users\anna\frontburner"))


def test_the_longest_installed_path_fits(tmp_path: Path) -> None:
    """What this environment has installed, from `.venv`: the limit for Windows follows from it."""
    packages = Path(pytest.__file__).parents[1]
    longest = max(len(str(path.relative_to(packages))) for path in packages.rglob("*"))
    assert len("/.venv/Lib/site-packages/") + longest <= setup_environment._LONGEST_IN_VENV


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with an environment that has been made, and a user's folders."""
    root = tmp_path / "Jörg & Söhne"
    program = setup_environment.program_of(root)
    program.parent.mkdir(parents=True)
    program.write_bytes(b"MZ..." + f"#!{setup_environment.python_of(root)}".encode())
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    return root


def test_the_command_is_put_where_terminals_find_it_and_removed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = setup_environment.launcher()
    setup_environment.add_launcher(checkout)
    assert "PATH" in capsys.readouterr().err
    setup_environment.add_launcher(checkout)
    assert place.read_bytes() == setup_environment.program_of(checkout).read_bytes()
    assert setup_environment.is_own_launcher(place, checkout)
    assert not setup_environment.is_own_launcher(place, checkout.parent)
    monkeypatch.setenv("PATH", str(place.parent))
    setup_environment.add_launcher(checkout)
    assert "frontburner --help" in capsys.readouterr().err
    assert main(["--uninstall"], checkout) == 0
    assert not os.path.lexists(place)
    assert not (checkout / ".venv").exists()
    assert checkout.exists()
    assert main(["--uninstall"], checkout) == 0  # there is nothing left to remove


def test_what_fails_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetupFailed, match="the same command goes on"):
        setup_environment.run([sys.executable, "-c", "raise SystemExit(1)"], "Packages couldn't be installed.")
    monkeypatch.setattr(setup_environment, "EARLIEST", (9, 9))
    assert main([]) == 1
    assert "can't be used: Frontburner needs Python 9.9" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["setup.ps1", "setup.sh", "setup_environment.py"])
def test_scripts_are_plain_ascii(script: str) -> None:
    """Windows PowerShell reads a file without byte-order mark in the code page of the machine."""
    assert (ROOT / script).read_bytes().isascii()


def test_the_powershell_script_is_valid_and_needs_no_powershell_7() -> None:
    powershell = pytest.importorskip("tree_sitter_powershell")
    tree_sitter = pytest.importorskip("tree_sitter")
    text = (ROOT / "setup.ps1").read_text(encoding="ascii")
    root = tree_sitter.Parser(tree_sitter.Language(powershell.language())).parse(text.encode()).root_node
    assert not root.has_error
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    assert {name for name, pattern in NEWER_THAN_5_1.items() if re.search(pattern, code)} == set()


@pytest.mark.skipif(sys.platform == "win32", reason="it is a shell script")
def test_the_shell_script_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "id", "apt-get"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "/bin/true")
    done = subprocess.run(
        [ROOT / "setup.sh"], env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr
    assert "apt-get install -y python3 python3-venv" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Wine's Python has no launchers for an environment")
def test_a_machine_is_set_up_and_cleaned(tmp_path: Path) -> None:
    root, home = tmp_path / "frontburner of a test", tmp_path / "home"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, (os.fsdecode(each) for each in tracked)):
        if not name.startswith(("tests/", "docs/", "scenes/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "FRONTBURNER_HOME": str(home / "farm")}
    environment.pop("PYTHONPATH", None)

    def run(*command: str | Path) -> str:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        ).stdout

    run(root / "setup.sh", "--extras", "none")
    installed = json.loads(run(root / ".venv" / "bin" / "python", "-m", "pip", "list", "--format", "json"))
    present = {normal(each["name"]) for each in installed}
    assert "prefect" in present
    assert not {"mitsuba", "ruff", "pytest", "av"} & present
    launcher = home / ".local" / "bin" / "frontburner"
    assert run(launcher, "--version").startswith("frontburner ")
    assert (home / ".local" / "share" / "applications" / "frontburner.desktop").exists()
    run(root / "setup.sh", "--uninstall")
    assert not os.path.lexists(launcher)
    assert not (root / ".venv").exists()
    assert not (home / ".local" / "share" / "applications" / "frontburner.desktop").exists()
