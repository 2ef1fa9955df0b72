"""``make soak``: 10,000 small units on nodes that join and leave at random, and the memory of every process.

Jobs of many tiny frames follow one another on a permanent farm with two permanent nodes and two transient ones, which
leave in one of three ways: terminated, drained or killed. Results are in ``build/soak.json`` and ``build/soak.png``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from benchmarks.memory import Sampler, figures, plot
from frontburner.cluster.prefect_server import embedded_server
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("frontburner")
OUT = ROOT / "build" / "soak.json"
JOBS = 5
TRANSIENT_NODES = 2
FRAME_S = 0.3
"""Time of a frame. The renderer sleeps, so that the farm itself is measured."""
STAY_S = 20.0, 90.0
AWAY_S = 5.0, 25.0
STOP_TIMEOUT_S = 60
WAYS_TO_LEAVE = ("asked", "drained", "killed")


@dataclass(slots=True)
class Farm:
    """A permanent farm: a Prefect server, and a scheduler with two nodes. Commands run in its folder."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """Start a command that writes to ``commands.log``."""
        with (self.folder / "commands.log").open("ab") as log:
            return subprocess.Popen(
                [COMMAND, *map(str, arguments)], env=self.environment, cwd=self.folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip


@dataclass(slots=True)
class TransientNode:
    """A node that joins and leaves again and again."""

    farm: Farm
    name: str
    random: Random
    stop: Event
    joins: int = 0
    left: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WAYS_TO_LEAVE, 0))

    def run(self) -> None:
        """Join and leave until stopped."""
        while not self.stop.wait(self.random.uniform(*AWAY_S)):
            node = self.farm.start("node", "start", "--name", self.name, "--threads", 1)
            self.joins += 1
            stayed = not self.stop.wait(self.random.uniform(*STAY_S))
            how = self.random.choice(WAYS_TO_LEAVE) if stayed else "asked"
            if stayed:
                self.left[how] += 1
            self._leave(node, how)

    def _leave(self, node: subprocess.Popen[bytes], how: str) -> None:
        if how == "killed":
            node.kill()  # its worker and renderer end by themselves
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
    parser.add_argument("--seed", type=int, default=1, help="seed of when nodes join and leave")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="frontburner-soak-") as folder:
        result = _soak(Path(folder), given.units, given.seed)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=1))
    plot(result, OUT.with_suffix(".png"))
    shown = {name: value for name, value in result.items() if name != "samples"}
    print(json.dumps(shown, indent=1))
    print(f"written to {OUT.relative_to(ROOT)}")
    if not result["right"]:
        raise SystemExit("pictures are missing")


def _soak(folder: Path, units: int, seed: int) -> dict[str, Any]:
    random, stop = Random(seed), Event()
    with ExitStack() as running:
        farm = running.enter_context(_permanent_farm(folder))
        sampler = Sampler(folder, units_done=lambda: _drawn(folder))
        nodes = [TransientNode(farm, f"guest-{n + 1}", Random(random.random()), stop) for n in range(TRANSIENT_NODES)]
        threads = [Thread(target=node.run, name=node.name) for node in nodes] + [
            Thread(target=sampler.run, args=(stop,), name="sampler")
        ]
        began_s, disk_usage, codes = time.monotonic(), [_disk_usage(folder)], []
        for thread in threads:
            thread.start()
        try:
            for number in range(JOBS):
                codes.append(_job(farm, number, units // JOBS))
                disk_usage.append(_disk_usage(folder))
            minutes = (time.monotonic() - began_s) / 60
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        pictures = sum(len(list((folder / f"out-{number}").glob("*.png"))) for number in range(JOBS))
        return {
            "units": units,
            "drawn": _drawn(folder),
            "pictures": pictures,
            "right": pictures == units // JOBS * JOBS and not any(codes),
            "joins": sum(node.joins for node in nodes),
            "leaves": {how: sum(node.left[how] for node in nodes) for how in WAYS_TO_LEAVE},
            "minutes": round(minutes, 1),
            "cores": os.cpu_count(),
            "seed": seed,
            "held_bytes": disk_usage,
            "processes": figures(sampler.samples),
            "samples": sampler.samples,
        }


@contextmanager
def _permanent_farm(folder: Path) -> Iterator[Farm]:
    """Run a permanent farm."""
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
        job.terminate()  # in case the soak is interrupted
        job.wait()


def _disk_usage(folder: Path) -> dict[str, int]:
    """Return bytes on disk: Prefect's database, what jobs keep in their stores, and logs."""
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
    """Return the number of units drawn, counting repetitions."""
    return sum(journal.read_bytes().count(b"\n") for journal in folder.glob("soak-*.journal"))


if __name__ == "__main__":
    main()
