"""The files of Blender scenes: those that a frame uses and no others, what is missing, and copies of just these."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import SceneError
from tasks.renderers.sent_scenes import in_tree
from tasks.scene.frame_scenes import FrameNumbers, FrameScene, SceneQuery, inspect_frames
from tasks.spec import Size
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES, Bench, inspect
from tests.scenes.opened_files import STRACE, opened

if TYPE_CHECKING:
    from tasks.renderers.base import SceneInfo

SCRIPT = SCENES / "make_file_scenes.py"
TREE = f"{'a1' * 32}.tree"
COMPILED = ".oso"
"""What Blender makes of scripts, beside them."""
LONG = ("volumes", "surroundings")
"""Kinds whose rendering takes seconds to begin."""
SMALL = {"size": Size(width=12, height=9), "samples": 2}
USED = {
    ("seq", 1): ["tex/s.0001.png"],
    ("seq", 3): ["tex/s.0003.png"],
    ("seqcyclic", 2): ["tex/s.0004.png"],
    ("seqcyclic", 3): ["tex/s.0003.png"],
    ("seqkeyed", 1): ["tex/s.0001.png"],
    ("seqkeyed", 2): ["tex/s.0004.png"],
    ("udim", 1): ["tex/u.1001.png", "tex/u.1002.png"],
    ("unused", 1): ["tex/a.png"],
    ("library", 1): ["libs/asset.blend", "libs/material.blend", "libs/tex/t.png"],
    ("libabs", 1): ["libs/asset.blend", "libs/material.blend", "libs/tex/t.png"],
    ("surroundings", 1): ["lamp.ies", "sky.png"],
    ("font", 1): ["used.font"],
    ("volumes", 2): ["v_003.vdb"],
    ("volumes", 3): ["v_004.vdb"],
    ("displaced", 3): ["tex/s.0003.png"],
    ("particles", 2): [f"blendcache_particles/536F75726365_00000{frame}_00.bphys" for frame in (1, 3)],
    ("particles", 5): ["blendcache_particles/536F75726365_000005_00.bphys"],
    ("external", 3): ["elsewhere/sheet_000003_00.bphys"],
    ("cloth", 3): ["blendcache_cloth/47726964_000003_00.bphys"],
    ("cloth", 5): ["blendcache_cloth/47726964_000004_00.bphys"],
}
"""The files of a frame besides the scene itself, for each kind and frame."""
USED_BY_NEWER = {
    ("caches", 3): ["abc/m_0003.abc", "c.pc2"],
    ("blurred", 3): ["abc/m_0002.abc", "abc/m_0003.abc", "c.pc2"],
    ("slowed", 5): ["abc/m_0002.abc", "c.pc2"],
    ("switched", 1): ["tex/a.png"],
    ("usd", 3): ["cache.usda", "layers/mesh.usda"],
    ("imports", 1): ["a.obj", "b.obj"],
    ("inputs", 1): ["a.obj", "b.obj"],
    ("views", 1): ["v_L.png"],
    ("script", 1): ["red.osl", "tint.h"],
    ("bakes", 3): ["bakes/1/blobs/00001_00000.blob", "bakes/1/blobs/00003_00000.blob", "bakes/1/meta/00003_00000.json"],
}
"""Those of what not every Blender is built with."""
CASES = [
    *(("blender", *case) for case in USED),
    *(("bpy", *case) for case in (*USED, *USED_BY_NEWER)),
]  # fmt: skip
Made = Callable[[str, str], tuple[Bench, Path]]


@pytest.fixture(scope="module")
def made(benches: Callable[[str], Bench], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The bench of a Blender, and a scene of a kind that this Blender made."""
    folders: dict[str, Path] = {}

    def scene(blender: str, kind: str) -> tuple[Bench, Path]:
        bench = benches(blender)
        if blender not in folders:
            folders[blender] = tmp_path_factory.mktemp(blender)
            kinds = {name for which, name, _ in CASES if which == blender} | {
                "seqmiss",
                "seqlate",
                "udimmiss",
                "libgone",
            }
            make(blender, folders[blender], *sorted(kinds), *(["computed"] if blender == "bpy" else []))
        return bench, folders[blender] / kind / f"{kind}.blend"

    return scene


