"""Scenes in a text that travelled name their files by where they were: they are read from copies that lead there."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import SceneError
from tasks.renderers import RENDERERS
from tasks.renderers.povray.source import parse
from tasks.renderers.sent_scenes import FileName, in_tree, read_latin1, replace_names, write_copies
from tests.renderers.conftest import SCENES, Bench, inspect
from tests.renderers.test_povray import HEAD, color, flat

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = f"{'a1' * 32}.tree", f"{'b2' * 32}.tree"
PIECES = st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8), st.binary(max_size=8)), max_size=6)


@given(PIECES, st.binary(max_size=8), st.randoms())
def test_names_change_and_all_else_stays_byte_for_byte(
    pieces: list[tuple[bytes, bytes, bytes]], rest: bytes, random: object
) -> None:
    text, expected, names = b"", b"", {}
    for before, old, new in pieces:
        text += before
        names[len(text), len(text) + len(old)] = new
        text, expected = text + old + b'"', expected + before + new + b'"'
    assert replace_names(text + rest, names) == expected + rest
    assert replace_names(text + rest, dict(reversed(names.items()))) == expected + rest
    assert replace_names(text, {}) == text


@given(st.binary())
def test_a_character_of_a_text_is_where_its_byte_is(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "text"
    file.write_bytes(content)
    text = read_latin1(file)
    assert len(text) == len(content)
    assert text.split() == content.decode("latin-1").split()


def test_copies_lie_as_the_texts_do_and_lead_to_each_other(tmp_path: Path) -> None:
    tree, folder = tmp_path / A, tmp_path / "copies"
    scene, part, wood = tree / "shot/a.pov", tree / "library/b.inc", tree / "library/ü.png"
    for file in (scene, part, wood):
        file.parent.mkdir(parents=True, exist_ok=True)
    scene.write_bytes(b'// f\xfcr sp\xe4ter "/library/b.inc"\r\n#include "/library/b.inc"\r\n')
    part.write_bytes('// für später\rimage_map { png "/w" }'.encode())
    before = {file: file.read_bytes() for file in (scene, part)}
    (include,) = parse(read_latin1(scene)).references
    (picture,) = parse(read_latin1(part)).references
    texts = {
        scene: [FileName(start=include.start, stop=include.start + len(include.name), path=part)],
        part: [FileName(start=picture.start, stop=picture.start + len(picture.name), path=wood)],
    }
    copies = write_copies(texts, tree=tree, folder=folder)
    assert copies == {scene: folder / "shot/a.pov", part: folder / "library/b.inc"}
    there = str(copies[part]).encode()
    assert copies[scene].read_bytes() == b'// f\xfcr sp\xe4ter "/library/b.inc"\r\n#include "' + there + b'"\r\n'
    assert copies[part].read_bytes().decode() == f'// für später\rimage_map {{ png "{wood}" }}'
    assert {file: file.read_bytes() for file in (scene, part)} == before


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    folder = tmp_path / "studio"
    for part in ("shot/parts", "library", "common"):
        (folder / part).mkdir(parents=True)
    return folder


@pytest.fixture
def away(studio: Path, tmp_path: Path) -> Callable[..., Path]:
    """Have all of the studio travel: a copy in a tree, and nothing left where it was."""

    def away(scene: Path, tree: str = A) -> Path:
        shutil.copytree(studio, in_tree(tmp_path / tree, str(studio)))
        shutil.rmtree(studio)
        return in_tree(tmp_path / tree, str(scene))

    return away


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def shot(studio: Path) -> Path:
    """A scene that names files absolutely in every place there is, from files it names absolutely and relatively."""
    library, scene = studio / "library", studio / "shot" / "room.pov"
    for name, turned in (("floor.png", 0), ("wall.png", 90), ("ball.png", 180), ("sky.png", 270)):
        Image.open(SCENES / "tiles.png").rotate(turned).save(library / name)
    shutil.copy(library / "sky.png", studio / "shot" / "near.png")
    scene.write_bytes(
        f"""// f\xfcr sp\xe4ter\r\n{HEAD}
