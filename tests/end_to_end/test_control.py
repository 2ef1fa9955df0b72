"""A job is ended, lost, gone on with and run again from outside, and what it had finished is never rendered twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.turnstile import Turnstile

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

FRAMES = 12
WHOLE = 64 * 36 * 4
"""Samples of pixels of a frame."""


def told(studio: Studio, *words: str) -> Any:
    """What ``frontburner job`` prints with --json."""
    done = studio.run("job", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def written(scene: Path, out: Path) -> set[Path]:
    return set(out.glob(f"{scene.stem}.*.png"))


def drawn(scene: Path) -> Counter[int]:
    """How many samples of pixels of each frame were drawn."""
    found: Counter[int] = Counter()
    for line in map(json.loads, scene.with_suffix(".journal").read_text().splitlines()):
        s0, s1, x0, x1, y0, y1 = map(int, re.findall(r"\d+", line["unit"]))
        found[line["frame"]] += (s1 - s0) * (x1 - x0) * (y1 - y0)
    return found


def ends(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, said


def test_a_job_is_killed_suspended_resumed_and_run_again(served: Studio, null_scene: Callable[..., Path]) -> None:
    scene = null_scene(size="64x36", samples=4, journal=True, held=True)
    turnstile, out = Turnstile(scene), served.folder / "out"

    how = ("--frames", f"1-{FRAMES}", "--mode", "frames", "--out", out, "--nodes", 2)
    with served.start("render", scene, *how) as command:
        turnstile.let(3)
        until(lambda: written(scene, out))
        command.kill()
        command.communicate(timeout=TIMEOUT_S)
    until(lambda: not served.processes())
    (job,) = told(served, "list")
    name = job["job_id"]
    assert job["state"] == "lost"
    assert job["advice"].endswith(f"frontburner job resume {name}")

    before = written(scene, out)
    with served.start("job", "resume", name, "--nodes", 2) as resumed:
        turnstile.let(3)
        until(lambda: written(scene, out) > before)
        assert told(served, "show", name)["state"] == "running"
        with served.start("job", "suspend", name) as asked:
            until(lambda: "job suspending" in served.run("job", "log", name, "--json").stdout)
            turnstile.open()  # units under way end first
            code, said = ends(asked)
        assert (code, f"{name}: suspended" in said) == (0, True), said
        code, said = ends(resumed)
    assert (code, f"The job {name} is suspended." in said) == (4, True)
    assert told(served, "show", name)["state"] == "suspended"
    finished = {int(path.suffixes[0][1:]) for path in written(scene, out)}
    assert len(before) < len(finished) < FRAMES

    document = told(served, "resume", name[:-3])
    assert len(document["outputs"]) == 2 * FRAMES
    first = drawn(scene)
    assert {first[frame] for frame in finished} == {WHOLE}, "what is in place is not drawn again"

    document = told(served, "rerun", name, "--frames", "2-3")
    assert document["reused_frames"] == 0
    assert set(drawn(scene) - first) == {2, 3}
    assert told(served, "rerun", name, "--frames", "2-3", "--missing")["units"] == 0

    shown = told(served, "show", name)
    assert [run["state"] for run in shown["last_runs"]] == [
        "lost", "suspended", "completed", "completed", "completed",
    ]  # fmt: skip
    assert (shown["written"], shown["frames"], shown["failed"]) == (FRAMES, FRAMES, {})
    until(lambda: not served.processes())


def test_a_cancelled_job_is_ended_in_the_middle_of_a_unit_and_goes_on_all_the_same(
    served: Studio, null_scene: Callable[..., Path]
) -> None:
    scene, out = null_scene(size="64x36", samples=4, held=True), served.folder / "out"
    with served.start("render", scene, "--out", out, "--nodes", 1) as command:
        (job,) = until(lambda: [each for each in told(served, "list") if each["nodes"]])
        until(lambda: any(node["under_way"] for node in told(served, "show", job["job_id"])["nodes"].values()))
        asked = served.run("job", "cancel", job["job_id"], "--out", str(out))
        assert (asked.returncode, "cancelled" in asked.stderr) == (0, True)
        assert ends(command)[0] == 4
    null_scene(size="64x36", samples=4)
    assert told(served, "resume", job["job_id"])["frames"] == 1
    until(lambda: not served.processes())
