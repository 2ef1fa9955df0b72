"""A supervisor whose services are real processes, killed, hung and broken on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.farm_state import FarmState, ServiceState, ServiceStatus, read_outage, read_state, running_farm
from frontburner.manager.service_keeper import FARM_VARIABLE
from tests.end_to_end.conftest import TIMEOUT_S, until

if sys.platform == "win32":
    pytest.skip("it causes faults by signals", allow_module_level=True)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUPERVISOR = """
import asyncio, socket, sys
from pathlib import Path
from frontburner.manager import service as probes, service_keeper as keeper
from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.service import HttpProbe, Service
from frontburner.manager.service_keeper import FARM_VARIABLE
from frontburner.manager.supervisor import Supervisor

keeper.FIRST_DELAY_S, keeper.POLL_S, keeper.STOP_TIMEOUT_S = 0.05, 0.2, 2.0
probes.PROBE_TIMEOUT_S, keeper.HUNG_S = 5.0, 15.0  # on a busy machine a service answers one of several probes in time
home, names = Path(sys.argv[1]), sys.argv[2:]
SERVE = '''
import sys, http.server as h
h.HTTPServer(("127.0.0.1", int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()
'''
BREAK = "import sys; sys.exit('the disk of the broken service is on fire')"

reserved = []

def free_port():
    reserved.append(socket.socket())  # held open, so that nobody else gets it
    reserved[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved[-1].bind(("127.0.0.1", 0))
    return reserved[-1].getsockname()[1]

def service(name, port, needs):
    code = BREAK if name == "broken" else SERVE
    return Service(name=name, command=(sys.executable, "-c", code, str(port)), address=f"127.0.0.1:{port}",
                   probe=HttpProbe(f"http://127.0.0.1:{port}/"), needs=needs)

services = []
for name in names:
    services.append(service(name, free_port(), tuple(each.name for each in services)))
asyncio.run(Supervisor(home=home, services=services, environment={FARM_VARIABLE: str(farm_folder(home))},
                       addresses={"WHERE": "here"}, report=lambda line: print(line, flush=True)).run())
"""


@dataclass(frozen=True, slots=True)
class Farm:
    """A supervisor in a process of its own."""

    home: Path
    process: subprocess.Popen[str]

    @property
    def state(self) -> FarmState:
        """Its state; waits for it."""
        found: FarmState = until(self._own)
        return found

    def service(self, name: str) -> ServiceState:
        return next(service for service in self.state.services if service.name == name)

    def up(self) -> None:
        until(lambda: self.state.healthy)

    def end(self) -> str:
        self.process.terminate()
        said, _ = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == 0, said
        return said

    def _own(self) -> FarmState | None:
        state = read_state(self.home)
        if state is not None and state.pid == self.process.pid:
            return state
        if self.process.poll() is not None and self.process.stdout:
            pytest.fail(f"The supervisor ended before it wrote a state: {self.process.stdout.read()}")
        return None


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for process in of_farm(tmp_path):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def begin(home: Path) -> Iterator[Callable[..., Farm]]:
    """Start a supervisor of these services, which ends with the test."""
    with ExitStack() as started:

        def begin(*services: str) -> Farm:
            process = started.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", SUPERVISOR, str(home), *services],
                    env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                    cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                )
            )  # fmt: skip
            started.callback(process.kill)
            return Farm(home, process)

        yield begin


def of_farm(home: Path) -> list[psutil.Process]:
    """All processes of a farm's services."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(FARM_VARIABLE) == str(farm_folder(home)):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def test_services_start_in_order_restart_and_stop_together(home: Path, begin: Callable[..., Farm]) -> None:
    farm = begin("store", "scheduler", "worker")
    farm.up()
    since = {service.name: service.since_s for service in farm.state.services}
    assert since["store"] <= since["scheduler"] <= since["worker"]
    assert running_farm(home) == read_state(home)

    os.kill(farm.service("scheduler").pid, signal.SIGKILL)
    until(lambda: farm.service("scheduler").restarts == 1 and farm.state.healthy)
    assert (farm.service("store").restarts, farm.service("worker").restarts) == (0, 0)

    os.kill(farm.service("store").pid, signal.SIGSTOP)
    until(lambda: farm.service("store").status is ServiceStatus.SILENT)
    until(lambda: farm.service("store").restarts == 1 and farm.state.healthy)

    said = farm.end()
    assert "scheduler is restarting: it was ended by SIGKILL" in said
    assert [service.status for service in farm.state.services] == [ServiceStatus.ENDED] * 3
    assert running_farm(home) is None
    assert not of_farm(home)


def test_a_service_that_never_stays_up_is_given_up_with_its_last_output_and_retried_on_request(
    home: Path, begin: Callable[..., Farm]
) -> None:
    farm = begin("store", "broken", "worker")
    until(lambda: farm.service("broken").status is ServiceStatus.GIVEN_UP)
    assert "the disk of the broken service is on fire" in farm.service("broken").problem
    assert "exit code 1" in farm.service("broken").problem
    until(
        lambda: (farm.service("worker").status, farm.service("worker").problem) == (ServiceStatus.WAITING, "for broken")
    )
    until(lambda: farm.state.settled)
    assert not farm.state.healthy
    tries = farm.service("broken").restarts
    farm.process.send_signal(signal.SIGHUP)
    until(lambda: farm.service("broken").restarts > tries)
    farm.end()


def test_services_end_with_a_killed_supervisor_and_the_next_one_records_the_outage(
    home: Path, begin: Callable[..., Farm]
) -> None:
    farm = begin("store", "worker")
    farm.up()
    assert read_outage(home) is None
    second = begin("store")
    said, _ = second.process.communicate(timeout=TIMEOUT_S)
    assert second.process.returncode != 0
    assert "A farm is up already" in said

    run = [sys.executable, "-c", "import time; time.sleep(3600)"]  # of a job, which is no service
    with subprocess.Popen(run, env={**os.environ, FARM_VARIABLE: str(farm_folder(home))}) as orphan:
        farm.process.kill()
        farm.process.communicate(timeout=TIMEOUT_S)
        until(lambda: [process.pid for process in of_farm(home)] == [orphan.pid])
        assert running_farm(home) is None
        seen = read_state(home)
        assert seen is not None
        last_seen_s = seen.seen_s

        third = begin("store", "worker")
        third.up()
        assert orphan.wait(TIMEOUT_S) == -signal.SIGKILL
        down_at = read_outage(home)
        assert down_at is not None
        assert down_at.timestamp() == pytest.approx(last_seen_s)
        third.end()
