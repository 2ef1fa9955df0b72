"""Previews of a still: now and then, of its latest passes, shown when they are made; a sequence has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from frontburner import events as ev
from frontburner.run.previews import SHOW_EVERY_S, Previews, parts_folder
from frontburner.run.progress import FrameProgress
from tasks.picture.frame_output import write_early_preview
from tasks.spec import SampleRange
from tests.run.test_limit_tracking import layout_of

PASSES = (SampleRange(start=0, stop=4), SampleRange(start=4, stop=16), SampleRange(start=16, stop=64))


@dataclass(eq=False)
class Future:
    """A preview that is being made."""

    args: tuple[Any, ...]
    status: str = "pending"

    def done(self) -> bool:
        return self.status != "pending"

    def result(self) -> bytes:
        assert self.status == "finished"
        return f"jpeg of {self.args[0]}".encode()


@dataclass
class Still:
    """A still whose passes are offered for previews, and what is shown of it."""

    frames: int = 1
    now_s: float = 0.0
    futures: list[Future] = field(default_factory=list)
    shown: list[tuple[bytes, str]] = field(default_factory=list)
    store_url: str = "/store"

    def __post_init__(self) -> None:
        self.layout = layout_of(self.frames)
        farm: Any = self
        self.previews = Previews(farm=farm, layout=self.layout, clock=lambda: self.now_s, show=self.show)

    def show(self, jpeg: bytes, caption: str) -> None:
        self.shown.append((jpeg, caption))

    def submit(self, work: Any, *args: Any, priority: int) -> Future:
        """As the farm does."""
        assert work is write_early_preview
        assert priority > 0, "it comes before units"
        self.futures.append(Future(args))
        return self.futures[-1]

    def measured(self, passes: int, noise: float | None = None) -> None:
        """Another pass was measured."""
        progress = FrameProgress(frame=1, passes=PASSES, area_px=1, measured=passes, noise=noise)
        progress.last = SimpleNamespace(moments=f"{passes} passes")
        self.previews.offer(progress)

    def poll(self, now_s: float) -> list[ev.Event]:
        """Poll at a time; returns the events of it."""
        events: list[ev.Event] = []
        self.now_s = now_s
        with ev.observe(events.append):
            self.previews.poll()
        return events

    @property
    def made_of(self) -> list[str]:
        return [future.args[0] for future in self.futures]


def test_a_preview_is_made_of_all_samples_so_far_and_shown_with_its_caption() -> None:
    still = Still()
    assert still.poll(0) == []
    still.measured(1)
    assert still.poll(0) == []
    assert [future.args for future in still.futures] == [("1 passes", still.layout.orders[1], "/store")]
    assert still.poll(1) == []
    assert not still.shown, "it isn't made yet"
    still.futures[0].status = "finished"
    (made,) = still.poll(2)
    caption = "4 of at most 64 samples a pixel"
    assert still.shown == [(b"jpeg of 1 passes", caption)]
    assert made == ev.PreviewMade(at_s=2, frame=1, samples=4, caption=caption)
    assert still.poll(3) == []
    assert len(still.shown) == 1, "once"


def test_its_noise_is_in_the_caption_as_it_was_when_the_preview_was_begun() -> None:
    still = Still()
    still.measured(2, noise=0.1234)
    still.poll(0)
    still.measured(3, noise=0.05)
    still.futures[0].status = "finished"
    (made,) = still.poll(1)
    assert isinstance(made, ev.PreviewMade)
    assert (made.samples, made.caption) == (16, "16 of at most 64 samples a pixel, noise 12.3%")


def test_the_next_is_begun_some_seconds_later_and_of_the_latest_pass() -> None:
    still = Still()
    still.measured(1)
    still.poll(0)
    still.futures[0].status = "finished"
    still.measured(2)
    still.measured(3)
    still.poll(SHOW_EVERY_S - 0.1)
    assert still.made_of == ["1 passes"]
    still.poll(SHOW_EVERY_S)
    assert still.made_of == ["1 passes", "3 passes"]
    still.futures[1].status = "finished"
    still.poll(3 * SHOW_EVERY_S)
    assert len(still.futures) == 2, "there is nothing newer"


def test_a_slow_one_is_waited_for_before_the_next_is_begun() -> None:
    still = Still()
    still.measured(1)
    still.poll(0)
    still.measured(2)
    still.poll(10 * SHOW_EVERY_S)
    assert still.made_of == ["1 passes"]
    still.futures[0].status = "finished"
    still.poll(10 * SHOW_EVERY_S + 1)
    assert still.made_of == ["1 passes", "2 passes"]
    assert len(still.shown) == 1


def test_one_that_fails_is_not_shown_and_holds_up_no_other() -> None:
    still = Still()
    still.measured(1)
    still.poll(0)
    still.futures[0].status = "error"
    still.measured(2)
    assert still.poll(SHOW_EVERY_S) == []
    assert still.shown == []
    still.futures[1].status = "finished"
    assert len(still.poll(SHOW_EVERY_S + 1)) == 1


def test_a_sequence_has_no_previews() -> None:
    sequence = Still(frames=2)
    sequence.measured(1)
    sequence.poll(0)
    assert sequence.futures == []


def test_parts_lie_in_a_folder_of_their_job() -> None:
    assert parts_folder("room-1") != parts_folder("room-2")
    assert "room-1" in parts_folder("room-1").split("/")
