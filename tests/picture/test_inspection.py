"""Frames that stand out are found and named, and those that only move are not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.picture.figures import Figures, figures, figures_from
from tasks.picture.inspection import Fault, all_frames, findings
from tests.picture.footage import HEIGHT, WIDTH, picture

FRAMES = range(1, 25)


def sequence() -> dict[int, Figures]:
    return {frame: figures(picture(frame)) for frame in FRAMES}


def faults(measured: dict[int, Figures]) -> dict[int, Fault]:
    return {finding.frame: finding.fault for finding in findings(measured)}


def test_a_good_sequence_has_nothing_to_tell() -> None:
    assert faults(sequence()) == {}


def test_each_fault_is_found_at_its_frame_and_nowhere_else() -> None:
    measured = sequence()
    measured[4] = figures(np.zeros((HEIGHT, WIDTH, 4), np.float32))
    measured[8] = measured[7]
    spoilt = picture(12)
    spoilt[3, 5, 1] = np.nan
    measured[12] = figures(spoilt)
    measured[16] = figures(picture(16) * np.float32(1.3))
    sparkling = picture(20)
    places = np.random.default_rng(1).choice(HEIGHT * WIDTH // 49, 30, replace=False)
    for place in places:  # each in a patch of its own
        y, x = divmod(int(place), WIDTH // 7)
        sparkling[7 * y + 3, 7 * x + 3, :3] = 50.0
    measured[20] = figures(sparkling)
    found = findings(measured)
    assert {each.frame: each.fault for each in found} == {
        4: Fault.BLACK, 8: Fault.DUPLICATE, 12: Fault.NOT_FINITE, 16: Fault.FLICKER, 20: Fault.FIREFLIES,
    }  # fmt: skip
    said = {each.frame: each.sentence for each in found}
    assert said[8] == "the same pixels as frame 7"
    assert said[12] == "1 pixel infinite or not a number"
    assert said[16].startswith("0.38 stops off the frames before and after it")
    assert said[20].startswith("30 fireflies; half of the frames have 0")


def test_a_sequence_that_is_black_throughout_is_told_once() -> None:
    measured = dict.fromkeys(FRAMES, figures(np.zeros((HEIGHT, WIDTH, 4), np.float32)))
    (finding,) = findings(measured)
    assert (finding.frame, finding.sentence) == (
        1,
        "black: its brightest pixel is 0.0000; all other frames are like this",
    )
    assert all_frames([finding]) == tuple(FRAMES)


def test_a_fade_and_a_title_card_are_meant() -> None:
    """A shot fades from black, through white, and to black; a title card stands still on one colour."""
    black = {1: 1, 2: 1, 3: 1, 4: 0.8, 5: 0.6, 6: 0.4, 7: 0.2, 21: 0.2, 22: 0.5, 23: 0.8, 24: 1}
    white = {12: 0.3, 13: 0.6, 14: 0.8, 15: 1, 16: 1, 17: 0.7, 18: 0.4}
    faded = {}
    for frame in FRAMES:
        to_black, to_white = np.float32(black.get(frame, 0)), np.float32(white.get(frame, 0))
        faded[frame] = figures(picture(frame) * (1 - to_black) * (1 - to_white) + to_white)
    assert faults(faded) == {}
    card = np.full((HEIGHT, WIDTH, 4), 0.3, np.float32)
    card[40:50, 30:130, :3] = 1.0
    assert faults(dict.fromkeys(FRAMES, figures(card))) == {}


def test_empty_frames_between_others_are_told() -> None:
    measured = sequence()
    for frame in (7, 12, 13, 14, 15, 16):
        measured[frame] = figures(np.zeros((HEIGHT, WIDTH, 4), np.float32))
    measured[20] = figures(np.full((HEIGHT, WIDTH, 4), 0.2, np.float32))
    assert faults(measured) == {7: Fault.BLACK, 12: Fault.BLACK, 20: Fault.ONE_COLOUR}
    assert all_frames(findings(measured)) == (7, 12, 13, 14, 15, 16, 20)


def test_magenta_is_only_suspicious_where_images_may_be_missing() -> None:
    measured = sequence()
    spoilt = picture(9)
    spoilt[10:20, 10:40, :3] = 0.9, 0.03, 0.8
    measured[9] = figures(spoilt)
    assert faults(measured) == {}
    (finding,) = findings(measured, ["oak.png"])
    assert (finding.frame, finding.fault) == (9, Fault.MAGENTA)
    assert finding.sentence == "2.1% magenta, as an image that can't be read is drawn; its image is oak.png"
    for colour in ((1, 0.1, 0.6), (0.8, 0.3, 0.8), (0.9, 0.0, 0.2)):  # pink, orchid, red
        assert figures(np.full((HEIGHT, WIDTH, 3), colour, np.float32)).magenta == 0


def test_figures_of_earlier_versions_are_read() -> None:
    document = figures(picture(1)).document()
    assert figures_from(document) == figures(picture(1))
    older = figures_from({name: value for name, value in document.items() if name not in ("spread", "magenta")})
    assert faults(dict.fromkeys(FRAMES, older)) == {}


def test_a_frame_that_got_another_one_s_pixels_is_the_one_that_is_named() -> None:
    measured = sequence()
    measured[5] = measured[20]
    assert faults(measured) == {5: Fault.DUPLICATE}


def test_a_cut_a_hold_and_a_loop_are_meant() -> None:
    cut = {frame: figures(picture(frame) * np.float32(1 if frame < 12 else 0.3)) for frame in FRAMES}
    on_twos = {frame: figures(picture(frame // 2)) for frame in FRAMES}
    loop = sequence()
    loop[24] = loop[1]
    assert faults(cut) == faults(on_twos) == {}
    assert 24 not in faults(loop) or faults(loop)[24] is not Fault.DUPLICATE


def test_a_thin_bright_line_and_bright_areas_are_no_fireflies() -> None:
    lit = picture(1)
    lit[40, :, :3] = 20.0
    lit[:, 100:, :3] = 20.0
    assert figures(lit).fireflies == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (8, 8), (91, 161)])
def test_pictures_of_any_shape_are_measured(shape: tuple[int, int]) -> None:
    own = figures(np.full((*shape, 3), 0.25, np.float32))
    assert own.cells == pytest.approx([0.25] * len(own.cells), rel=1e-4)
    assert (own.bad_px, own.fireflies) == (0, 0)
    assert figures_from(json.loads(json.dumps(own.document()))) == own


@given(st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=144))
def test_packed_cells_give_the_same_numbers_again_in_few_bytes(light: list[float]) -> None:
    told = [float(f"{value:.5g}") for value in light]
    own = figures_from({"digest": "d", "brightest": 1.0, "bad_px": 0, "fireflies": 0, "light": told})
    assert own.document()["light"] == told
    assert len(own.light) == 4 * len(light), "a job keeps those of all its frames"


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 3))
def test_noise_is_no_flicker(seed: int, level: float) -> None:
    random = np.random.default_rng(seed)
    noisy = {
        frame: figures(picture(frame) * random.uniform(1 - level / 4, 1 + level / 4, (HEIGHT, WIDTH, 1)).astype("f4"))
        for frame in range(1, 9)
    }
    assert Fault.FLICKER not in faults(noisy).values()
