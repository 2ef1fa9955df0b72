"""``make test-faults``: real jobs are disturbed at random, and must end in the very picture they would have had."""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from storage.errors import CorruptObject
from storage.images import decode_exr
from storage.units import unpack
from tests.end_to_end.conftest import until
from tests.faults.injuries import Injury, inflict
from tests.faults.stage import S3, Stage, scene
from tests.storage.seaweed import BUCKET

if TYPE_CHECKING:
    import numpy.typing as npt

    Pictures = dict[str, npt.NDArray[np.float32]]
    Place = tuple[int, ...]

OUT = Path(__file__).resolve().parents[2] / "build" / "faults.json"
JOBS = {
    "still": ({"size": "320x180", "samples": 64, "cost_s": 40.0, "uneven": 3.0}, ()),
    "sequence": ({"size": "96x54", "samples": 16, "cost_s": 4.0}, ("--frames", "1-12")),
}
PER_JOB = 5
PAUSE_S = (1.0, 4.0)
MOST_RESUMES = 12
JOB_TIMEOUT_S = 600.0
STORING_S = 10.0
"""A unit is in the store so long after it was drawn, if the store was away in between."""
OPTIONS = ("--exr", "float", "--keep-units", "--name", "job")


@dataclass(slots=True)
class Findings:
    """What came of it all."""

    injections: int = 0
    jobs: int = 0
    right_pictures: int = 0
    rerendered_units: int = 0
    orphans: int = 0
    half_written: int = 0
    resumed_by_command: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return self.right_pictures == self.jobs and not (self.rerendered_units or self.orphans or self.half_written)


class Trial:
    """One job, disturbed."""

    def __init__(self, stage: Stage, name: str, chance: random.Random, found: Findings) -> None:
        self.stage, self.name, self.chance, self.found = stage, name, chance, found
        self.out = f"s3://{BUCKET}/{name}"

    def run(self, kind: str, reference: Pictures, injuries: int) -> None:
        """Render, disturb, go on as a user would until the command says that all is in place; then look at it."""
        fields, options = JOBS[kind]
        path = scene(self.stage.folder, self.name, **fields)
        command = ("render", str(path), *options, "--out", self.out, *OPTIONS)
        self.stage.start(*command)
        inflicted, ends_s = 0, time.monotonic() + JOB_TIMEOUT_S
        resumes = 0
        while time.monotonic() < ends_s:
            code = self.stage.command.poll() if self.stage.command else 0
            if code is None and inflicted < injuries and self._under_way():
                time.sleep(self.chance.uniform(*PAUSE_S))
                inflicted += self._inflict()
            elif code == 0:
                break
            elif code is not None and resumes < MOST_RESUMES:
                resumes += 1
                self.found.resumed_by_command += 1
                self.stage.start(*command)  # the same command goes on: what a user is told
            time.sleep(0.2)
        self._judge(reference, finished=self.stage.command is not None and self.stage.command.poll() == 0)

    def _under_way(self) -> bool:
        return bool(self.stage.of_kind("renderer"))

    def _inflict(self) -> int:
        injury = self.chance.choice(list(Injury))
        done = inflict(injury, self.stage, self.out, self.chance)
        if done:
            self.found.injections += 1
            self.found.kinds[injury.value] += 1
            print(f"  {self.name}: {injury.value}", file=sys.stderr, flush=True)
            until(lambda: not self.stage.orphans(), timeout_s=20)
        return int(done)

    def _judge(self, reference: Pictures, *, finished: bool) -> None:
        self.found.jobs += 1
        store = self.stage.store(self.out)
        right = finished
        for key, pixels in reference.items():
            try:
                mine = decode_exr(store.read(key))[0]
            except Exception as error:  # noqa: BLE001 - whatever keeps it from being read
                right = False
                self.found.half_written += bool(store.exists(key))
                self.found.wrong.append(f"{self.name} {key}: {error}")
                continue
            if not np.array_equal(mine, pixels):
                right = False
                self.found.wrong.append(f"{self.name} {key}: other pixels")
        self.found.right_pictures += right
        self.found.rerendered_units += self._rerendered()
        deadline = time.monotonic() + 20
        while self.stage.processes() and time.monotonic() < deadline:
            time.sleep(0.2)
        left = self.stage.processes()
        self.found.orphans += len(left)
        for process in left:
            self.found.wrong.append(f"{self.name}: left running: {' '.join(process.cmdline())[:200]}")
            process.kill()

    def _rerendered(self) -> int:
        """Units that were drawn though their pixels had been stored well before."""
        journal = self.stage.folder / f"{self.name}.journal"
        drawn = [json.loads(line) for line in journal.read_text().splitlines()]
        stored: dict[str, list[tuple[Place, float]]] = defaultdict(list)
        store = self.stage.store(self.out)
        for key in self.stage.units(self.out):
            digest, place = key.split("/")[-2:]
            with suppress(CorruptObject):  # damaged, and never needed since
                record = json.loads(unpack(store.read(key), key=key)[1]["record"])
                stored[digest].append((_place(place), record["started_s"] + record["wall_s"]))
        return sum(
            any(at_s + STORING_S < line["began"] and _meet(_place(line["unit"]), place)
                for place, at_s in stored[line["digest"]])
            for line in drawn
        )  # fmt: skip


def _place(text: str) -> Place:
    """Read a unit's samples and region off its name."""
    return tuple(map(int, re.findall(r"\d+", text)))


def _meet(a: Place, b: Place) -> bool:
    """Whether two units have pixels and samples in common."""
    return all(a[n] < b[n + 1] and b[n] < a[n + 1] for n in range(0, len(a), 2))


def references(stage: Stage) -> dict[str, Pictures]:
    """Render each job undisturbed."""
    found: dict[str, Pictures] = {}
    for kind, (fields, options) in JOBS.items():
        out = f"s3://{BUCKET}/calm-{kind}"
        path = scene(stage.folder, f"calm-{kind}", **fields)
        assert stage.run("render", str(path), *options, "--out", out, *OPTIONS) == 0, "see commands.log"
        store = stage.store(out)
        found[kind] = {key: decode_exr(store.read(key))[0] for key in store.list() if key.endswith(".exr")}
    return found


def main() -> int:
    """Disturb as many jobs as it takes, and write ``build/faults.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="injuries, over all jobs")
    parser.add_argument("--seed", type=int, default=1, help="another seed disturbs otherwise")
    given = parser.parse_args()
    chance, found = random.Random(given.seed), Findings()
    folder = Path(tempfile.mkdtemp(prefix="frontburner-faults-"))
    s3 = S3(folder / "s3")
    stage = Stage(folder, s3)
    try:
        calm = references(stage)
        while found.injections < given.count and found.jobs < given.count:
            kind = list(JOBS)[found.jobs % len(JOBS)]
            trial = Trial(stage, f"{kind}-{found.jobs}", chance, found)
            trial.run(kind, calm[kind], min(PER_JOB, given.count - found.injections))
            OUT.parent.mkdir(exist_ok=True)
            OUT.write_text(json.dumps(found.document(), indent=1))
    finally:
        for process in stage.processes():
            process.kill()
        s3.kill()
    print(json.dumps(found.document(), indent=1))
    if not found.sound:
        print(f"what happened lies in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
