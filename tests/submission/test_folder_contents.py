"""Entries of a watched folder: what is rendered, which files belong to it, and when it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from frontburner.submission.folder_contents import MISSING_S, Settling, entries_in

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_scenes_jobs_and_folders_are_entries(tmp_path: Path) -> None:
    for name in ("room.blend", "walk.xml", "walk.keys.yaml", "ball.pov", "cube.GLB", "paint.png", "notes.txt",
                 ".hidden.blend", "half.blend.part", "room.blend1", "done/old.blend", "failed/bad.xml",
                 "pictures/a.png", "shop/shop.xml", "shop/wood.png"):  # fmt: skip
        put(tmp_path / name)
    put(tmp_path / "tonight.yaml", "scene: /far/away.blend")
    found = {drop.name: drop for drop in entries_in(tmp_path)}
    assert set(found) == {"room.blend", "walk.xml", "ball.pov", "cube.GLB", "tonight.yaml", "shop"}
    assert found["walk.xml"].others == (tmp_path / "walk.keys.yaml",)
    assert found["shop"].render == tmp_path / "shop" / "shop.xml"
    assert found["tonight.yaml"].others == ()


def test_a_scene_that_a_job_names_is_part_of_it(tmp_path: Path) -> None:
    job = put(tmp_path / "job.yaml", "scene: room.xml\nsamples: 3")
    (drop,) = entries_in(tmp_path)
    assert drop.missing == tmp_path / "room.xml"
    room, keys = put(tmp_path / "room.xml"), put(tmp_path / "room.keys.yaml")
    (drop,) = entries_in(tmp_path)
    assert (drop.render, drop.others, drop.missing) == (job, (room, keys), None)


def test_numbered_scenes_are_part_of_the_job_that_names_them(tmp_path: Path) -> None:
    put(tmp_path / "job.yaml", "scene: shot.####.xml")
    frames = tuple(put(tmp_path / f"shot.000{number}.xml") for number in (1, 2))
    (drop,) = entries_in(tmp_path)
    assert drop.others == frames


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a.xml", "b.xml"), "several scenes or jobs: a.xml, b.xml. Add a job file"),
        (("a.png",), "no scene and no job file at the top of the folder"),
    ],
)
def test_an_ambiguous_folder(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    for name in names:
        put(tmp_path / "drop" / name)
    (drop,) = entries_in(tmp_path)
    assert drop.render is None
    assert words in drop.problem
    put(tmp_path / "drop" / "job.yaml", "scene: a.xml")
    (drop,) = entries_in(tmp_path)
    assert (drop.render, drop.problem) == (tmp_path / "drop" / "job.yaml", "")


def test_an_entry_is_complete_once_it_stays_unchanged(tmp_path: Path) -> None:
    settling = Settling(settle_s=3)

    def complete(now_s: float) -> list[str]:
        return [drop.name for drop in settling.complete(entries_in(tmp_path), now_s)]

    put(tmp_path / "b.xml", "")
    assert complete(0) == []
    assert complete(10) == [], "an empty file is one that is about to be written"
    put(tmp_path / "b.xml", "half")
    put(tmp_path / "a" / "a.xml", "whole")
    assert complete(11) == []
    assert complete(13.9) == []
    put(tmp_path / "b.xml", "all of it")
    assert complete(14) == ["a"]
    assert complete(16) == ["a"]
    put(tmp_path / "a" / "paint.png", "more")
    assert complete(17) == ["b.xml"]
    assert complete(20) == ["b.xml", "a"], "the one that came to rest first goes first"


def test_a_job_waits_for_its_scene_for_a_while(tmp_path: Path) -> None:
    settling = Settling(settle_s=3)
    put(tmp_path / "job.yaml", "scene: room.xml")
    for now_s in (0.0, 4.0, MISSING_S - 1):
        assert settling.complete(entries_in(tmp_path), now_s) == []
    (drop,) = settling.complete(entries_in(tmp_path), MISSING_S)
    assert drop.missing == tmp_path / "room.xml"
