"""``make test-faults``: real jobs are disturbed at random, and must end in the very picture they would have had."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.injuries import WEIGHTS, inflict, settle
from tests.faults.stage import S3, Stage, scene
from tests.faults.verdict import Pictures, pictures, rerendered
from tests.storage.seaweed import BUCKET

if TYPE_CHECKING:
    import psutil

OUT = Path(__file__).resolve().parents[2] / "build" / "faults.json"
JOBS = {
    "still": ({"size": "320x180", "samples": 64, "cost_s": 120.0, "uneven": 3.0}, ()),
    "sequence": ({"size": "96x54", "samples": 16, "cost_s": 5.0}, ("--frames", "1-24")),
}
MOST_PER_JOB = 25
PAUSE_S = (0.2, 3.0)
AT_ONCE = 0.25
"""How often the next injury comes while the job still suffers from the last one."""
MOST_RESUMES = 60
JOB_TIMEOUT_S = 420.0
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
    units: int = 0
    resumed_by_command: int = 0
    took_s: float = 0.0
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
        self._codes: list[int] = []

    def run(self, kind: str, calm: Pictures, injuries: int) -> None:
        """Render, disturb, go on as a user would until the command says that all is in place; then look at it."""
        fields, options = JOBS[kind]
        path = scene(self.stage.folder, self.name, **fields)
        command = ("render", str(path), *options, "--out", self.out, *OPTIONS)
        self.stage.command = self.stage.spawn(*command)
        inflicted, ends_s = 0, time.monotonic() + JOB_TIMEOUT_S
        while time.monotonic() < ends_s and len(self._codes) <= MOST_RESUMES:
            self.stage.revive()
            code = self.stage.command.poll()
            if code is None and inflicted < injuries and self.stage.of_kind("renderer"):
                if self.chance.random() > AT_ONCE:
                    time.sleep(self.chance.uniform(*PAUSE_S))
                inflicted += self._inflict()
            elif code == 0:
                break
            elif code is not None:
                self._codes.append(code)
                self.stage.command = self.stage.spawn(*command)  # the same command goes on: what a user is told
            time.sleep(0.1)
        self.found.resumed_by_command += len(self._codes)
        self._judge(calm, whole=self.stage.command.poll() == 0)

    def _inflict(self) -> int:
        injury = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        began_s = time.monotonic()
        if not inflict(injury, self.stage, self.out, self.chance):
            return 0
        self.found.injections += 1
        self.found.kinds[injury.value] += 1
        print(f"  {self.name}: {injury.value} ({time.monotonic() - began_s:.1f} s)", file=sys.stderr, flush=True)
        return 1

    def _judge(self, calm: Pictures, *, whole: bool) -> None:
        self.found.jobs += 1
        store = self.stage.store(self.out)
        mine, unreadable = pictures(store)
        self.found.half_written += len(unreadable)
        same = mine.keys() == calm.keys() and all((mine[key] == calm[key]).all() for key in calm)
        self.found.right_pictures += whole and same
        drawn, twice = rerendered(store, self.stage.folder / f"{self.name}.journal")
        self.found.units += drawn
        self.found.rerendered_units += len(twice)
        left = settle(self.stage) + self._commands()
        self.found.orphans += len(left)
        self.found.wrong += [f"{self.name}: {said}" for said in (*unreadable, *twice, *map(str, left))]
        if not (whole and same):
            other = [key for key in calm if key not in mine or not (mine[key] == calm[key]).all()]
            self.found.wrong.append(f"{self.name}: whole {whole}, codes {self._codes}, missing or other: {other}")
        for process in left:
            process.kill()

    def _commands(self) -> list[psutil.Process]:
        """Commands that still run, besides those that stay."""
        stay = {self.stage.farm.process.pid, self.stage.node.process.pid}
        return [process for process in self.stage.of_kind("command") if process.pid not in stay]


def calm_pictures(stage: Stage) -> dict[str, Pictures]:
    """Render each job undisturbed."""
    found: dict[str, Pictures] = {}
    for kind, (fields, options) in JOBS.items():
        out = f"s3://{BUCKET}/calm-{kind}"
        path = scene(stage.folder, f"calm-{kind}", **{**fields, "cost_s": 0})
        assert stage.run("render", str(path), *options, "--out", out, *OPTIONS) == 0, "see commands.log"
        found[kind], unreadable = pictures(stage.store(out))
        assert not unreadable
    return found


def disturb(stage: Stage, count: int, chance: random.Random, found: Findings) -> None:
    """Disturb as many jobs as it takes."""
    calm = calm_pictures(stage)
    began_s = time.monotonic()
    while found.injections < count and found.jobs < count:
        kind = list(JOBS)[found.jobs % len(JOBS)]
        trial = Trial(stage, f"{kind}-{found.jobs}", chance, found)
        trial.run(kind, calm[kind], min(MOST_PER_JOB, count - found.injections))
        found.took_s = round(time.monotonic() - began_s, 1)
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(found.document(), indent=1))
        print(f"{found.jobs} jobs, {found.injections} injuries, {found.took_s} s", file=sys.stderr, flush=True)


def main() -> int:
    """Disturb jobs, and write ``build/faults.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="injuries, over all jobs")
    parser.add_argument("--seed", type=int, default=1, help="another seed disturbs otherwise")
    given = parser.parse_args()
    found = Findings()
    folder = Path(tempfile.mkdtemp(prefix="frontburner-faults-"))
    s3 = S3(folder / "s3")
    stage = Stage(folder, s3)
    try:
        with stage:
            disturb(stage, given.count, random.Random(given.seed), found)
    finally:
        left = stage.processes()
        for process in left:
            process.kill()
        s3.kill()
    found.orphans += len(left)
    found.wrong += [f"at the end: {process}" for process in left]
    OUT.write_text(json.dumps(found.document(), indent=1))
    print(json.dumps(found.document(), indent=1))
    if not found.sound:
        print(f"what happened lies in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
