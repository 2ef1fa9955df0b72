"""A machine goes down in the middle of jobs, and all that starts again is what systemd's unit starts."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from storage.objects import open_store
from tests.end_to_end.conftest import TIMEOUT_S, Studio, until
from tests.farm.conftest import bring_up, deploy, environment, status, studio_at
from tests.faults.verdict import pictures, rerendered

if sys.platform == "win32":
    pytest.skip("it is about systemd", allow_module_level=True)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.objects import ObjectStore

pytestmark = pytest.mark.slow

SIZE = (96, 54)
BEGUN_UNITS = 3


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = studio_at(tmp_path)
    yield studio
    studio.end()


def started_by_systemd(unit: str, socket_path: Path, base: dict[str, str]) -> subprocess.Popen[str]:
    """Start what a unit starts, as systemd does: its line, its folder, its environment."""
    lines = [line.partition("=")[::2] for line in unit.splitlines() if "=" in line and not line.startswith("#")]
    (command,) = (value for name, value in lines if name == "ExecStart")
    (folder,) = (value for name, value in lines if name == "WorkingDirectory")
    environment = dict(shlex.split(value)[0].partition("=")[::2] for name, value in lines if name == "Environment")
    kept = {name: value for name, value in base.items() if not name.startswith(("FRONTBURNER_", "AWS_"))}
    with (Path(folder) / "systemd.log").open("a") as log:
        return subprocess.Popen(
            shlex.split(command), env={**kept, **environment, "NOTIFY_SOCKET": str(socket_path)}, cwd=folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip


def begun(journal: Path) -> bool:
    """Whether renderers have drawn some units to their end."""
    return journal.exists() and len(journal.read_text().splitlines()) >= BEGUN_UNITS


def assert_whole(store: ObjectStore) -> None:
    """The picture is the null renderer's gradient."""
    found, unreadable = pictures(store)
    assert not unreadable
    (pixels,) = found.values()
    y, x, c = np.ogrid[: SIZE[1], : SIZE[0], :3]
    np.testing.assert_array_equal(pixels[..., :3], ((3 * x + 5 * y + 7 * c + 11) % 256 / 256).astype(np.float32))


def scene(studio: Studio, name: str) -> Path:
    path = studio.folder / f"{name}.json"
    path.write_text(json.dumps({"size": f"{SIZE[0]}x{SIZE[1]}", "samples": 64, "journal": True, "cost_s": 60}))
    return path


def test_jobs_end_right_although_everything_was_killed_and_only_the_units_line_was_started(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_up(studio, "--nodes", 2, "--store", "seaweedfs")
    assert status(studio)["healthy"]
    unit = studio.run("farm", "install", "--print").stdout
    leads = environment(studio)

    deployed, commanded = scene(studio, "deployed"), scene(studio, "commanded")
    deploy(studio, leads, {"scene": str(deployed), "exr": "float", "formats": ["exr"], "keep_units": True})
    options = ("--exr", "float", "--formats", "exr", "--keep-units", "--out", "s3://farm/own")
    with studio.start("render", commanded, *options) as command:
        until(lambda: begun(deployed.with_suffix(".journal")))
        until(lambda: begun(commanded.with_suffix(".journal")))
        everything = studio.processes()
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        command.communicate(timeout=TIMEOUT_S)
    psutil.wait_procs(everything, timeout=TIMEOUT_S)
    assert not studio.processes()

    for name, value in leads.items():
        monkeypatch.setenv(name, value)
    stores = {path: open_store(out) for path, out in ((deployed, "s3://farm/renders"), (commanded, "s3://farm/own"))}
    listening = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(listening))
        systemd.settimeout(TIMEOUT_S)
        with started_by_systemd(unit, listening, studio.environment) as service:
            assert systemd.recv(100) == b"READY=1"
            for path, store in stores.items():
                until(partial(store.exists, f"{path.stem}.exr"))
                assert_whole(store)
                assert rerendered(store, path.with_suffix(".journal"))[1] == []
            assert status(studio)["healthy"]
            logs = studio.run("farm", "logs", "worker", "--last", "400").stdout
            service.terminate()
            assert service.wait(TIMEOUT_S) == 0
    assert "The run deployed resumes." in logs
    assert "resumes as a run of render/still" in logs
    assert not studio.processes()
