"""Chains run by the command: in order, as far as possible, and from where they stopped."""

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


def run(workdir: Path, code: int, *options: str) -> dict[str, tuple[str, str]]:
    """How each stage ended, and why."""
    done = command("render", workdir / "shot.yaml", "--json", *options)
    assert done.returncode == code, done.stderr
    return {stage["name"]: (stage["state"], stage["reason"]) for stage in json.loads(done.stdout)["stages"]}


@pytest.mark.slow
def test_a_chain_resumes_where_it_stopped(workdir: Path, scene: Callable[..., Path]) -> None:
    for name, text in {"shot.yaml": CHAIN, "sim.py": SIMULATE, "judge.py": JUDGE, "strict": ""}.items():
        (workdir / name).write_text(text)
    ended = run(workdir, 1)
    assert list(ended) == ["sim", "frames", "judge", "last"]
    assert [state for state, _ in ended.values()] == ["completed", "completed", "failed", "left out"]
    assert "ended with exit code 1. Its last output:\ntoo dark" in ended["judge"][1]
    assert ended["last"][1] == "since judge isn't complete"
    assert (workdir / "judged").read_text() == "shot.0001.png shot.0002.png"
    assert not (workdir / "last").exists()

    (workdir / "strict").unlink()
    ended = run(workdir, 0)
    assert [state for state, _ in ended.values()] == ["reused", "reused", "completed", "completed"]
    assert ((workdir / "runs").read_text(), (workdir / "last").exists()) == ("1", True)
    journal = (workdir / "shot.journal").read_text().splitlines()
    assert len(set(journal)) == len(journal), "nothing is drawn twice"

    (workdir / "last").unlink()
    ended = run(workdir, 0, "--again", "sim")
    assert [state for state, _ in ended.values()] == ["completed", "reused", "completed", "completed"]
    assert (workdir / "runs").read_text() == "2"
    assert (workdir / "last").exists(), "what comes after it ran again too"
