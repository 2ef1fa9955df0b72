r"""Kills a node, its renderer's process and its program again and again, and says what is left of them.

Run by Windows' Python, with a stand-in for 3ds Max that starts a program of its own (`stand_in.c`):
`python -m tests.windows.kills C:\folder "C:\3ds Max 2025\3dsmaxcmd.exe" 20`. Prints a JSON document.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import psutil
from distributed import Client

from frontburner.cluster.node_processes import CLIENT_CONFIG, local_nodes
from storage.objects import open_store
from tasks.job_context import JobContext
from tasks.node.unit_task import render_unit
from tasks.renderers import RENDERERS
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Future

    from tasks.spec import Tile

SIZE = Size(width=48, height=32)
LEFT_AFTER_S = 5.0
PATIENCE_S = 600.0
WAYS = ("program", "renderer", "time-out", "cancel", "worker", "node")


@dataclass(slots=True, kw_only=True)
class Result:
    """What some kills of one kind have led to."""

    kills: int = 0
    left: list[str] = field(default_factory=list)
    """Processes that were there after `LEFT_AFTER_S`."""
    slowest_s: float = 0.0
    """The longest until the last process had ended."""
    wrong_pictures: int = 0


@dataclass(slots=True, kw_only=True)
class Tree:
    """The processes of a node that renders, from the outside in."""

    node: psutil.Process
    worker: psutil.Process
    renderer: psutil.Process
    program: psutil.Process
    child: psutil.Process

    def below(self, way: str) -> list[psutil.Process]:
        """What must have ended once a process of this kind was killed, or its unit was ended."""
        everything = [self.node, self.worker, self.renderer, self.program, self.child]
        first = {"node": 0, "worker": 1, "renderer": 2, "program": 3, "time-out": 2, "cancel": 2}
        return everything[first[way] :]


class Farm:
    """A scheduler in this process, a node, and a store."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._stack, self._nodes, self._frames = ExitStack(), count(1), count(1)
        self.note, self.folder, self.store_url = folder / "note", folder, str(folder / "store")
        self.scene = folder / "room.max"
        self.scene.write_bytes(b"a scene")
        os.environ.update(FRONTBURNER_3DSMAX=str(program), STAND_IN_NOTE=str(self.note))
        (self._build,) = RENDERERS["max3ds"].builds()
        self._digest = RENDERERS["max3ds"].inspect(self.scene, build=self._build, frame=1, parameters=()).digest

    def __enter__(self) -> Self:
        import dask

        cluster = self._stack.enter_context(local_nodes(0))
        self._address = cluster.scheduler_address
        self._stack.enter_context(dask.config.set(CLIENT_CONFIG))
        self._client = self._stack.enter_context(Client(self._address, set_as_default=False))
        self._start_node()
        return self

    def __exit__(self, *_: object) -> None:
        self._node.kill()
        self._stack.close()

    def unit(self, *, timeout_s: float | None = None) -> UnitSpec:
        """A unit of the next frame."""
        frame = FrameSpec(
            renderer="max3ds", build=self._build, scene=str(self.scene), scene_digest=self._digest,
            frame=next(self._frames), size=SIZE, samples=1,
        )  # fmt: skip
        return UnitSpec(frame=frame, region=SIZE.whole, samples=SampleRange(start=0, stop=1), timeout_s=timeout_s)

    def begin(self, unit: UnitSpec) -> tuple[Future, Tree]:
        """Have a unit half drawn."""
        self.note.unlink(missing_ok=True)
        self.waiting.touch()
        future = self._submit(unit)
        _wait_for(self.note.exists, "the program was never started")
        program, child = (psutil.Process(int(pid)) for pid in self.note.read_text().split())
        renderer = program.parent()
        worker = renderer.parent() if renderer else None
        assert renderer
        assert worker
        return future, Tree(node=self._node, worker=worker, renderer=renderer, program=program, child=child)

    def finish(self, unit: UnitSpec) -> bool:
        """Render a unit to its end, by a new node if there is none; returns whether its picture is right."""
        self.waiting.unlink(missing_ok=True)
        if not self._node.is_running():
            self._start_node()
        tile: Tile = self._submit(unit).result(PATIENCE_S)
        y, x = np.mgrid[: SIZE.height, : SIZE.width]
        expected = np.stack([x / 256, y / 256, np.full(x.shape, unit.frame.frame / 16), np.ones(x.shape)], axis=2)
        return bool(np.array_equal(tile.sums, expected.astype(np.float32)))

    def half_files(self, pictures: int) -> list[str]:
        """What is in the store besides whole units, and which unit is missing."""
        units = [key for key in open_store(self.store_url).list(".frontburner/") if key.endswith(".unit")]
        files = [path.name for path in (self.folder / "store").rglob("*") if path.is_file()]
        rest = [name for name in files if not name.endswith(".unit") and name != "lock"]
        return rest if len(units) == pictures else [*rest, f"{len(units)} of {pictures} units"]

    @property
    def waiting(self) -> Path:
        """While it is there, programs wait in the middle of their picture."""
        return self.note.with_name("note.wait")

    def _submit(self, unit: UnitSpec) -> Future:
        job = JobContext(store_url=self.store_url, topic="")
        return self._client.submit(render_unit, unit, job, 0, pure=False, retries=0)

    def _start_node(self) -> None:
        command = [
            sys.executable, "-m", "frontburner.cli", "node", "start", "--scheduler", self._address,
            "--name", f"node-{next(self._nodes)}", "--threads", "1",
        ]  # fmt: skip
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self._node = psutil.Process(started.pid)
        self._client.wait_for_workers(1, timeout=PATIENCE_S)


def try_one(farm: Farm, way: str, result: Result) -> None:
    """Kill once, and count."""
    unit = farm.unit()
    future, tree = farm.begin(farm.unit(timeout_s=1.0) if way == "time-out" else unit)
    if way == "cancel":
        future.cancel()
    elif way != "time-out":
        getattr(tree, way).kill()
    began_s = time.monotonic()
    if way == "time-out":
        with suppress(Exception):
            future.result(PATIENCE_S)
        began_s = time.monotonic()
    _, alive = psutil.wait_procs(tree.below(way), timeout=LEFT_AFTER_S)
    result.slowest_s = max(result.slowest_s, time.monotonic() - began_s)
    result.left += [f"{way} {result.kills}: process {process.pid}" for process in alive]
    result.kills += 1
    future.cancel()
    result.wrong_pictures += not farm.finish(unit)


def main(folder: str, program: str, kills: str) -> None:
    """Kill in all ways, and print the results."""
    results = {way: Result() for way in WAYS}
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with Farm(place, Path(program)) as farm:
        for way in (way for way in WAYS for _ in range(int(kills))):
            try_one(farm, way, results[way])
            print(way, results[way].kills, f"{results[way].slowest_s:.2f} s", file=sys.stderr, flush=True)
        half = farm.half_files(int(kills) * len(WAYS))
    folders = [path.name for path in Path(tempfile.gettempdir()).glob("frontburner-unit-*")]
    print(json.dumps({"results": {w: asdict(r) for w, r in results.items()}, "half_files": half, "folders": folders}))


def _wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    ends_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > ends_s:
            raise TimeoutError(otherwise)
        time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
