"""The command as a process, and the farm it may find running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil
import pytest

from frontburner.cluster.prefect_server import embedded_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

COMMAND = Path(sys.executable).with_name("frontburner")
ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600
"""Only what hangs takes so long, however busy the machine is."""
STOP_TIMEOUT_S = 60


class Running(subprocess.Popen[str]):
    """A program of a test's. A test that has failed doesn't wait for it."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, value, traceback)

    def stop(self) -> None:
        """End it as an operating system ends services: whoever doesn't heed it is killed."""
        self.terminate()
        try:
            self.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """A user's machine: a home of its own, and the command run in it.

    Parameters
    ----------
    within
        What runs its programs, such as ``ip netns exec NAME``; empty is nothing.
    settings
        What its environment has besides.
    started
        The programs it has started, for `end`.
    """

    home: Path
    folder: Path
    within: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What the command finds: no farm running, and a home nobody else has."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FRONTBURNER_"))}
        return {**kept, **self.settings, "FRONTBURNER_HOME": str(self.home)}

    def start(self, *arguments: object, **environment: str) -> Running:
        """Start ``frontburner`` with these arguments."""
        return self.launch([COMMAND, *arguments], environment)

    @contextmanager
    def serving(self, *command: object, **environment: str) -> Iterator[Running]:
        """Have a program run until the context ends; what it says goes to a file, which never fills up."""
        with (
            (self.folder / "services.log").open("a") as log,
            self.launch(command, environment, said=log) as process,
        ):
            yield process
            process.stop()

    def launch(
        self,
        command: Sequence[object],
        environment: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        said: IO[str] | int = subprocess.PIPE,
    ) -> Running:
        """Start a program; in its own folder where no other one is named."""
        process = Running(
            [*self.within, *map(str, command)],
            env={**self.environment, **(environment or {})},
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``frontburner`` to its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=TIMEOUT_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def render(self, *arguments: object, **environment: str) -> dict[str, Any]:
        """Render with ``--json`` and return what it printed; it must succeed and print nothing else."""
        done = self.run("render", *arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def processes(self) -> list[psutil.Process]:
        """Return all processes that belong to this studio."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("FRONTBURNER_HOME") == str(self.home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def end(self) -> None:
        """End all that still runs of it."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for started in self.started:
            with started:
                started.kill()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    folder = tmp_path / "desk"
    folder.mkdir()
    studio = Studio(home=tmp_path / "home", folder=folder)
    yield studio
    studio.end()


@contextmanager
def prefect_at(home: Path) -> Iterator[dict[str, str]]:
    """Have a Prefect server; gives what commands find that use it."""
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FRONTBURNER_HOME", str(home))
            server = running.enter_context(embedded_server())
        server.wait()
        yield {"PREFECT_API_URL": server.url, "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """One Prefect server for all commands that needn't start their own: that takes a processor ten seconds."""
    with prefect_at(tmp_path_factory.mktemp("prefect")) as found:
        yield found


@pytest.fixture
def served(studio: Studio, prefect: dict[str, str]) -> Studio:
    """A studio whose commands use the server that is there."""
    return replace(studio, settings=prefect)


@pytest.fixture
def null_scene(tmp_path: Path) -> Callable[..., Path]:
    def write(**fields: object) -> Path:
        path = tmp_path / "null.json"
        path.write_text(json.dumps(fields))
        return path

    return write


def until(condition: Callable[[], Any], *, timeout_s: float = TIMEOUT_S) -> Any:
    """Wait for something another process or thread brings about."""
    ends_s = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < ends_s, "it did not happen in time"
        time.sleep(0.05)
    return found
