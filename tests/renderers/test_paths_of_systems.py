"""Scenes that name files as another system does: sent ones need nothing, for others the farm has mappings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from system import paths
from tasks.errors import SceneError
from tasks.renderers.null import Null
from tasks.renderers.povray.files import files_of
from tasks.renderers.povray.options import options_of
from tasks.renderers.scene_files import name_beside
from tasks.renderers.sent_scenes import in_tree, local_path, tree_name
from tasks.renderers.vray.adapter import Vray
from tasks.renderers.vray.scene import local_scene_file, read

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOWS = os.sep == "\\"
TREE = tree_name("ab" * 32)
VRSCENE = r"""#include "{0}more.vrscene"
BitmapBuffer a {{ file="{0}wood.png"; }}
BitmapBuffer b {{ file="{1}tile.<UDIM>.png"; }}
BitmapBuffer c {{ file="near.png"; }}
SettingsOutput o {{ img_width=8; img_height=8; }}
"""
ORIGINS = {
    "Windows": (r"C:\shots\room", "C:\\maps\\", "\\\\nas\\maps\\"),
    "Windows with slashes": ("C:/shots/room", "c:/maps/", "//nas/maps/" if WINDOWS else "\\\\nas\\maps\\"),
    "Linux": ("/studio/shots/room", "/library/", "/mnt/maps/"),
}


@pytest.fixture(params=ORIGINS)
def origin(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """A scene without its ending, and two folders of textures, as the submitting machine names them."""
    return ORIGINS[request.param]


@pytest.fixture
def mapped(tmp_path: Path) -> Iterator[Path]:
    """A folder of this machine that others know as P: and /mnt/projects."""
    (folder := tmp_path / "projects").mkdir()
    paths.use_table(lambda: (("P:\\", "/mnt/projects", r"\\nas\projects", str(folder)),))
    yield folder
    paths.use_table(tuple)


def written(text: str | bytes, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return place


def test_a_sent_vrscene_finds_what_it_names_from_wherever_it_comes(
    origin: tuple[str, str, str], tmp_path: Path
) -> None:
    scene, maps, share = origin
    tree = tmp_path / TREE
    sent = written(VRSCENE.format(maps, share), in_tree(tree, f"{scene}.vrscene"))
    texts = {
        f"{maps}more.vrscene": 'BitmapBuffer d { file="near.png"; }',
        f"{maps}wood.png": "w",
        f"{share}tile.1001.png": "t",
    }
    for name, text in texts.items():
        written(text, in_tree(tree, name))
    written("n", sent.with_name("near.png"))
    found = read(sent, 1)
    assert set(found.files.values()) == {sent, sent.with_name("near.png"), *(in_tree(tree, name) for name in texts)}
    copy = local_scene_file(sent, found, tmp_path / "copy").read_text(encoding="utf-8")
    assert f'"{in_tree(tree, maps + "wood.png")}"' in copy
    assert f'"{in_tree(tree, share + "tile.<UDIM>.png")}"' in copy


def test_the_digest_of_a_scene_knows_drives_and_shares_as_a_tree_does(tmp_path: Path) -> None:
    tree, files = tmp_path / TREE, (r"C:\maps\a", r"\\nas\m\a", "/x/a")
    names = [name_beside(in_tree(tree, path), in_tree(tree, r"C:\shots")) for path in files]
    assert names == ["../maps/a", "../../nas/m/a", "../../x/a"]
    if WINDOWS:
        assert [name_beside(Path(path), Path(r"c:\shots")) for path in files[:2]] == names[:2]


def test_a_mapped_folder_has_one_name_in_digests(mapped: Path, tmp_path: Path) -> None:
    tree = tmp_path / TREE
    (mapped / "tex").mkdir()
    assert name_beside(mapped / "tex" / "a", mapped / "shots") == "../tex/a"
    for name in (r"P:\tex\a", "/mnt/projects/tex/a", r"\\NAS\projects\tex\a"):
        assert name_beside(in_tree(tree, name), in_tree(tree, r"\\nas\projects\shots")) == "../tex/a"


@pytest.mark.parametrize("folder", ["P:\\", "p:/", "\\\\nas\\projects\\", "/mnt/projects/"])
def test_a_vrscene_in_place_finds_what_it_names_by_a_mapping(folder: str, mapped: Path, tmp_path: Path) -> None:
    scene = written(VRSCENE.format(folder, f"{folder}tex/"), mapped / "shots" / "room.vrscene")
    texts = [written('BitmapBuffer d { file="near.png"; }', mapped / "more.vrscene"), written("w", mapped / "wood.png")]
    texts += [written("t", mapped / "tex" / "tile.1001.png"), written("n", scene.with_name("near.png"))]
    info = Vray().inspect(scene, build="", frame=1, parameters=())
    assert set(map(Path, info.files)) == {scene, *texts}
    copy = local_scene_file(scene, read(scene, 1), tmp_path / "copy").read_text(encoding="utf-8")
    assert f'"{mapped / "wood.png"}"' in copy
    relative = scene.with_name("relative.vrscene")
    written(VRSCENE.format("../", "../tex/"), relative)
    names = set(read(relative, 1).files) - {"relative.vrscene"}
    assert names == set(read(scene, 1).files) - {"room.vrscene"}, "the same scene, however it names its files"


def test_a_povray_scene_finds_what_it_names(origin: tuple[str, str, str], tmp_path: Path) -> None:
    scene, maps, share = origin
    tree = tmp_path / TREE
    text = f'#include "{maps}part.inc"\nplane {{ z, 9 pigment {{ image_map {{ png "{share}sky.png" }} }} }}\n'
    sent = written(text, in_tree(tree, f"{scene}.pov"))
    others = [written("", in_tree(tree, f"{maps}part.inc")), written("", in_tree(tree, f"{share}sky.png"))]
    found = files_of(options_of(sent), sent, ())
    assert set(found.named.values()) == {sent, *others}
    assert {name.path for name in found.relocated[sent]} == set(others)


def test_backslashes_of_relative_names_are_slashes(tmp_path: Path) -> None:
    written("w", tmp_path / "maps" / "wood.png")
    scene = written('{"files": ["maps\\\\wood.png"]}', tmp_path / "room.json")
    info = Null().inspect(scene, build="", frame=1, parameters=())
    assert [Path(file) for file in info.files][-1] == tmp_path / "maps" / "wood.png"
    assert local_path(r"maps\other.png", scene=scene) == r"maps\other.png"


def test_a_missing_file_is_named_as_the_scene_names_it_with_the_mapping_that_would_help(tmp_path: Path) -> None:
    name, folder = ("/mnt/maps/a/wood.png", "/mnt/maps") if WINDOWS else (r"\\nas\maps\a\wood.png", r"'\\nas\maps'")
    scene = written(f'BitmapBuffer a {{ file="{name}"; }}', tmp_path / "room.vrscene")
    with pytest.raises(SceneError) as caught:
        read(scene, 1)
    assert f"don't exist: {name}." in caught.value.reason
    assert f"(frontburner farm paths add {folder} " in caught.value.remedy
