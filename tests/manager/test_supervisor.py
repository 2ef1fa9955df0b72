"""A supervisor with parts that are real processes, killed, hung and broken on purpose."""

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
from frontburner.manager.farm_state import FarmState, ServiceState, ServiceStatus, read_state, running_farm
from frontburner.manager.orphans import MARK
from frontburner.manager.outage import went_down_at
from tests.end_to_end.conftest import TIMEOUT_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUPERVISOR = """
import asyncio, socket, sys
from pathlib import Path
from frontburner.manager import keeper, patience, probes
from frontburner.manager.orphans import MARK
from frontburner.manager.service import Part
from frontburner.manager.health_probes import Answers
from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.supervisor import Supervisor

patience.FIRST_S, keeper.WATCH_S, keeper.END_S = 0.05, 0.2, 2.0
probes.ANSWER_TIMEOUT_S, keeper.HUNG_S = 5.0, 15.0  # a busy machine's part answers by then, at one of several tries
home, wanted = Path(sys.argv[1]), sys.argv[2:]
SERVE = '''
import sys, http.server as h
h.HTTPServer(("127.0.0.1", int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()
'''
BREAK = "import sys; sys.exit('the disk of the broken part is on fire')"

held = []

def free():
    held.append(socket.socket())  # held, so that it is given to nobody else
    held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held[-1].bind(("127.0.0.1", 0))
    return held[-1].getsockname()[1]

def part(name, port, needs=()):
    code = BREAK if name == "broken" else SERVE
    return Part(name=name, command=(sys.executable, "-c", code, str(port)), address=f"127.0.0.1:{port}",
                probe=Answers(f"http://127.0.0.1:{port}/"), needs=needs)

parts = []
for name in wanted:
    parts.append(part(name, free(), tuple(each.name for each in parts)))
asyncio.run(Supervisor(home=home, parts=parts, environment={MARK: str(farm_folder(home))}, leads={"WHERE": "here"},
                       say=lambda line: print(line, flush=True)).run())
"""


@dataclass(frozen=True, slots=True)
class Farm:
    """A supervisor in a process of its own."""

    home: Path
    process: subprocess.Popen[str]

    @property
    def state(self) -> FarmState:
        """How it stands; waited for."""
        found: FarmState = until(self._own)
        return found

    def part(self, name: str) -> ServiceState:
        return next(part for part in self.state.parts if part.name == name)

    def up(self) -> None:
        until(lambda: self.state.healthy)

    def end(self) -> str:
        self.process.terminate()
        said, _ = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == 0, said
        return said

    def _own(self) -> FarmState | None:
        state = read_state(self.home)
        return state if state is not None and state.pid == self.process.pid else None


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for process in of_farm(tmp_path):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def begin(home: Path) -> Iterator[Callable[..., Farm]]:
    """Start a supervisor of these parts, which ends with the test."""
    with ExitStack() as started:

        def begin(*parts: str) -> Farm:
            process = started.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", SUPERVISOR, str(home), *parts],
                    env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                    cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                )
            )  # fmt: skip
            started.callback(process.kill)
            return Farm(home, process)

        yield begin


def of_farm(home: Path) -> list[psutil.Process]:
    """All processes of a farm's parts."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(farm_folder(home)):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def test_parts_come_up_in_their_order_are_started_again_and_end_together(
    home: Path, begin: Callable[..., Farm]
) -> None:
    farm = begin("store", "scheduler", "worker")
    farm.up()
    since = {part.name: part.since_s for part in farm.state.parts}
    assert since["store"] <= since["scheduler"] <= since["worker"]
    assert running_farm(home) == read_state(home)

    os.kill(farm.part("scheduler").pid, signal.SIGKILL)
    until(lambda: farm.part("scheduler").restarts == 1 and farm.state.healthy)
    assert (farm.part("store").restarts, farm.part("worker").restarts) == (0, 0)

    os.kill(farm.part("store").pid, signal.SIGSTOP)
    until(lambda: farm.part("store").stand is ServiceStatus.SILENT)
    until(lambda: farm.part("store").restarts == 1 and farm.state.healthy)

    said = farm.end()
    assert "scheduler is restarting: it was ended by signal 9" in said
    assert [part.stand for part in farm.state.parts] == [ServiceStatus.ENDED] * 3
    assert running_farm(home) is None
    assert not of_farm(home)


def test_a_part_that_never_stays_up_is_given_up_with_its_last_words_and_tried_again_when_asked(
    home: Path, begin: Callable[..., Farm]
) -> None:
    farm = begin("store", "broken", "worker")
    until(lambda: farm.part("broken").stand is ServiceStatus.GIVEN_UP)
    assert "the disk of the broken part is on fire" in farm.part("broken").wrong
    assert "exit code 1" in farm.part("broken").wrong
    until(lambda: (farm.part("worker").stand, farm.part("worker").wrong) == (ServiceStatus.WAITING, "for broken"))
    until(lambda: farm.state.settled)
    assert not farm.state.healthy
    tries = farm.part("broken").restarts
    farm.process.send_signal(signal.SIGHUP)
    until(lambda: farm.part("broken").restarts > tries)
    farm.end()


def test_parts_end_with_a_supervisor_that_is_killed_and_the_next_one_notes_the_outage(
    home: Path, begin: Callable[..., Farm]
) -> None:
    farm = begin("store", "worker")
    farm.up()
    assert went_down_at(home) is None
    second = begin("store")
    said, _ = second.process.communicate(timeout=TIMEOUT_S)
    assert second.process.returncode != 0
    assert "A farm is up already" in said

    run = [sys.executable, "-c", "import time; time.sleep(3600)"]  # of a job, which is no part
    with subprocess.Popen(run, env={**os.environ, MARK: str(farm_folder(home))}) as orphan:
        farm.process.kill()
        farm.process.communicate(timeout=TIMEOUT_S)
        until(lambda: [process.pid for process in of_farm(home)] == [orphan.pid])
        assert running_farm(home) is None
        last_seen_s = read_state(home).seen_s  # type: ignore[union-attr]

        third = begin("store", "worker")
        third.up()
        assert orphan.wait(TIMEOUT_S) == -signal.SIGKILL
        down_at = went_down_at(home)
        assert down_at is not None
        assert down_at.timestamp() == pytest.approx(last_seen_s)
        third.end()
