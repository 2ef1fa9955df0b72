"""Numbers and names of the files of sequences, against what Blender itself does where that was tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.renderers.blender.inside import sequences


@pytest.mark.parametrize(
    ("settings", "numbers"),
    [
        ({}, [0, 0, 1, 2, 3, 3, 3]),
        ({"offset": 10}, [10, 10, 11, 12, 13, 13, 13]),
        ({"start": 2}, [0, 0, 0, 1, 2, 3, 3]),
        ({"cyclic": True}, [2, 3, 1, 2, 3, 1, 2]),
        ({"cyclic": True, "start": 3, "offset": 5}, [8, 6, 7, 8, 6, 7, 8]),
        ({"duration": 0}, [0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_the_number_of_an_image(settings: dict[str, int], numbers: list[int]) -> None:
    given = {"start": 1, "duration": 3, "offset": 0, "cyclic": False} | settings
    assert [sequences.image_number(frame, **given)[0] for frame in range(-1, 6)] == numbers  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "numbers"),
    [
        ("CLIP", [None, None, 11, 12, 13, None, None]),
        ("EXTEND", [11, 11, 11, 12, 13, 13, 13]),
        ("REPEAT", [12, 13, 11, 12, 13, 11, 12]),
        ("PING_PONG", [13, 12, 11, 12, 13, 12, 11]),
    ],
)
def test_the_number_of_a_volume(mode: str, numbers: list[int | None]) -> None:
    found = [sequences.volume_number(frame, start=1, duration=3, offset=10, mode=mode) for frame in range(-1, 6)]
    assert found == numbers


@pytest.mark.parametrize(
    ("name", "number", "image", "cache"),
    [
        ("s.0001.png", 23, "s.0023.png", "s.0023.png"),
        ("a1_v02.exr", 123, "a1_v123.exr", "a1_v123.exr"),
        ("012_left.png", 7, "007_left.png", None),
        ("plain.png", 7, "plain7.png", None),
        ("s_001.abc", -4, "s_000.abc", "s_-004.abc"),
    ],
)
def test_the_name_of_a_file(name: str, number: int, image: str, cache: str | None) -> None:
    assert sequences.image_file(Path("x1", name), number) == Path("x1", image)
    assert sequences.cache_file(Path("x1", name), number) == (cache and Path("x1", cache))


def test_the_names_of_tiles() -> None:
    assert sequences.tile_file(Path("a.<UDIM>.png"), 1012) == Path("a.1012.png")
    assert sequences.tile_file(Path("a.<UVTILE>.png"), 1012) == Path("a.u2_v2.png")