def make(blender: str, folder: Path, *kinds: str) -> None:
    program = os.environ.get("FRONTBURNER_BLENDER") or "blender"
    installed = [
        program,
        "--background",
        "--factory-startup",
        "-noaudio",
        "--python-exit-code",
        "1",
        "--python",
        SCRIPT,
    ]
    command = [sys.executable, SCRIPT] if blender == "bpy" else [*installed, "--"]
    run(*command, folder, *kinds)


def run(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def told(bench: Bench, scene: Path, frame: int = 1) -> SceneInfo:
    return inspect(bench.process, replace(bench.frame, scene=str(scene), frame=frame))


def used(bench: Bench, scene: Path, frame: int = 1) -> list[str]:
    """The files of a frame, relative to the scene's folder and without what differs between makers."""
    files = told(bench, scene, frame).files
    assert files[0] == str(scene)
    names = [Path(file).relative_to(scene.parent) for file in files[1:]]
    return sorted(plain(name) for name in names)


def plain(name: Path) -> str:
    if name.parts[0] == "bakes":
        name = Path("bakes", "1", *name.parts[2:])
    return name.with_suffix(".font").as_posix() if name.suffix in (".ttf", ".woff2") else name.as_posix()


@pytest.mark.parametrize(("blender", "kind", "frame"), CASES)
def test_a_frame_has_the_files_it_uses_and_no_others(made: Made, blender: str, kind: str, frame: int) -> None:
    assert used(*made(blender, kind), frame) == (USED | USED_BY_NEWER)[kind, frame]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("seqmiss", r"s\.0003\.png \(the image 's\.0001\.png', for frame 3\)\. Put"),
        ("udimmiss", r"u\.1002\.png \(the image 'u\.1001\.png'\)\. Put"),
        ("libgone", r"libraries don't have any more: the object 'Asset' of \S*asset\.blend\."),
    ],
)
@pytest.mark.parametrize("blender", ["bpy", "blender"])
def test_what_is_missing_is_named_with_what_needs_it(made: Made, blender: str, kind: str, says: str) -> None:
    bench, scene = made(blender, kind)
    frames = tuple(FrameScene(frame=frame, path=str(scene)) for frame in range(1, 6))
    query = SceneQuery(renderer="blender", build=bench.frame.build, frames=frames)
    with pytest.raises(SceneError, match=says):
        bench.process.call(inspect_frames, query)


def test_the_scenes_own_frames_are_known_though_the_first_one_looked_at_lacks_files(made: Made) -> None:
    bench, scene = made("bpy", "seqmiss")
    looked_at = (FrameScene(frame=3, path=str(scene)),)
    query = SceneQuery(
        renderer="blender", build=bench.frame.build, frames=looked_at, numbers=FrameNumbers.CURRENT
    )  # fmt: skip
    assert list(bench.process.call(inspect_frames, query)) == [1]


def test_a_sequence_that_has_not_begun_is_drawn_as_blender_does_and_said(made: Made) -> None:
    bench, scene = made("bpy", "seqlate")
    note = "Before frame 4, the image 's.0001.png' has no picture: Blender draws magenta where it is seen."
    assert note in told(bench, scene, 2).notes
    assert note not in told(bench, scene, 4).notes
    assert used(bench, scene, 5) == ["tex/s.0002.png"]


def test_a_simulation_at_half_the_speed_takes_twice_as_many_frames(made: Made) -> None:
    (cloth,) = told(*made("bpy", "slowed")).simulations
    assert (cloth.first, cloth.last) == (2, 40)


def test_a_path_that_is_computed_is_said_and_not_sent(made: Made, tmp_path: Path) -> None:
    bench, scene = made("bpy", "computed")
    says = "Which file is imported by the node 'Import OBJ.001' of 'Nodes' is computed while it renders"
    assert any(note.startswith(says) for note in told(bench, scene).notes)
    copy = in_tree(tmp_path / TREE, str(scene))
    shutil.copytree(scene.parent, copy.parent)
    with pytest.raises(SceneError, match=says):
        told(bench, copy)