#include "{library}/floor.inc"
#include "parts/wall.inc"
#include "../common/ball.inc"
#declare Sky = "{library}/sky.png";
plane {{ z, 9 pigment {{ image_map {{ png Sky }} }} finish {{ ambient 0 emission 1 }} }}
box {{ <0.3, 0.3, 0>, 0.4 pigment {{ image_map {{ png "near.png" }} }} finish {{ emission 1 }} }}
""".encode("latin-1")
    )
    shape = 'pigment {{ image_map {{ png "{}" }} }} finish {{ ambient 0 emission 1 }}'
    (library / "floor.inc").write_text(
        f'#include "{library}/deep"\nbox {{ <-0.5, -0.5, 0>, 0 {shape.format(library / "floor")} }}\n'
    )
    (library / "deep.inc").write_text(f"sphere {{ <0.3, -0.3, 0>, 0.1 {shape.format(library / 'floor.png')} }}\n")
    (studio / "shot/parts/wall.inc").write_text(
        f"box {{ <-0.5, 0, 0>, <0, 0.5, 1> {shape.format(library / 'wall.png')} }}\n"
    )
    (studio / "common/ball.inc").write_text(f"sphere {{ 0, 0.2 {shape.format(library / 'ball.png')} }}\n")
    return scene


def test_a_povray_scene_that_names_files_absolutely_is_the_same_once_it_travelled(
    povray: Bench, studio: Path, tmp_path: Path, away: Callable[..., Path]
) -> None:
    in_place = povray.with_(shot(studio))
    files, before = inspect(povray.process, in_place.frame).files, in_place.render().sums
    assert len(np.unique(before)) > 100, "the pictures are in it"
    scene = away(Path(in_place.frame.scene))
    sent = contents(tmp_path / A)
    copy = povray.with_(scene)
    assert copy.frame.scene_digest == in_place.frame.scene_digest
    assert set(inspect(povray.process, copy.frame).files) == {
        str(in_tree(tmp_path / A, file)) if "studio" in file else file for file in files
    }
    np.testing.assert_array_equal(copy.render().sums, before)
    assert contents(tmp_path / A) == sent


def test_an_ini_may_name_its_scene_and_folders_absolutely(
    povray: Bench, studio: Path, away: Callable[..., Path]
) -> None:
    (studio / "library/color.inc").write_text("#declare C = <Red, 0.5, Blue>;\n")
    (studio / "library/more.inc").write_text("#declare Blue = 0.75;\n")
    (studio / "shot/near.inc").write_text("#declare Red = 0.25;\n")
    (studio / "common/near.inc").write_text("#declare Red = 1;\n")
    more = f'#include "near.inc"\n#include "beside.inc"\n#include "color.inc"\n{flat("C")}'
    (studio / "common/turn.pov").write_text(f"{HEAD}{more}")
    (studio / "common/beside.inc").write_text(f'#include "{studio}/library/more.inc"\n')
    ini = studio / "shot/turn.ini"
    ini.write_text(f"Input_File_Name={studio}/common/turn.pov\nLibrary_Path={studio}/library\n")
    in_place = povray.with_(ini)
    assert color(in_place) == [0.25, 0.5, 0.75, 1]
    copy = povray.with_(away(ini))
    assert copy.frame.scene_digest == in_place.frame.scene_digest
    assert color(copy) == [0.25, 0.5, 0.75, 1]


def test_jobs_whose_scenes_name_the_same_place_do_not_meet(
    povray: Bench, studio: Path, away: Callable[..., Path]
) -> None:
    frames = []
    for tree, red in ((A, 0.25), (B, 0.5)):
        for part in ("shot", "library"):
            (studio / part).mkdir(parents=True, exist_ok=True)
        scene = studio / "shot/flat.pov"
        scene.write_text(f'{HEAD}#include "{studio}/library/flat.inc"\n')
        (studio / "library/flat.inc").write_text(f'#declare F = "{studio}/shot/flat.pov";\n{flat(f"<{red}, 0, 0>")}')
        frames.append(povray.with_(away(scene, tree)))

    def drawn(bench: Bench) -> float:
        session = RENDERERS["povray"].open(bench.frame, threads=1)
        return float(session.render(bench.unit()).sums[0, 0, 0]) / bench.frame.samples

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(drawn, frames * 2)) == [0.25, 0.5, 0.25, 0.5]


def test_what_a_scene_writes_is_not_written_into_what_was_sent(
    povray: Bench, studio: Path, tmp_path: Path, away: Callable[..., Path]
) -> None:
    scene, notes = studio / "shot/flat.pov", studio / "library/notes.txt"
    notes.write_text("0.5")
    scene.write_text(
        f'{HEAD}#declare Notes = "{notes}";\n#fopen N Notes read\n#read (N, Red)\n#fclose N\n'
        f"#fopen N Notes write\n#write (N, 1)\n#fclose N\n{flat('<Red, 0, 0>')}"
    )
    bench = povray.with_(away(scene))
    sent = contents(tmp_path / A)
    assert color(bench) == [0.5, 0, 0, 1]
    assert contents(tmp_path / A) == sent


def test_an_error_in_a_copy_is_told_with_the_name_the_scene_gives_it(
    povray: Bench, studio: Path, away: Callable[..., Path]
) -> None:
    scene, part = studio / "shot/flat.pov", studio / "library/flat.inc"
    scene.write_text(f'{HEAD}#include "{part}"\n')
    part.write_text(f'#declare S = "{scene}";\nsphere {{ 0, }}\n')
    with pytest.raises(SceneError, match=rf"wrong: {part}, line 2: "):
        povray.with_(away(scene)).render()


def test_a_name_that_is_put_together_is_told_and_not_guessed(
    povray: Bench, studio: Path, away: Callable[..., Path]
) -> None:
    shutil.copy(SCENES / "tiles.png", studio / "library")
    scene = studio / "shot/flat.pov"
    scene.write_text(
        f'{HEAD}#declare L = "{studio}/library/";\n'
        'plane { z, 1 pigment { image_map { png concat(L, "tiles.png") } } }'
    )
    povray.with_(scene).render()
    with pytest.raises(
        SceneError, match=rf"line 5, names the file {studio}/library/tiles\.png, which can't be"
    ) as told:
        povray.with_(away(scene)).render()
    assert "correct the name" in told.value.remedy
