"""Paths of Windows, Linux and macOS, on whichever of them this is run."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import pytest

from system import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOWS = os.sep == "\\"
STUDIO = ("P:\\", r"\\nas\projects", "/mnt/projects", "/Volumes/projects")


@pytest.fixture
def studio() -> Iterator[paths.Table]:
    table = (STUDIO, (r"P:\shots\old", "/archive/old"))
    paths.use_table(lambda: table)
    yield table
    paths.use_table(tuple)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        (r"C:\maps\wood.png", ("C", "maps", "wood.png")),
        ("c:/maps/../Maps/wood.png", ("C", "Maps", "wood.png")),
        (r"\\nas\maps\wood ü.png", ("nas", "maps", "wood ü.png")),
        (r"\\?\C:\maps\wood.png", ("C", "maps", "wood.png")),
        (r"\\?\UNC\nas\maps\wood.png", ("nas", "maps", "wood.png")),
        ("//nas/maps/wood.png", ("nas", "maps", "wood.png")),
        ("/mnt/maps/./wood.png", ("mnt", "maps", "wood.png")),
        ("/mnt/maps/a:b.png", ("mnt", "maps", "a:b.png")),
        ("P:", ("P",)),
        ("/", ()),
    ],
)
def test_absolute_paths_of_any_system_have_parts(path: str, parts: tuple[str, ...]) -> None:
    assert paths.parts_of(path) == parts


@pytest.mark.parametrize(
    "path", ["", "wood.png", "maps/wood.png", r"maps\wood.png", "C:wood.png", r"\\nas", "~/x", r"\maps"]
)
def test_other_paths_are_relative(path: str) -> None:
    assert paths.absolute_of(path) is None
    with pytest.raises(ValueError, match="not an absolute path"):
        paths.parts_of(path)


def test_a_double_slash_is_a_share_on_windows_only() -> None:
    assert paths.absolute_of("//nas/maps/a", windows=True) == PureWindowsPath(r"\\nas\maps\a")
    assert paths.absolute_of("//nas/maps/a", windows=False) == PurePosixPath("/nas/maps/a")


def test_a_name_is_read_by_the_rules_of_its_system() -> None:
    assert paths.name_of(r"C:\shots\room.a.xml").stem == "room.a"
    assert paths.name_of("/shots/room.xml").stem == "room"
    assert paths.name_of("shots/room.xml").stem == "room"


@pytest.mark.parametrize(
    "path", [r"P:\shots\a.xml", r"p:/shots\a.xml", r"\\NAS\projects\shots\a.xml", "/mnt/projects/shots/a.xml"]
)
def test_a_mapped_path_leads_to_the_name_that_this_system_has(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = (("P:\\", r"\\nas\projects", "/mnt/projects", str(tmp_path)),)
    assert paths.here(path, table) == str(tmp_path / "shots" / "a.xml"), "the others aren't there"


def test_the_first_name_counts_where_none_is_there(studio: paths.Table) -> None:
    here = paths.here("/mnt/projects/a.xml" if WINDOWS else r"\\nas\projects\a.xml", studio)
    assert here == (r"P:\a.xml" if WINDOWS else "/mnt/projects/a.xml")


def test_the_longest_name_counts_and_whole_parts_only(studio: paths.Table) -> None:
    assert paths.canonical(paths.parts_of(r"P:\shots\old\a.xml"), studio) == ("P", "shots", "old", "a.xml")
    assert paths.canonical(paths.parts_of("/archive/old/a.xml"), studio) == ("P", "shots", "old", "a.xml")
    assert paths.canonical(paths.parts_of("/mnt/projects2/a.xml"), studio) == ("mnt", "projects2", "a.xml")
    assert paths.canonical(paths.parts_of("/mnt/Projects/a.xml"), studio) == ("mnt", "Projects", "a.xml"), "case counts"
    assert paths.canonical(paths.parts_of(r"\\NAS\PROJECTS\A.xml"), studio) == ("P", "A.xml")
    other = "/mnt/projects2/a.xml" if WINDOWS else r"P2:\a.xml"
    assert paths.here(other, studio) == other


def test_a_path_whose_folder_is_there_is_left_alone(tmp_path: Path) -> None:
    paths.use_table(lambda: pytest.fail("the farm isn't asked"))
    try:
        assert paths.here(str(tmp_path / "new.exr")) == str(tmp_path / "new.exr")
        assert paths.here("rel/new.exr") == "rel/new.exr"
    finally:
        paths.use_table(tuple)


def test_names_of_one_file(studio: paths.Table) -> None:
    assert paths.are_same(r"C:\Shots\a.xml", "c:/shots/A.XML")
    assert not paths.are_same("/shots/a.xml", "/shots/A.xml")
    assert paths.are_same(r"P:\Shots\a.xml", "/mnt/projects/shots/a.xml"), "Windows sees one folder there"
    assert paths.are_same("/Volumes/projects/a.xml", r"\\nas\projects\a.xml")
    assert not paths.are_same("a.xml", "/mnt/projects/a.xml")


def test_paths_of_another_system_stay_as_they_are() -> None:
    foreign = "/home/artist/a.xml" if WINDOWS else r"C:\Users\artist\a.xml"
    assert paths.is_foreign(foreign)
    assert paths.absolute(foreign) == foreign
    assert not paths.is_foreign("a.xml")


def test_a_path_that_a_user_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Shots ü").mkdir()
    assert paths.absolute("Shots ü/a.xml") == str(tmp_path / "Shots ü" / "a.xml")
    assert paths.absolute("~") == str(Path.home())
    monkeypatch.setenv("SHOTS", str(tmp_path))
    assert paths.absolute("%SHOTS%/a") == str(tmp_path / "a" if WINDOWS else tmp_path / "%SHOTS%" / "a")
    spelled = "Shots ü" if WINDOWS else "SHOTS Ü"
    assert paths.absolute("SHOTS Ü/a.xml") == str(tmp_path / spelled / "a.xml"), (
        "as on the disk where case doesn't count"
    )


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (r"C:\maps\old\wood.png", r"'C:\maps'"),
        (r"P:\wood.png", "P:"),
        (r"\\nas\maps\a\wood.png", r"'\\nas\maps'"),
        ("/mnt/maps/a/wood.png", "/mnt/maps"),
        ("/Volumes/My Maps/a.png", "'/Volumes/My Maps'"),
    ],
)
def test_the_mapping_that_would_help(path: str, folder: str) -> None:
    assert paths.mapping_for(path).startswith(f"frontburner farm paths add {folder} ")


def test_a_table_is_changed() -> None:
    table = paths.with_mapping((), ["'P:\\'", "/mnt/projects/", r"\\nas\projects"])
    assert table == (("P:\\", "/mnt/projects", "\\\\nas\\projects\\"),)
    for names, why in (
        (["p:/", "/x"], "in the table already"),
        (["/y"], "two names"),
        (["/y", "/y"], "in the table already"),
        (["Q:", "shots"], "no absolute path"),
        (['Q:" /mnt/x'], "without a backslash before a quote"),
    ):
        with pytest.raises(ValueError, match=why):
            paths.with_mapping(table, names)
    assert paths.without_mapping(table, r"\\NAS\projects") == ()
    with pytest.raises(ValueError, match="No mapping has the name Q:"):
        paths.without_mapping(table, "Q:")
