"""A studio to break: a real S3 server, and the command with its own Prefect server, scheduler and nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from storage.objects import HOUSE, ObjectStore, open_store
from tests.storage import seaweed

COMMAND = Path(sys.executable).with_name("frontburner")
STEP_TIMEOUT_S = 240


@dataclass(slots=True)
class S3:
    """SeaweedFS on ports and data that survive its death."""

    folder: Path
    ports: dict[str, int] = field(init=False)
    process: subprocess.Popen[str] = field(init=False)
    _log: IO[str] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        free = seaweed._free_ports(len(seaweed._SERVERS))
        self.ports = dict(zip(seaweed._SERVERS, free, strict=True))
        self._log = self.folder.with_suffix(".log").open("w")
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """What leads to it."""
        return {
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['s3']}",
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            seaweed._command(self.folder, self.ports), env={**os.environ, **self.environment}, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        seaweed._wait_until_ready(self.process.stdout)

    def kill(self) -> None:
        """End it without a warning."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass(slots=True)
class Stage:
    """One job at a time, rendered by the command, and the processes that takes."""

    folder: Path
    s3: S3
    home: Path = field(init=False)
    command: subprocess.Popen[bytes] | None = field(init=False, default=None)
    log: IO[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.log = (self.folder / "commands.log").open("ab")

    @property
    def environment(self) -> dict[str, str]:
        """What the command finds."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FRONTBURNER_"))}
        return {**kept, **self.s3.environment, "FRONTBURNER_HOME": str(self.home)}

    def start(self, *arguments: str) -> None:
        """Start a command that renders."""
        self.command = subprocess.Popen(
            [COMMAND, *arguments], env=self.environment, cwd=self.folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def run(self, *arguments: str) -> int:
        """Run a command to its end."""
        done = subprocess.run(
            [COMMAND, *arguments], env=self.environment, cwd=self.folder, check=False, timeout=STEP_TIMEOUT_S,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        return done.returncode

    def store(self, out: str) -> ObjectStore:
        """Open a job's store."""
        os.environ.update(self.s3.environment)
        return open_store(out)

    def units(self, out: str) -> list[str]:
        """Keys of the units that are stored."""
        with suppress(Exception):
            return list(self.store(out).list(f"{HOUSE}/units/"))
        return []

    def processes(self) -> list[psutil.Process]:
        """All processes of this studio but the S3 server."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("FRONTBURNER_HOME") == str(self.home):
                    found.append(process)
        return found

    def of_kind(self, kind: str) -> list[psutil.Process]:
        """Processes of the running command: its ``server``, its ``node``s, their ``renderer``s."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                if _kind(process) == kind:
                    found.append(process)
        return found

    def orphans(self) -> int:
        """Renderers whose node is gone."""
        count = 0
        for process in self.of_kind("renderer"):
            with suppress(psutil.Error):
                parent = process.parent()
                count += parent is None or parent.pid == 1 or _kind(parent) != "node"
        return count


def _kind(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    if "prefect server" in line.replace("-m prefect", "prefect"):
        return "server"
    if "spawn_main" not in line:
        return "command" if "frontburner" in line else "other"
    parent = process.parent()
    over = "" if parent is None else " ".join(parent.cmdline())
    return "renderer" if "spawn_main" in over else "node"


def scene(folder: Path, name: str, **fields: object) -> Path:
    """Write a null scene that notes every unit drawn."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"journal": True, **fields}))
    return path
