"""An artist works while a job renders: edits never reach its pictures, and another scene never replaces them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from storage.images import decode_exr
from tests.end_to_end.conftest import TIMEOUT_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

FRAMES = 6


def project(folder: Path, name: str) -> Path:
    """A scene ``shot.json`` with a texture, in a folder of its own; each frame takes a moment."""
    (folder / name).mkdir()
    (folder / name / "wood.png").write_bytes(name.encode())
    scene = folder / name / "shot.json"
    scene.write_text(json.dumps({"size": "16x8", "samples": 1, "cost_s": 1.0, "files": ["wood.png"]}))
    return scene


@pytest.mark.slow
def test_a_sequence_has_the_scene_as_it_was_given_and_no_other_replaces_it(served: Studio, tmp_path: Path) -> None:
    scene, other, out = project(tmp_path, "a"), project(tmp_path, "b"), tmp_path / "out"
    environment = {"FRONTBURNER_CACHE": str(tmp_path / "cache")}
    job = ("--frames", f"1-{FRAMES}", "--out", out, "--formats", "exr", "--mode", "frames", "--json")
    with served.start("render", scene, *job, **environment) as render:
        until(lambda: (out / "shot.0001.exr").exists() or render.poll() is not None)
        new = scene.with_name("wood.new")
        new.write_bytes(b"oak")
        new.replace(scene.with_name("wood.png"))
        beside = served.run("render", other, *job, **environment)
        said, problems = render.communicate(timeout=TIMEOUT_S)
    assert render.returncode == 0, problems
    pictures = {path.name: decode_exr(path.read_bytes())[2]["scene_digest"] for path in sorted(out.glob("*.exr"))}
    assert len(pictures) == FRAMES
    assert len(set(pictures.values())) == 1, "old and new don't meet in one sequence"
    assert not (out / "_frontburner" / "kept").exists()

    assert beside.returncode == 2
    assert f"{json.loads(said)['job_id']}" in beside.stderr
    assert "--overwrite" in beside.stderr
    assert "shot.0001.exr was written by the job" in served.run("render", other, *job, **environment).stderr
    again = served.render(scene, *job[:-1], **environment)
    assert again["reused_frames"] == 0, "the same scene, edited, is rendered again"
    assert {decode_exr(path.read_bytes())[2]["scene_digest"] for path in out.glob("*.exr")} != set(pictures.values())
