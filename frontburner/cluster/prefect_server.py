"""Runs a Prefect server on the loopback interface for as long as a command needs one, when none is configured."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from locket import LockError, lock_file

from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.ports import reserved_port
from system.processes import start_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEALTH_TIMEOUT_S = 180
STOP_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 60
LAST_LINES = 5
MAX_RESTARTS = 20
OUTAGE_TIMEOUT_S = 600
"""How long a run that has ended waits for an unreachable Prefect server, to report that."""


class PrefectServer:
    """A Prefect server that is restarted should it die."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], url: str, log: Path) -> None:
        self._start, self.url, self._log = start, url, log
        self._process = start()
        self._stopping = threading.Event()
        self._watchdog: threading.Thread | None = None

    def wait(self) -> None:
        """Wait until the server answers. From then on it is restarted whenever it dies.

        Raises
        ------
        FrontburnerError
            When it ends or doesn't answer, with its last lines of output.
        """
        ends_s = time.monotonic() + HEALTH_TIMEOUT_S
        while time.monotonic() < ends_s and self._process.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health", timeout=5).is_success:
                    self._watchdog = threading.Thread(target=self._restart, name="prefect-watchdog", daemon=True)
                    self._watchdog.start()
                    return
            time.sleep(0.1)
        output = "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])
        raise FrontburnerError(
            reason=f"The Prefect server did not start: {output or 'it ended without output'}",
            remedy=f"Its log is {self._log}. Set PREFECT_API_URL to use a server you run yourself.",
            retryable=True,
        )

    def stop(self) -> None:
        """End the server."""
        self._stopping.set()
        stop_process(self._process)
        if self._watchdog is not None:
            self._watchdog.join(STOP_TIMEOUT_S)

    def _restart(self) -> None:
        """Restart the server with its port and database whenever it dies; runs retry until it answers."""
        for _ in range(MAX_RESTARTS):
            self._process.wait()
            if self._stopping.is_set():
                return
            self._process = self._start()
            if self._stopping.is_set():  # it was stopped in between
                self._process.terminate()
                return


@contextmanager
def embedded_server() -> Iterator[PrefectServer]:
    """Start a Prefect server on a free port of this machine; ``wait`` before using it.

    Its database is kept from run to run. A second command at the same time gets a temporary one.
    """
    home = Settings().home
    with _database(home) as folder, reserved_port() as port:
        url = server_url(port)
        log = folder / "server.log"
        environment = {**os.environ, **server_environment(folder, port)}
        log.write_bytes(b"")

        def start() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                return start_with_parent(  # in a group of its own: Ctrl-C ends the job first, then we end the server
                    server_command(port),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                )

        server = PrefectServer(start, url, log)
        try:
            yield server
        finally:
            server.stop()


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process, and kill it if it doesn't end."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def server_url(port: int) -> str:
    """Return the address of the API of a Prefect server on this machine."""
    return f"http://127.0.0.1:{port}/api"


def server_command(port: int) -> list[str]:
    """Return the command of a Prefect server that listens on this machine only."""
    return [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def server_environment(folder: Path, port: int) -> dict[str, str]:
    """Return the environment of a Prefect server: a database in a folder, unless another one is set, no telemetry."""
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": server_url(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }


def wait_for_prefect() -> None:
    """Wait a while for the configured Prefect server, which may be restarting.

    Raises
    ------
    FrontburnerError
        When it doesn't answer.
    """
    from prefect.client.orchestration import get_client

    ends_s = time.monotonic() + ANSWER_TIMEOUT_S
    with get_client(sync_client=True) as client:
        while (error := client.api_healthcheck()) is not None:
            if time.monotonic() > ends_s:
                raise FrontburnerError(
                    reason=f"The Prefect server {client.api_url} doesn't answer: {error}.",
                    remedy="Start it, or unset PREFECT_API_URL: then one runs for as long as the job.",
                    retryable=True,
                )
            time.sleep(0.5)


def wait_until_recorded() -> None:
    """Wait until Prefect's server has the states of all steps of this flow run, even after an outage.

    The last event a client sent is lost when its connection breaks, unless another one follows: so one more is sent.
    """
    from prefect.client.orchestration import get_client
    from prefect.events import emit_event

    from frontburner.cluster.prefect_internals import current_flow_run, flush_events

    flow_run = current_flow_run()
    if flow_run is None:
        return
    ends_s = time.monotonic() + OUTAGE_TIMEOUT_S
    with get_client(sync_client=True) as client:
        while client.api_healthcheck() is not None and time.monotonic() < ends_s:
            time.sleep(0.5)
    emit_event("frontburner.run.ended", resource={"prefect.resource.id": f"prefect.flow-run.{flow_run.id}"})
    flush_events(STOP_TIMEOUT_S)


def drain() -> None:
    """Send the log lines and events this process still has for the server, before the server ends."""
    from frontburner.cluster.prefect_internals import flush_events, flush_logs

    flush_logs(STOP_TIMEOUT_S)
    flush_events(STOP_TIMEOUT_S)


@contextmanager
def _database(home: Path) -> Iterator[Path]:
    """Give the folder of the server's database: the permanent one, or a temporary one while that is in use."""
    permanent = home / "prefect"
    permanent.mkdir(parents=True, exist_ok=True)
    lock = lock_file(str(permanent / "in-use"), timeout=0)
    try:
        lock.acquire()
    except LockError:
        with tempfile.TemporaryDirectory(prefix="frontburner-") as temporary:
            yield Path(temporary)
        return
    try:
        yield permanent
    finally:
        lock.release()
