"""A chain is run by the command: in order, no further than it can be, and from where it stopped."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.submission.conftest import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIMULATE = """
import json, pathlib
ran = pathlib.Path("runs")
ran.write_text(str(int(ran.read_text()) + 1 if ran.exists() else 1))
pathlib.Path("shot.json").write_text(json.dumps({"size": "32x18", "samples": 4, "journal": True}))
"""
JUDGE = """
import pathlib, sys
pictures = sorted(path.name for path in pathlib.Path("out").glob("shot.*.png"))
pathlib.Path("judged").write_text(" ".join(pictures))
sys.exit("too dark" if pathlib.Path("strict").exists() else 0)
"""
CHAIN = f"""
name: shot
stages:
  - {{name: judge, after: frames, run: [{sys.executable}, judge.py]}}
  - {{name: frames, after: sim, job: {{scene: shot.json, frames: 1-2, out: out}}}}
  - {{name: sim, run: [{sys.executable}, sim.py], writes: shot.json}}
  - {{name: last, after: judge, run: [{sys.executable}, -c, "open('last', 'w').close()"]}}
"""


def run(desk: Path, code: int, *options: str) -> dict[str, tuple[str, str]]:
    """How each stage ended, and why."""
    done = command("render", desk / "shot.yaml", "--json", *options)
    assert done.returncode == code, done.stderr
    return {stage["name"]: (stage["state"], stage["reason"]) for stage in json.loads(done.stdout)["stages"]}


@pytest.mark.slow
def test_a_chain_goes_on_where_it_stopped(desk: Path, scene: Callable[..., Path]) -> None:
    for name, text in {"shot.yaml": CHAIN, "sim.py": SIMULATE, "judge.py": JUDGE, "strict": ""}.items():
        (desk / name).write_text(text)
    ended = run(desk, 1)
    assert list(ended) == ["sim", "frames", "judge", "last"]
    assert [state for state, _ in ended.values()] == ["completed", "completed", "failed", "left out"]
    assert "ended with exit code 1. It said last:\ntoo dark" in ended["judge"][1]
    assert ended["last"][1] == "since judge isn't complete"
    assert (desk / "judged").read_text() == "shot.0001.png shot.0002.png"
    assert not (desk / "last").exists()

    (desk / "strict").unlink()
    ended = run(desk, 0)
    assert [state for state, _ in ended.values()] == ["reused", "reused", "completed", "completed"]
    assert ((desk / "runs").read_text(), (desk / "last").exists()) == ("1", True)
    journal = (desk / "shot.journal").read_text().splitlines()
    assert len(set(journal)) == len(journal), "nothing is drawn twice"

    (desk / "last").unlink()
    ended = run(desk, 0, "--again", "sim")
    assert [state for state, _ in ended.values()] == ["completed", "reused", "completed", "completed"]
    assert (desk / "runs").read_text() == "2"
    assert (desk / "last").exists(), "what comes after it ran again too"
