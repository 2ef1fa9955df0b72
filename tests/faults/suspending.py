"""``make test-suspend``: jobs are suspended again and again, all is restarted in between, and they are resumed."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from frontburner.control.desired_state import DesiredState, set_desired_state
from tests.end_to_end.conftest import until
from tests.faults.__main__ import JOBS, OPTIONS, calm_pictures
from tests.faults.stage import S3, Stage, scene
from tests.faults.verdict import pictures, rerendered
from tests.storage.seaweed import BUCKET

OUT = Path(__file__).resolve().parents[2] / "build" / "suspend.json"
HALTED = 4
WAIT_S = 120
WORKS_S = 3.0
"""How long at most a job goes on before it is suspended again."""


def suspend(stage: Stage, kind: str, wish: DesiredState, chance: random.Random) -> dict[str, object] | None:
    """Suspend a job once; returns how soon that took effect, or nothing if the job was through before."""
    out, journal = f"s3://{BUCKET}/{kind}", stage.folder / f"{kind}.journal"
    assert stage.command is not None
    command = stage.command

    def drawn() -> list[float]:
        lines = journal.read_text().splitlines() if journal.exists() else []
        return [json.loads(line)["began"] for line in lines]

    before = len(drawn())
    until(lambda: len(drawn()) > before or command.poll() is not None, timeout_s=WAIT_S)
    time.sleep(chance.uniform(0.0, WORKS_S))
    if command.poll() is not None:
        return None
    (job_id,) = {key.split("/")[2] for key in stage.store(out).list("_frontburner/jobs/job-") if key.count("/") > 2}
    asked_s = time.time()
    set_desired_state(stage.store(out), job_id, wish, at=datetime.now().astimezone())
    code = command.wait(WAIT_S)
    ended_s = time.time()
    if code == 0:
        return None
    assert code == HALTED, f"ended with {code}"
    last_s = max(drawn())
    return {
        "job": kind,
        "wish": wish.value,
        "last_unit_begun_s": round(max(0.0, last_s - asked_s), 3),
        "ended_s": round(ended_s - asked_s, 3),
    }


def restart(stage: Stage) -> None:
    """Kill everything there is, and start it again."""
    stage.node.kill()
    stage.farm.kill()
    for server in stage.of_kind("server"):
        server.kill()
    stage.s3.kill()
    stage.s3.start()


def measure(stage: Stage, tries: int, chance: random.Random) -> dict[str, object]:
    """Suspend and resume both kinds of jobs until each is through."""
    calm = calm_pictures(stage)
    found: list[dict[str, object]] = []
    twice: list[str] = []
    right = jobs = restarts = 0
    while len(found) < tries:
        for kind, (fields, options) in JOBS.items():
            name = f"{kind}-{jobs}"
            path, out = scene(stage.folder, name, **fields), f"s3://{BUCKET}/{name}"
            command = ("render", str(path), *options, "--out", out, *OPTIONS)
            code: int | None = None
            while code != 0:
                stage.command = stage.spawn(*command)
                wish = chance.choice((DesiredState.SUSPEND, DesiredState.SUSPEND_NOW))
                told = suspend(stage, name, wish, chance) if len(found) < tries else None
                if told is not None:
                    found.append(told)
                    print(json.dumps(told), file=sys.stderr, flush=True)
                    if len(found) % 3 == 1:
                        restart(stage)
                        restarts += 1
                code = stage.command.wait(WAIT_S)
            jobs += 1
            twice += rerendered(stage.store(out), stage.folder / f"{name}.journal")[1]
            mine, unreadable = pictures(stage.store(out))
            right += not unreadable and mine.keys() == calm[kind].keys() and all(
                (mine[key] == calm[kind][key]).all() for key in mine
            )  # fmt: skip
    latencies = [float(str(told["last_unit_begun_s"])) for told in found]
    at_once = [float(str(told["ended_s"])) for told in found if told["wish"] == DesiredState.SUSPEND_NOW.value]
    return {
        "tries": len(found),
        "jobs": jobs,
        "restarts_of_everything": restarts,
        "right_pictures": right,
        "rerendered_units": len(twice),
        "last_unit_begun_s": {"median": statistics.median(latencies), "most": max(latencies)},
        "suspended_at_once_and_run_ended_s": {"median": statistics.median(at_once), "most": max(at_once)},
        "each": found,
        "wrong": twice,
    }


def main() -> int:
    """Suspend, restart, resume; write ``build/suspend.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="suspensions, over all jobs")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="frontburner-suspend-"))
    s3 = S3(folder / "s3")
    try:
        with Stage(folder, s3) as stage:
            found = measure(stage, given.count, random.Random(given.seed))
    finally:
        s3.kill()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1))
    print(json.dumps({name: value for name, value in found.items() if name != "each"}, indent=1))
    if found["rerendered_units"] or found["right_pictures"] != found["jobs"]:
        print(f"what happened lies in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
