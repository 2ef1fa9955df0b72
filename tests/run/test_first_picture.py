"""What is wrong with the first picture of a run is said at once, and taken back when the picture comes in later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from frontburner import events as ev
from frontburner.run import first_picture
from frontburner.run.first_picture import FirstPicture
from tasks.picture.figures import figures
from tasks.picture.frame_output import FrameRecord
from tests.picture.footage import HEIGHT, WIDTH, picture

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

GREY = np.full((HEIGHT, WIDTH, 4), 0.2, np.float32)
PATCH = picture(1)
PATCH[10:20, 10:40, :3] = 0.9, 0.03, 0.8


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_picture, "get_run_logger", lambda: __import__("logging").getLogger("run"))


def told(
    pictures: Iterable[npt.NDArray[np.float32]], *, images: tuple[str, ...] = (), still: bool = False
) -> list[ev.Event]:
    events: list[ev.Event] = []
    first = FirstPicture(images=images, still=still, clock=lambda: 1.0)
    end = ev.observe(events.append)
    try:
        for frame, pixels in enumerate(pictures, 1):
            first.take(FrameRecord(frame=frame, files={}, figures=figures(pixels)))
    finally:
        end()
    return events


def sentences(events: list[ev.Event]) -> list[str]:
    return [event.sentence for event in events if isinstance(event, ev.FrameFlagged)]


def test_a_black_sequence_is_told_once_and_at_once() -> None:
    (sentence,) = sentences(told([picture(1) * 0] * 200))
    assert sentence.startswith("black: its brightest pixel is 0.0000. Check its camera, its lights")
    assert sentence.endswith("unless it fades in")


def test_a_picture_that_fades_in_is_not_flagged_any_more_once_it_is_seen() -> None:
    events = told([picture(1) * 0, picture(2) * np.float32(0.1), picture(3)])
    assert [type(event).__name__ for event in events] == ["FramesChecked", "FrameFlagged", "FramesChecked"]


def test_a_good_picture_and_one_that_follows_tell_nothing() -> None:
    assert told([picture(1), picture(1) * 0, GREY]) == []


def test_a_picture_of_one_colour_is_told() -> None:
    assert sentences(told([GREY]))[0].startswith("all pixels have the same colour. Unless that is meant")


def test_magenta_names_the_scene_s_images_and_only_there() -> None:
    (sentence,) = sentences(told([PATCH], images=("a.png", "b.png", "c.png", "d.png")))
    assert sentence.startswith("2.1% magenta, as an image that can't be read is drawn; its images are a.png, b.png, ")
    assert "c.png and 1 more. Unless that is meant" in sentence
    assert told([PATCH]) == []


def test_a_still_is_checked_too() -> None:
    assert [type(event).__name__ for event in told([picture(1)], still=True)] == ["FramesChecked"]
    assert len(sentences(told([GREY], still=True))) == 1
