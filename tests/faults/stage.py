"""A studio to break: a real S3 server, a Prefect server, a farm and a node that stay, and the commands of a user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Self

import psutil

from frontburner.cluster.prefect_server import embedded_server
from storage.objects import INTERNAL_PREFIX, ObjectStore, open_store
from tests.storage import seaweed

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = Path(sys.executable).with_name("frontburner")
STEP_TIMEOUT_S = 120
GONE_S = 20


@dataclass(slots=True)
class S3:
    """SeaweedFS on ports and data that survive its death.

    Parameters
    ----------
    host
        The address it listens on.
    within
        What runs it, such as ``ip netns exec NAME``; empty is nothing.
    """

    folder: Path
    host: str = "127.0.0.1"
    within: tuple[str, ...] = ()
    ports: dict[str, int] = field(init=False)
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        free = seaweed._free_ports(len(seaweed._SERVERS))
        self.ports = dict(zip(seaweed._SERVERS, free, strict=True))
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """What leads to it."""
        return {
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_ENDPOINT_URL": f"http://{self.host}:{self.ports['s3']}",
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        env = {name: value for name, value in os.environ.items() if name != "FRONTBURNER_HOME"} | self.environment
        self.process = subprocess.Popen(
            [*self.within, *seaweed._command(self.folder, self.ports, self.host)], env=env, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        seaweed._wait_until_ready(self.process.stdout)
        reader = Thread(target=self._read_on, args=(self.process.stdout,), daemon=True)
        reader.start()

    def revive(self) -> None:
        """Start it again if it ended."""
        if self.process.poll() is not None:
            self.start()

    def _read_on(self, said: IO[str]) -> None:
        """Keep what it says: a server that nobody listens to stands still in the end."""
        with said, self.folder.with_suffix(".log").open("a") as log:
            log.writelines(said)

    def kill(self) -> None:
        """End it without a warning."""
        self.process.kill()
        self.process.wait()


@dataclass(slots=True)
class Service:
    """A command that stays, and is started again when it ends, as an operating system does with services."""

    stage: Stage
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.process = self.stage.spawn(*self.arguments)

    def kill(self) -> list[psutil.Process]:
        """End it without a warning and start it again; returns what it had started, which must end by itself."""
        with suppress(psutil.NoSuchProcess):
            left = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        self.process = self.stage.spawn(*self.arguments)
        return left

    def revive(self) -> None:
        """Start it again if it ended."""
        if self.process.poll() is not None:
            self.process = self.stage.spawn(*self.arguments)


@dataclass(slots=True)
class Stage:
    """The studio, for as long as it is entered."""

    folder: Path
    s3: S3
    home: Path = field(init=False)
    command: subprocess.Popen[bytes] | None = field(init=False, default=None)
    farm: Service = field(init=False)
    node: Service = field(init=False)
    log: IO[bytes] = field(init=False)
    _prefect: dict[str, str] = field(init=False, default_factory=dict)
    _open: ExitStack = field(init=False, default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.log = (self.folder / "commands.log").open("ab")

    def __enter__(self) -> Self:
        """Start what stays."""
        os.environ["FRONTBURNER_HOME"] = str(self.home)
        server = self._open.enter_context(embedded_server())
        server.wait()
        (port,) = seaweed._free_ports(1)
        self._prefect = {
            "PREFECT_API_URL": server.url,
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            "FRONTBURNER_SCHEDULER": f"tcp://127.0.0.1:{port}",
        }
        self.farm = Service(self, ("farm", "start", "--nodes", "2", "--port", str(port)))
        self.node = Service(self, ("node", "start", "--name", "third", "--threads", "1"))
        return self

    def __exit__(self, *_: object) -> None:
        """End it all."""
        for service in (self.node, self.farm):
            service.process.terminate()
        for service in (self.node, self.farm):
            with suppress(subprocess.TimeoutExpired):
                service.process.wait(GONE_S)
        self._open.close()

    @property
    def environment(self) -> dict[str, str]:
        """What commands find."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FRONTBURNER_"))}
        return {**kept, **self.s3.environment, **self._prefect, "FRONTBURNER_HOME": str(self.home)}

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command."""
        self.log.write(f"--- {time.strftime('%H:%M:%S')} {' '.join(arguments)}\n".encode())
        self.log.flush()
        return subprocess.Popen(
            [COMMAND, *arguments], env=self.environment, cwd=self.folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def run(self, *arguments: str) -> int:
        """Run a command to its end."""
        return self.spawn(*arguments).wait(STEP_TIMEOUT_S)

    def revive(self) -> None:
        """Start again what stays, should it have ended."""
        self.s3.revive()
        self.farm.revive()
        self.node.revive()

    def store(self, out: str) -> ObjectStore:
        """Open a job's store."""
        os.environ.update(self.s3.environment)
        return open_store(out)

    def units(self, out: str) -> list[str]:
        """Keys of the units that are stored."""
        return list(self.store(out).list(f"{INTERNAL_PREFIX}/units/"))

    def processes(self) -> list[psutil.Process]:
        """All processes of this studio but the S3 server."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("FRONTBURNER_HOME") == str(self.home):
                    found.append(process)
        return found

    def of_kind(self, kind: str) -> list[psutil.Process]:
        """Processes of a kind: the ``server``, ``node``s, their ``renderer``s, ``command``s."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                if _kind(process) == kind:
                    found.append(process)
        return found

    def orphans(self) -> list[psutil.Process]:
        """Renderers whose node is gone, and nodes whose command is."""
        found = []
        for process in self.of_kind("renderer") + self.of_kind("node"):
            with suppress(psutil.Error):
                parent = process.parent()
                if parent is None or _kind(parent) not in ("node", "command"):
                    found.append(process)
        return found


def _kind(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    if "prefect server" in line:
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
