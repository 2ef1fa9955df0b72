"""``make soak``: 10,000 small units over nodes that join and leave at random, and what memory every process takes.

Jobs of many tiny frames follow one another on a farm of the command's that stays. Two nodes stay with it, two others
come, and leave in one of three ways: asked to end, drained, killed. ``build/soak.json`` has the figures,
``build/soak.png`` draws them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from benchmarks.memory import Sampler, figures
from benchmarks.memory_plot import draw
from frontburner.cluster.prefect_server import embedded_server
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("frontburner")
OUT = ROOT / "build" / "soak.json"
JOBS = 5
GUESTS = 2
FRAME_S = 0.3
"""What a frame takes; it is slept, so that what is measured is the farm."""
STAYS_S = 20.0, 90.0
AWAY_S = 5.0, 25.0
STOP_TIMEOUT_S = 60
LEAVES = ("asked", "drained", "killed")


@dataclass(slots=True)
class Farm:
    """What stays: a Prefect server and a farm with two nodes; commands are run in its folder."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Start a command; what it says is in ``commands.log``."""
        with (self.folder / "commands.log").open("ab") as log:
            return subprocess.Popen(
                [COMMAND, *map(str, arguments)], env=self.environment, cwd=self.folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip


@dataclass(slots=True)
class Guest:
    """A node that comes and leaves, until it isn't to come again."""

    farm: Farm
    name: str
    chance: random.Random
    over: Event
    came: int = 0
    left: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LEAVES, 0))

    def run(self) -> None:
        """Come and leave."""
        while not self.over.wait(self.chance.uniform(*AWAY_S)):
            node = self.farm.start("node", "start", "--name", self.name, "--threads", 1)
            self.came += 1
            stayed = not self.over.wait(self.chance.uniform(*STAYS_S))
            how = self.chance.choice(LEAVES) if stayed else "asked"
            if stayed:
                self.left[how] += 1
            self._leave(node, how)

    def _leave(self, node: subprocess.Popen[bytes], how: str) -> None:
        if how == "killed":
            node.kill()  # its worker and renderer end with it, by themselves
        elif how == "drained":
            self.farm.start("node", "drain", self.name).wait(STOP_TIMEOUT_S)
        else:
            node.terminate()
        try:
            node.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()


def main() -> None:
    """Run the jobs, measure, and write ``build/soak.json`` and ``build/soak.png``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the nodes' comings and goings")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="frontburner-soak-") as folder:
        result = _soak(Path(folder), given.units, given.seed)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=1))
    draw(result, OUT.with_suffix(".png"))
    shown = {name: value for name, value in result.items() if name != "samples"}
    print(json.dumps(shown, indent=1))
    print(f"written to {OUT.relative_to(ROOT)}")
    if not result["right"]:
        raise SystemExit("pictures are missing")


def _soak(folder: Path, units: int, seed: int) -> dict[str, Any]:
    chance, over = random.Random(seed), Event()
    with ExitStack() as running:
        farm = running.enter_context(_started(folder))
        sampler = Sampler(folder, units_done=lambda: _drawn(folder))
        guests = [Guest(farm, f"guest-{n + 1}", random.Random(chance.random()), over) for n in range(GUESTS)]
        threads = [Thread(target=guest.run, name=guest.name) for guest in guests] + [
            Thread(target=sampler.run, args=(over,), name="sampler")
        ]
        began_s, held, codes = time.monotonic(), [_held(folder)], []
        for thread in threads:
            thread.start()
        try:
            for number in range(JOBS):
                codes.append(_job(farm, number, units // JOBS))
                held.append(_held(folder))
            minutes = (time.monotonic() - began_s) / 60
        finally:
            over.set()
            for thread in threads:
                thread.join()
        pictures = sum(len(list((folder / f"out-{number}").glob("*.png"))) for number in range(JOBS))
        return {
            "units": units,
            "drawn": _drawn(folder),
            "pictures": pictures,
            "right": pictures == units // JOBS * JOBS and not any(codes),
            "joins": sum(guest.came for guest in guests),
            "leaves": {how: sum(guest.left[how] for guest in guests) for how in LEAVES},
            "minutes": round(minutes, 1),
            "cores": os.cpu_count(),
            "seed": seed,
            "held_bytes": held,
            "processes": figures(sampler.samples),
            "samples": sampler.samples,
        }


@contextmanager
def _started(folder: Path) -> Iterator[Farm]:
    """Start what stays, and end it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FRONTBURNER_"))}
    os.environ["FRONTBURNER_HOME"] = str(folder / "home")
    with embedded_server() as server:
        server.wait()
        environment = {
            **kept,
            "FRONTBURNER_HOME": str(folder / "home"),
            "PREFECT_API_URL": server.url,
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        }
        process = subprocess.Popen(
            [COMMAND, "farm", "start", "--nodes", "2", "--port", "0"], env=environment, cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        with process.stdout:
            address = process.stdout.readline().strip().removeprefix("export FRONTBURNER_SCHEDULER=")
            try:
                yield Farm(folder, {**environment, "FRONTBURNER_SCHEDULER": address})
            finally:
                process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_TIMEOUT_S)
                process.kill()
                process.wait()


def _job(farm: Farm, number: int, frames: int) -> int:
    scene = farm.folder / f"soak-{number}.json"
    scene.write_text(json.dumps({"size": "16x9", "samples": 4, "cost_s": FRAME_S, "journal": True}))
    job = farm.start(
        "render", scene, "--frames", f"1-{frames}", "--formats", "png", "--out", farm.folder / f"out-{number}"
    )
    try:
        return job.wait()
    finally:
        job.terminate()  # it has ended, or the soak is broken off
        job.wait()


def _held(folder: Path) -> dict[str, int]:
    """Bytes on the disk: Prefect's database, what jobs keep of themselves in their stores, and logs."""
    database = (folder / "home" / "prefect").glob("*.db*")
    return {
        "prefect": sum(path.stat().st_size for path in database),
        "records": _size(folder.glob(f"out-*/{INTERNAL_PREFIX}/jobs/**/*")),
        "of_pictures": _size(
            path for out in folder.glob("out-*") for path in (out / INTERNAL_PREFIX / "files").rglob("*")
        ),
        "logs": _size((folder / "home" / "logs").rglob("*")),
    }


def _size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())


def _drawn(folder: Path) -> int:
    """Units that were drawn, those that were drawn twice counted twice."""
    return sum(journal.read_bytes().count(b"\n") for journal in folder.glob("soak-*.journal"))


if __name__ == "__main__":
    main()
