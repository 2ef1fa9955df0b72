"""What is read of a ``.vrscene``: its files in each frame, its size, frames and cameras, and what isn't honoured."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.errors import SceneError
from tasks.renderers import RENDERERS, frames_of
from tasks.renderers.sent_scenes import in_tree
from tasks.renderers.vray.scene import local_scene_file, read
from tasks.spec import Size

if TYPE_CHECKING:
    from tasks.renderers.base import SceneInfo

VRAY = RENDERERS["vray"]
OUTPUT = "SettingsOutput o { img_width=100; img_height=50; }\n"


def written(folder: Path, text: str, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    scene = folder / "s.vrscene"
    scene.write_bytes(text.encode("latin-1"))
    return scene


def inspect(scene: Path, frame: int = 1) -> SceneInfo:
    return VRAY.inspect(scene, build="", frame=frame, parameters=())


def listed(scene: Path, frame: int = 1) -> set[str]:
    found = {Path(file).relative_to(scene.parent).as_posix() for file in inspect(scene, frame).files}
    return found - {scene.name}


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ('VRayScene s { filepath="a.vrscene"; }', {"a.vrscene"}),
        ('PhxShaderCache c { cache_path="maps/c.aur"; }', {"maps/c.aur"}),
        ('CameraPhysical c { bmpaperture_tex_path="a.png"; distortion_tex_path=""; }', {"a.png"}),
        ('SphericalHarmonicsRenderer r { file_name="a.png"; }', {"a.png"}),
        ('TexSeq q { filenames=ListString("a.png", "b.png"); }', {"a.png", "b.png"}),
        # A text of several lines, in which // begins no comment, and a quote that is escaped.
        ('TexOSL t { osl_code="shader a() {\n // it\'s "; file="a.png"; }', {"a.png"}),
        ('TexOSL t { osl_code="string s = \\"//x\\"; int file=\\"gone.png\\"; // y"; file="a.png"; }', {"a.png"}),
        ('Node n { user_attributes="file=\\"gone.png\\";"; }', set()),
        ('LightIES l { cache_dir="C:\\old\\"; ies_file="a.png"; }', {"a.png"}),
        ('/* #include "gone.vrscene" */\r\n// #include "gone2.vrscene"\r\n  #include "a.vrscene"\r\n', {"a.vrscene"}),
        ('BitmapBuffer b { /* file="gone.png"; */ file = // the wood\n "a.png" ; }', {"a.png"}),
        ('BitmapBuffer b { file="maps\\c.png"; }', {"maps/c.png"}),
        # Lights that are computed anew, and what V-Ray writes.
        ('SettingsLightCache l { mode=0; file="C:\\old\\lc.vrlmap"; auto_save_file="x"; }', set()),
        ('SettingsIrradianceMap i { mode=2; file="gone.vrmap"; } SettingsGI g { on=0; }', set()),
        ('SettingsGI g { on=1; secondary_engine=3; } SettingsLightCache l { mode=2; file="a.png"; }', {"a.png"}),
        ('BRDFSSS2Complex s { prepass_fileName="gone"; prepass_mode=0; }', set()),
        ('BRDFSSS2Complex s { prepass_fileName="a.png"; prepass_mode=2; }', {"a.png"}),
        ('SettingsOutput o { img_file="a{b}.png"; img_dir="C:\\gone\\"; }', set()),
        ('GeomMeshFile g { file="a.png"; object_path="/scene/chair"; }', {"a.png"}),
    ],
)  # fmt: skip
def test_the_files_that_are_read_are_found(tmp_path: Path, text: str, files: set[str]) -> None:
    scene = written(tmp_path, text, "a.png", "b.png", "a.vrscene", "maps/c.png", "maps/c.aur")
    assert listed(scene) == files
    for name in files:
        (tmp_path / name).unlink()
    if files:
        with pytest.raises(SceneError, match="files that don't exist"):
            inspect(scene)


def test_a_scene_of_any_suffix_is_included_and_one_that_is_shown_has_no_say(tmp_path: Path) -> None:
    scene = written(
        tmp_path, '#include "INC.VRSCENE"\nVRayScene v { filepath="sub/shown.vrscene"; }\n', "a.png", "sub/b.png"
    )
    (tmp_path / "INC.VRSCENE").write_text(OUTPUT + 'BitmapBuffer b { file="a.png"; }')
    (tmp_path / "sub" / "shown.vrscene").write_text(
        'SettingsOutput o { img_width=7; } SettingsGI g { on=1; primary_engine=3; } BitmapBuffer b { file="b.png"; }'
    )
    assert listed(scene) == {"INC.VRSCENE", "a.png", "sub/shown.vrscene", "sub/b.png"}
    assert (inspect(scene).size, inspect(scene).whole_frames_because) == (Size(width=100, height=50), "")


def test_each_frame_has_its_own_files(tmp_path: Path) -> None:
    names = [f"{stem}.{number}.png" for stem in ("tex", "off") for number in ("0001", "0002", "x")]
    tiles = ("u.1001.png", "u.1002.png", "u.2001.png", "1001/t.png")
    scene = written(
        tmp_path,
        'BitmapBuffer a { file="tex.<frame04>.png"; } BitmapBuffer b { file="off.<frame04>.png"; frame_offset=1; }\n'
        'BitmapBuffer c { file="u.<UDIM>.png"; } BitmapBuffer d { file="<UDIM>/t.png"; }\n'
        'BitmapBuffer e { file=interpolate((0,"e0.png")); } BitmapBuffer e { file=interpolate((2,"e2.png")); }',
        *names, *tiles, "e0.png", "e2.png",
    )  # fmt: skip
    always = {"off.0001.png", "off.0002.png", "u.1001.png", "u.1002.png", "1001/t.png"}
    assert listed(scene, 2) == always | {"tex.0002.png", "e2.png"}
    assert listed(scene, 1) == always | {"tex.0001.png", "e0.png", "e2.png"}
    with pytest.raises(SceneError, match=r"don't exist: tex\.0003\.png\."):
        inspect(scene, 3)


def test_a_file_with_just_this_name_is_meant(tmp_path: Path) -> None:
    name = "$5 <x>##.png"
    assert listed(written(tmp_path, f'BitmapBuffer b {{ file="{name}"; }}', name)) == {name}


def test_what_only_v_ray_can_find_is_noted(tmp_path: Path) -> None:
    names = ("https://x/y.png", "$(<UDIM>)/a.png", "%MAPS%/b.png")
    scene = written(tmp_path, "".join(f'BitmapBuffer b{i} {{ file="{name}"; }}\n' for i, name in enumerate(names)))
    assert listed(scene) == set()
    for name in names:
        assert any(name in note for note in inspect(scene).notes)


def test_a_path_of_windows_is_refused_elsewhere_with_a_remedy_that_can_work(tmp_path: Path) -> None:
    scene = written(tmp_path, r'BitmapBuffer b { file="C:\maps\oak.png"; } BitmapBuffer c { file="\\server\s\p.png"; }')
    with pytest.raises(SceneError) as caught:
        inspect(scene)
    assert r"don't exist: C:\maps\oak.png, \\server\s\p.png." in caught.value.reason
    assert r"frontburner farm paths add 'C:\maps' /FOLDER" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "size", "frames"),
    [
        ('SettingsOutput o { img_width=100; img_height=50; img_file="a{b}.png"; }', (100, 50), ()),
        ("SettingsOutput o { img_width=interpolate((0,100)); img_height=interpolate((0,50),(10,70)); }", (100, 60), ()),
        ("SettingsOutput o { img_width=9; anim_start=0; anim_end=10; frames=ListInt(42); }", (9, 480), (42,)),
        ("SettingsOutput o { anim_start=-1; anim_end=1; }", (640, 480), (-1, 0, 1)),
        ("SettingsOutput o { frames=List(1, List(4, 6), 2); }", (640, 480), (1, 2, 4, 5, 6)),
        ("SettingsOutput o { frames=List(0.5); }", (640, 480), ()),
        ("", (640, 480), ()),
        # A plugin that is defined again: keys are added, other values replaced.
        (
            "SettingsOutput o { img_height=interpolate((0,50)); } SettingsOutput o { img_height=interpolate((9,68)); }",
            (640, 60),
            (),
        ),
        ("SettingsOutput o { img_width=9; } SettingsOutput o { img_width=8; }", (8, 480), ()),
    ],
)
def test_size_and_frames_are_the_scenes(
    tmp_path: Path, text: str, size: tuple[int, int], frames: tuple[int, ...]
) -> None:
    scene = written(tmp_path, text)
    assert inspect(scene, 5).size == Size(width=size[0], height=size[1])
    assert frames_of(scene) == frames


@pytest.mark.parametrize(
    ("text", "cameras"),
    [
        ("CameraPhysical __theSceneCamera__ { fov=0.28; } RenderView renderView { fov=0.28; }", ("renderView",)),
        ('RenderView v { scene_name=ListString("Cam01", "scene/Cam01"); } CameraPhysical c@p { scene_name="Cam01"; }',
         ("Cam01",)),
        ('RenderView a { scene_name=ListString("A"); } RenderView b { scene_name=ListString("B"); }', ("A", "B")),
        ("CameraPhysical close_up { f_number=4; }", ("close_up",)),
        (OUTPUT, ("0",)),
    ],
)  # fmt: skip
def test_a_view_and_its_camera_are_one(tmp_path: Path, text: str, cameras: tuple[str, ...]) -> None:
    assert inspect(written(tmp_path, text)).cameras == cameras


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("SettingsOutput o { img_width=100; img_height=50; rgn_left=10; rgn_width=20; rgn_height=20; }", "own region"),
        ("SettingsOutput o { img_width=100; img_height=50; r_width=20; r_height=20; }", "own region"),
        ("SettingsOutput a { img_width=100; } SettingsOutput b { img_width=200; }", "output 2 times (a, b)"),
        ("RenderChannelColor c { name=1; }", "1 render elements are not delivered"),
    ],
)
def test_what_is_not_honoured_is_said(tmp_path: Path, text: str, note: str) -> None:
    assert note in " ".join(inspect(written(tmp_path, text)).notes)


def test_nothing_is_said_where_all_is_honoured(tmp_path: Path) -> None:
    text = "SettingsOutput o { img_width=100; img_height=50; rgn_width=100; rgn_height=50; }"
    assert inspect(written(tmp_path, text)).notes == ("V-Ray samples as its scene says.",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SettingsGI g { primary_engine=0; }", "an irradiance map"),
        ("SettingsGI g { on=1; secondary_engine=3; } SettingsLightCache l { mode=0; }", "a light cache"),
        ('SettingsGI g { on=1; secondary_engine=3; } SettingsLightCache l { mode=2; file="a.png"; }', ""),
        ("SettingsGI g { on=0; secondary_engine=3; }", ""),
    ],
)
def test_only_a_cache_that_is_computed_anew_forbids_regions(tmp_path: Path, text: str, says: str) -> None:
    because = inspect(written(tmp_path, text, "a.png")).whole_frames_because
    assert (says in because) if says else not because


def test_a_negative_frame_is_refused_since_the_flag_takes_a_range(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="V-Ray's command line takes no negative frames, such as -2"):
        inspect(written(tmp_path, OUTPUT), -2)


def test_a_sequence_that_was_sent_is_read_where_it_is(tmp_path: Path) -> None:
    studio, tree = tmp_path / "studio", tmp_path / f"{'b2' * 32}.tree"
    studio.mkdir()
    scene = written(studio, f'BitmapBuffer a {{ file="{studio}/tex.<frame04>.png"; }}', "tex.0007.png")
    there = in_tree(tree, str(studio))
    shutil.copytree(studio, there)
    shutil.rmtree(studio)
    found = read(there / scene.name, 7)
    assert found.files == {"s.vrscene": there / "s.vrscene", "tex.0007.png": there / "tex.0007.png"}
    assert f'file="{there}/tex.<frame04>.png"' in local_scene_file(there / scene.name, found, tmp_path).read_text()
