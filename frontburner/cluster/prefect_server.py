"""A real Prefect server for as long as a command runs, when none is set. Quiet, on loopback, and gone afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from locket import LockError, lock_file

from frontburner.settings import Settings
from storage.errors import FrontburnerError
from tasks.process.termination import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEALTH_TIMEOUT_S = 180
STOP_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 60
LAST_LINES = 5
MOST_RESTARTS = 20
OUTAGE_TIMEOUT_S = 600
"""How long a run that is over waits for a Prefect server that is away, to tell it so."""


class PrefectServer:
    """A Prefect server that is started, and started again should it die: its address, and when it is ready."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], url: str, log: Path) -> None:
        self._start, self.url, self._log = start, url, log
        self._process = start()
        self._stopping = threading.Event()
        self._guard: threading.Thread | None = None

    def wait(self) -> None:
        """Wait until the server answers. From then on it is started again whenever it dies.

        Raises
        ------
        FrontburnerError
            When it ends or stays silent, with its last words.
        """
        ends_s = time.monotonic() + HEALTH_TIMEOUT_S
        while time.monotonic() < ends_s:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=5).is_success:
                    self._guard = threading.Thread(target=self._keep, name="prefect-server-guard", daemon=True)
                    self._guard.start()
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        words = "\n".join(self._log.read_text(errors="replace").splitlines()[-LAST_LINES:])
        raise FrontburnerError(
            reason=f"The Prefect server did not start: {words or 'it said nothing'}",
            remedy=f"Its log is {self._log}. Set PREFECT_API_URL to use a server you run yourself.",
            retryable=True,
        )

    def stop(self) -> None:
        """End the server."""
        self._stopping.set()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._guard is not None:
            self._guard.join(STOP_TIMEOUT_S)

    def _keep(self) -> None:
        """Start the server again on its port and database when it has died: a run asks again until it answers."""
        for _ in range(MOST_RESTARTS):
            self._process.wait()
            if self._stopping.is_set():
                return
            self._process = self._start()
            if self._stopping.is_set():  # asked in between
                self._process.terminate()
                return


@contextmanager
def embedded_server() -> Iterator[PrefectServer]:
    """Start a Prefect server on a free port of this machine; ``wait`` before using it.

    Its database is kept from run to run. A second command that runs at the same time gets one of its own.
    """
    home = Settings().home
    with _database(home) as folder, _held_port() as port:
        url = server_url(port)
        log = folder / "server.log"
        environment = {**os.environ, **server_environment(folder, port)}
        log.write_bytes(b"")

        def start() -> subprocess.Popen[bytes]:
            with log.open("ab") as sink:
                return subprocess.Popen(
                    end_with_parent(server_command(port)),
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    env=environment,
                    start_new_session=True,  # Ctrl-C ends the job first, then we end the server
                )

        server = PrefectServer(start, url, log)
        try:
            yield server
        finally:
            server.stop()


def server_url(port: int) -> str:
    """Return the address of the interface of a Prefect server on this machine."""
    return f"http://127.0.0.1:{port}/api"


def server_command(port: int) -> list[str]:
    """Return what runs a Prefect server that listens on this machine only."""
    return [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def server_environment(folder: Path, port: int) -> dict[str, str]:
    """Return what a Prefect server is to find: a database in a folder, unless another one is set, and no telemetry."""
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": server_url(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }


def wait_for_prefect() -> None:
    """Wait a while for the Prefect server that is set: it may just be started again.

    Raises
    ------
    FrontburnerError
        When it doesn't answer.
    """
    from prefect.client.orchestration import get_client

    ends_s = time.monotonic() + ANSWER_TIMEOUT_S
    with get_client(sync_client=True) as client:
        while (trouble := client.api_healthcheck()) is not None:
            if time.monotonic() > ends_s:
                raise FrontburnerError(
                    reason=f"The Prefect server {client.api_url} doesn't answer: {trouble}.",
                    remedy="Start it, or unset PREFECT_API_URL: then one is started for as long as the job takes.",
                    retryable=True,
                )
            time.sleep(0.5)


def wait_until_recorded() -> None:
    """Wait until Prefect's server has the states of all steps of this flow run, even if it was away meanwhile.

    What a client sent last is lost with its connection, unless something follows: so one more event is sent.
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
    """Send what this process still has for the server, and stop sending: for just before the server ends."""
    from frontburner.cluster.prefect_internals import flush_events, flush_logs

    flush_logs(STOP_TIMEOUT_S)
    flush_events(STOP_TIMEOUT_S)


@contextmanager
def _database(home: Path) -> Iterator[Path]:
    """Folder of the server's database: the kept one, or a passing one while another command has that."""
    kept = home / "prefect"
    kept.mkdir(parents=True, exist_ok=True)
    lock = lock_file(str(kept / "in-use"), timeout=0)
    try:
        lock.acquire()
    except LockError:
        with tempfile.TemporaryDirectory(prefix="frontburner-") as passing:
            yield Path(passing)
        return
    try:
        yield kept
    finally:
        lock.release()


@contextmanager
def _held_port() -> Iterator[int]:
    """Return a port of this machine that nobody else is given from now on.

    A port that is bound, but not listened to, can be bound by whoever asks for it by its number, as a server does
    (SO_REUSEADDR), and isn't chosen for anybody who asks for any.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
