"""Frame numbers are read as people write them, and what can't be read is named with its remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontburner.jobs.frames import FRAMES_SYNTAX, MAX_FRAMES, format_frames, parse_frames

frames = st.sets(st.integers(-400, 400) | st.integers(-(10**9), 10**9), min_size=1, max_size=60).map(
    lambda s: tuple(sorted(s))
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", (12,)),
        ("0", (0,)),
        ("1-4", (1, 2, 3, 4)),
        ("5-5", (5,)),
        ("1-9x4", (1, 5, 9)),
        ("1-10x4", (1, 5, 9)),
        ("3,1,2,2-4", (1, 2, 3, 4)),
        (" 1 - 3 , 7 , 10 - 14 x 2 ", (1, 2, 3, 7, 10, 12, 14)),
        ("0001-0003", (1, 2, 3)),
        ("-2-1", (-2, -1, 0, 1)),
        ("-10--5x2,-1", (-10, -8, -6, -1)),
    ],
)
def test_numbers_ranges_and_steps_are_read(text: str, expected: tuple[int, ...]) -> None:
    assert parse_frames(text) == expected


@given(frames=frames)
def test_what_is_written_is_read_back(frames: tuple[int, ...]) -> None:
    text = format_frames(frames)
    assert parse_frames(text) == frames
    assert len(text) <= len(",".join(map(str, frames)))


@given(first=st.integers(-9999, 9999), count=st.integers(3, 500), step=st.integers(1, 20))
def test_an_even_run_is_written_as_one_range(first: int, count: int, step: int) -> None:
    frames = tuple(range(first, first + count * step, step))
    assert format_frames(frames) == f"{first}-{frames[-1]}" + (f"x{step}" if step > 1 else "")


@pytest.mark.parametrize("text", ["", "a", "1-", "--5", "1,,2", "1x2", "1-5x", "1.5", "1 2", "1-5x-1", "1:5", "1-2-3"])
def test_what_is_no_frame_is_named_with_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match="is not a frame or a range of frames") as refusal:
        parse_frames(text)
    assert str(refusal.value).startswith(tuple(f"'{part}' is not" for part in text.split(",")))
    assert str(refusal.value).endswith(FRAMES_SYNTAX)


def test_only_the_part_that_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"^'6O' is not") as refusal:
        parse_frames("1-48, 6O, 70")
    assert "1-48," not in str(refusal.value).replace(FRAMES_SYNTAX, "")


def test_a_range_that_ends_before_it_begins_is_turned_round_for_the_user() -> None:
    with pytest.raises(ValueError, match=r"'48-1' ends before it begins: did you mean 1-48\?"):
        parse_frames("3,48-1")


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'1-9x0' has a step of 0: a step is 1 or more"):
        parse_frames("1-9x0")


def test_as_many_frames_as_allowed_are_read() -> None:
    assert len(parse_frames(f"1-{MAX_FRAMES}")) == MAX_FRAMES
    assert len(parse_frames("0-999999999x1000")) == MAX_FRAMES


@pytest.mark.parametrize("text", [f"0-{MAX_FRAMES}", "1-99999999999999", f"1-{MAX_FRAMES},{MAX_FRAMES + 1}"])
def test_too_many_frames_are_refused_before_they_fill_the_memory(text: str) -> None:
    with pytest.raises(ValueError, match=r"more than 1,000,000 frames. Split the job."):
        parse_frames(text)