@pytest.mark.parametrize("blender", ["bpy", "blender"])
def test_a_frame_changes_with_its_own_files_alone(made: Made, blender: str, tmp_path: Path) -> None:
    bench, original = made(blender, "seq")
    scene = shutil.copytree(original.parent, tmp_path / "seq") / original.name
    first, second = (told(bench, scene, frame).digest for frame in (1, 2))
    assert first != second
    shown = bench.with_(scene, frame=2).means()
    shutil.copy(scene.parent / "tex/s.0003.png", scene.parent / "tex/s.0002.png")
    assert told(bench, scene, 1).digest == first
    assert told(bench, scene, 2).digest != second
    assert not np.allclose(bench.with_(scene, frame=2).means(), shown, atol=0.1), "what is shown is the new file"


@pytest.mark.parametrize(
    ("blender", "kind"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] if case[1] in LONG else [])
        for case in sorted({(blender, kind) for blender, kind, _ in CASES})
    ],
)
def test_a_copy_of_these_files_alone_is_the_same_picture(made: Made, blender: str, kind: str, tmp_path: Path) -> None:
    """The files of each frame arrive when it is rendered, as they do on a node, and nothing is left where they were."""
    bench, original = made(blender, kind)
    scene = shutil.copytree(original.parent, tmp_path / "here" / kind) / original.name
    make_here(blender, kind, scene)
    frames = sorted({frame for which, name, frame in CASES if (which, name) == (blender, kind)} | {2})
    infos = {frame: told(bench, scene, frame) for frame in frames}
    pictures = {frame: bench.with_(scene, frame=frame, **SMALL).render().sums for frame in frames}
    away = scene.parent.rename(tmp_path / "away")
    for frame in frames:
        for file in map(Path, infos[frame].files):
            place = in_tree(tmp_path / TREE, str(file))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(away / file.relative_to(scene.parent), place)
        sent = bench.with_(in_tree(tmp_path / TREE, str(scene)), frame=frame, **SMALL)
        assert sent.frame.scene_digest == infos[frame].digest
        np.testing.assert_array_equal(sent.render().sums, pictures[frame])


def make_here(blender: str, kind: str, scene: Path) -> None:
    """Make a scene at its place again if it names files by absolute paths."""
    if kind in ABSOLUTE:
        shutil.rmtree(scene.parent)
        make(blender, scene.parents[1], kind)


ABSOLUTE = (
    "seqcyclic", "udim", "libabs", "surroundings", "script", "font", "volumes", "caches", "blurred", "slowed", "usd",
    "imports", "inputs", "views", "bakes",
)  # fmt: skip


def test_oceans_and_fluids_read_the_files_of_their_frame(benches: Callable[[str], Bench]) -> None:
    benches("bpy")  # skips where there is none
    command = [sys.executable, str(SCENES / "list_caches.py")]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    assert found["ocean"] == [["disp_0001.exr"], ["disp_0003.exr"], ["disp_0004.exr"]]
    assert found["fluid"] == [
        [],
        ["mesh/fluid_mesh_0001.bobj.gz"],
        ["config/config_0002.uni", "data/fluid_data_0002.vdb"],
        ["config/config_0003.uni"],
        [],
    ]
    assert found["unbaked"] == ["config/config_0003.uni"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace isn't installed")
@pytest.mark.parametrize("blender", ["bpy", "blender"])
def test_blender_opens_these_files_and_no_others(made: Made, blender: str, tmp_path: Path) -> None:
    cases = [(kind, frame) for which, kind, frame in CASES if which == blender]
    listed = {(kind, at): set(told(*made(blender, kind), at).files) for kind, frame in cases for at in (1, frame)}
    scenes = [f"{made(blender, kind)[1]}@{frame}" for kind, frame in cases]
    for compiled in made(blender, "seq")[1].parents[1].glob(f"script/*{COMPILED}"):
        compiled.unlink()
    run(*STRACE, tmp_path / "trace", *renderer_command(blender), *scenes)
    found = opened(tmp_path / "trace")
    for (kind, frame), scene in zip(cases, scenes, strict=True):
        folder = made(blender, kind)[1].parent
        read = {file for file in found[scene] if Path(file).is_relative_to(folder) and not file.endswith(COMPILED)}
        assert read - listed[kind, 1] <= listed[kind, frame] <= read, (kind, frame)  # it is opened at frame 1


def renderer_command(blender: str) -> list[object]:
    script = SCENES / "render_frames.py"
    program = os.environ.get("FRONTBURNER_BLENDER") or "blender"
    installed = [program, "--background", "--factory-startup", "-noaudio", "--python", script, "--"]
    return [sys.executable, script] if blender == "bpy" else installed
