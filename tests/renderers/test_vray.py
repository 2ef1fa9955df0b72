"""V-Ray Standalone's adapter against a stand-in that knows its flags and plays what its users report.

One file over 300 lines: all tests share the stand-in for V-Ray.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.scenes import frame_scenes
from frontburner.plan.unit_sizer import Mode
from tasks.errors import NodeNotReady, ProgramFailed, SceneError
from tasks.renderers import RENDERERS
from tasks.renderers.sent_scenes import in_tree
from tasks.spec import FrameSpec, Region, SampleRange, Size, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SIZE = Size(width=12, height=8)
PART = Region(x0=3, y0=2, x1=9, y1=7)
VRAY = RENDERERS["vray"]
SCENE = """// a room
SettingsOutput out { img_width=12; img_height=8; }
RenderView view { fov=0.7; scene_name=ListString("view", "scene/view"); }
RenderView view2 { scene_name=ListString("close_up", "scene/close_up"); }
CameraPhysical close_up@physical { f_number=4; scene_name=ListString("close_up", "scene/close_up"); }
BitmapBuffer wood { file="oak.png"; }
#include "lamps.vrscene"
"""


def stand_in(name: str, folder: Path) -> Path:
    """A program that starts a stand-in."""
    path = folder / name
    module = f"tests.renderers.stand_ins.{name}"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m {module} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, and a cache in which its trial is kept."""
    folder = tmp_path_factory.mktemp("installation")
    stand_in("vray", folder)
    return folder


@pytest.fixture
def scene(installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scene, on a node where the stand-in is V-Ray."""
    notes, folder = tmp_path / "notes", tmp_path / "scene"
    notes.mkdir()
    folder.mkdir()
    (folder / "room.vrscene").write_text(SCENE)
    (folder / "lamps.vrscene").write_text("LightSphere lamp { radius=1; }\n")
    (folder / "oak.png").write_bytes(b"a picture")
    monkeypatch.setenv("FRONTBURNER_VRAY", str(installation / "vray"))
    monkeypatch.setenv("STAND_IN_NOTES", str(notes))
    monkeypatch.setenv("XDG_CACHE_HOME", str(installation / "cache"))
    return folder / "room.vrscene"


@pytest.fixture
def untried(scene: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A node on which V-Ray was not tried yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda part: monkeypatch.setenv("STAND_IN_DOES", part)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A node on which V-Ray is soon given up."""
    monkeypatch.setattr("tasks.process.hang_detection.CHECK_EVERY_S", 0.1)
    monkeypatch.setattr("tasks.renderers.program.run.POLL_S", 0.1)
    changed(monkeypatch, tmp_path, "still_s: 3\n")


def changed(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    (folder / "vray.yaml").write_text(text)
    monkeypatch.setenv("FRONTBURNER_VRAY_FLAGS", str(folder / "vray.yaml"))


def frame_of(scene: Path, **more: object) -> FrameSpec:
    (build,) = VRAY.builds()
    info = VRAY.inspect(scene, build=build, frame=4, parameters=())
    frame = FrameSpec(
        renderer="vray", build=build, scene=str(scene), scene_digest=info.digest, frame=4, size=SIZE, samples=1
    )  # fmt: skip
    return replace(frame, **more)  # type: ignore[arg-type]


def render(frame: FrameSpec, region: Region | None = None) -> np.ndarray:
    unit = UnitSpec(frame=frame, region=region or frame.size.whole, samples=SampleRange(start=0, stop=1))
    return VRAY.open(frame, threads=3).render(unit).sums


def calls(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "notes" / "calls").read_text().splitlines()
    return [call for line in lines if "canary" not in (call := json.loads(line))["sceneFile"]]


@pytest.mark.usefixtures("untried")
def test_a_build_is_known_by_its_version_once_it_has_rendered(scene: Path, tmp_path: Path) -> None:
    assert VRAY.builds() == ("6.20.00 vray",)
    assert (tmp_path / "notes" / "calls").exists(), "it was really tried"


def test_a_whole_frame_and_a_region_are_rendered_as_they_are_asked_for(scene: Path, tmp_path: Path) -> None:
    frame = frame_of(scene)
    whole = render(frame)
    assert whole.shape == (8, 12, 4)
    np.testing.assert_array_equal(whole[..., 0], np.tile(np.arange(12) / 256, (8, 1)))
    assert (whole[..., 2] == 4 / 16).all()
    np.testing.assert_array_equal(render(frame, PART), whole[2:7, 3:9])
    first, second = calls(tmp_path)
    assert "crop" not in first
    assert second["crop"] == "3;2;9;7"
    assert (second["frames"], second["numThreads"], second["distributed"]) == ("4", "3", "0")


def test_cameras_and_parameters_are_passed_on(scene: Path, tmp_path: Path) -> None:
    render(frame_of(scene, camera="1", parameters=(("wood::gamma", "2.2"),)))
    (call,) = calls(tmp_path)
    assert call["camera"] == "close_up"
    assert call["parameterOverride"] == "wood::gamma=2.2"


def test_a_region_of_the_scene_is_not_rendered_instead_of_the_picture(scene: Path, tmp_path: Path) -> None:
    scene.write_text("SettingsOutput out { img_width=12; img_height=8; rgn_width=4; rgn_height=4; }\n")
    render(frame_of(scene))
    render(frame_of(scene), PART)
    assert [(call.get("region"), "crop" in call) for call in calls(tmp_path)] == [("none", False), (None, True)]


def test_a_scene_that_travelled_is_handed_over_with_names_that_lead_where_its_files_are(
    scene: Path, tmp_path: Path
) -> None:
    studio, tree = scene.parent, tmp_path / f"{'b2' * 32}.tree"
    there = in_tree(tree, str(studio))
    for name in ("stone.png", "wände.png", "grid.ies"):
        (studio / name).write_text(f"what is in {name}")

    def texts(old: str, new: str, relative: str = "", included: str = "") -> dict[str, bytes]:
        """The scene as it is, or as it has to be handed over."""
        return {
            "room.vrscene": SCENE.replace('"oak', f'"{relative}oak').replace('"lamps', f'"{included}lamps').encode()
            + f'/* für später: file="{old}stone.png" */ BitmapBuffer floor {{ file="{new}stone.png"; }}\r\n'
            f'SettingsLightCache cache {{ auto_save_file="{old}stone.png"; }}\r\n'.encode("latin-1")
            + f'#include "{included or old}walls.vrscene"\r\n'.encode(),
            "walls.vrscene": f'BitmapBuffer wall {{ file="{new}wände.png"; }}\n'.encode()
            + f'#include "{included}lamps.vrscene"\n'.encode(),
            "lamps.vrscene": f'LightIES lamp {{ radius=1; file="{relative}grid.ies"; }}\n'.encode(),
        }

    for name, text in texts(f"/{studio}/", f"/{studio}/").items():
        (studio / name).write_bytes(text)
    in_place = frame_of(scene)
    picture = render(in_place)
    shutil.copytree(studio, there)
    shutil.rmtree(studio)
    sent = {file.name: file.read_bytes() for file in there.iterdir()}
    frame = frame_of(there / scene.name)
    assert frame.scene_digest == in_place.scene_digest
    np.testing.assert_array_equal(render(frame), picture)
    read = {Path(name): text.encode("latin-1") for name, text in calls(tmp_path)[1]["read"].items()}
    assert {file.name for file in read} == set(sent), "nothing is missed"
    copies = next(file.parent for file in read if file.suffix == ".vrscene")
    assert {file for file in read if file.suffix != ".vrscene"} == {there / name for name in sent if ".vr" not in name}
    handed_over = texts(f"/{studio}/", f"{there}/", relative=f"{there}/", included=f"{copies}/")
    assert {file.name: text for file, text in read.items()} == sent | handed_over
    assert {file.name: file.read_bytes() for file in there.iterdir()} == sent


def test_every_flag_can_be_changed(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(
        monkeypatch, tmp_path,
        'flags:\n  crop: "-crop={x0};{y0};{last_x};{last_y}"\n  verbose: -verboseLevel=4\n  alone: ""\n',
    )  # fmt: skip
    monkeypatch.setenv("STAND_IN_DOES", "inclusive")
    frame = frame_of(scene)
    assert frame.build != "6.20.00 vray", "other flags may give other pixels"
    assert render(frame, PART).shape == (5, 6, 4)
    (call,) = calls(tmp_path)
    assert (call["crop"], call["verboseLevel"], "distributed" in call) == ("3;2;8;6", "4", False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("flags: {croop: x}", "there is no croop"),
        ('flags: {crop: "-crop={left}"}', r"\{left\} isn't known"),
        ("speed: 3", "speed"),
        ("still_s: long", "still_s"),
        ("[", "vray.yaml is wrong"),
    ],
)
def test_wrong_changes_are_told(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    changed(monkeypatch, tmp_path, text)
    with pytest.raises(NodeNotReady, match=says):
        VRAY.builds()


@pytest.mark.parametrize(
    ("part", "region", "says"),
    [
        ("licence", None, "no V-Ray licence"),
        ("misleading", None, "no V-Ray licence"),
        ("never set up", None, "never run on this node by this user"),
        ("texture", None, r"misses a file of the scene on this node: //server/maps/oak\.exr"),
        ("version", None, r"another version than the scene: .*newer version, 7\.10"),
        ("blank", None, "an empty picture"),
        ("nan", None, "infinite or not a number, the first at 0,0"),
        ("whole", PART, r"a picture of 12x8 \(the whole frame\) instead of 6x5"),
        ("inclusive", PART, "a picture of 7x6 instead of 6x5"),
        ("no file", None, "ended well but left no picture"),
    ],
)
def test_what_it_hides_is_told(
    scene: Path, plays: Callable[[str], None], part: str, region: Region | None, says: str
) -> None:
    frame = frame_of(scene)
    plays(part)
    with pytest.raises(ProgramFailed, match=says) as caught:
        render(frame, region)
    assert caught.value.remedy


@pytest.mark.usefixtures("impatient")
def test_a_hidden_dialog_is_given_up(scene: Path, plays: Callable[[str], None]) -> None:
    frame = frame_of(scene)
    plays("dialog")
    with pytest.raises(ProgramFailed, match=r"did nothing for 3 s.*licence.*dialog.*by hand"):
        render(frame)


@pytest.mark.usefixtures("untried")
def test_a_first_run_sets_it_up_and_the_second_renders(
    scene: Path, plays: Callable[[str], None], tmp_path: Path
) -> None:
    plays("first run")
    assert VRAY.builds(), "the trial is a first run"
    (tmp_path / "notes" / "setup").unlink()
    assert render(frame_of(scene)).any()
    assert len(calls(tmp_path)) == 2


@pytest.mark.usefixtures("untried")
def test_a_node_that_cannot_render_at_all_says_why(scene: Path, plays: Callable[[str], None]) -> None:
    plays("licence")
    with pytest.raises(NodeNotReady, match="it got no licence"):
        VRAY.builds()
    plays("")
    assert VRAY.builds(), "a licence may be free again: that there was none isn't kept"


def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_VRAY", "/nowhere/vray")
    with pytest.raises(NodeNotReady, match="there is no program /nowhere/vray"):
        VRAY.builds()


def test_another_version_is_refused(scene: Path) -> None:
    with pytest.raises(NodeNotReady, match=r"is 6\.20\.00 vray, the job's is 5\.2 vray"):
        VRAY.open(replace(frame_of(scene), build="5.2 vray"), threads=1)


def test_a_scene_says_its_size_cameras_and_files(scene: Path) -> None:
    info = VRAY.inspect(scene, build="", frame=1, parameters=())
    assert (info.size, info.cameras) == (SIZE, ("view", "close_up"))
    assert {Path(file).name for file in info.files} == {"room.vrscene", "lamps.vrscene", "oak.png"}
    frame = frame_of(scene)
    (scene.parent / "oak.png").write_bytes(b"another picture")
    with pytest.raises(SceneError, match="changed while the job ran"):
        render(frame)
    (scene.parent / "oak.png").unlink()
    with pytest.raises(SceneError, match=r"files that don't exist: oak\.png"):
        VRAY.inspect(scene, build="", frame=1, parameters=())


@pytest.mark.parametrize(
    ("engines", "says"),
    [
        ("primary_engine=2; secondary_engine=3;", "a light cache"),
        ("primary_engine=0; secondary_engine=2;", "an irradiance map"),
        ("primary_engine=2; secondary_engine=2;", ""),
        ("on=0; primary_engine=0;", ""),
    ],
)
def test_light_that_is_kept_in_caches_is_not_cut(scene: Path, engines: str, says: str) -> None:
    scene.write_text(SCENE + f"SettingsGI gi {{ {engines} }}\n")
    because = VRAY.inspect(scene, build="", frame=1, parameters=()).whole_frames_because
    assert (says in because) if says else not because


def test_it_is_cut_only_where_its_owner_saw_that_regions_fit(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mode() -> Mode:
        (build,) = VRAY.builds()
        job = make_job({"scene": str(scene)})
        infos = {1: VRAY.inspect(scene, build=build, frame=1, parameters=())}
        return lay_out(
            job, build=build, capabilities=VRAY.capabilities(build), scenes=frame_scenes(job), infos=infos
        ).mode  # fmt: skip

    assert mode() is Mode.FRAMES
    changed(monkeypatch, tmp_path, "regions: true\n")
    assert mode() is Mode.AUTO


def test_samples_are_the_scenes_own(scene: Path) -> None:
    (build,) = VRAY.builds()
    job = make_job({"scene": str(scene), "samples": 64})
    infos = {1: VRAY.inspect(scene, build=build, frame=1, parameters=())}
    with pytest.raises(JobRefused, match=r"samples as the scene says\. Leave samples empty"):
        lay_out(job, build=build, capabilities=VRAY.capabilities(build), scenes=frame_scenes(job), infos=infos)


def test_the_stand_in_refuses_what_it_does_not_know(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, tmp_path, 'flags: {verbose: "-loudness=3"}\n')
    with pytest.raises(NodeNotReady, match="option -loudness=3"):
        VRAY.builds()
