"""Chunks of a job as steps: when each begins and ends, whatever happens to its frames."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontburner import events as ev
from frontburner.plan.block import Block
from frontburner.run.chunks import MAX_CHUNKS, Chunk, Stage, frame_chunks, frames_title, pass_chunks
from frontburner.run.step_states import SequenceSteps, StillSteps
from storage.errors import FrontburnerError, StoreError
from tasks.node.frame_tasks import RETRIES
from tasks.spec import Region, SampleRange

if TYPE_CHECKING:
    from collections.abc import Sequence

REGION = Region(x0=0, y0=0, x1=8, y1=8)
ONE = SampleRange(start=0, stop=16)
PASSES = (SampleRange(start=0, stop=4), SampleRange(start=4, stop=16), SampleRange(start=16, stop=64))
AWAY = StoreError(reason="The store is away.", remedy="Start it.", retryable=True, url="s3://x")
BAD = FrontburnerError(reason="The tiles don't fit.", remedy="")


def started(frame: int, samples: SampleRange = ONE) -> ev.UnitStarted:
    return ev.UnitStarted(at_s=0.0, node="n", block=Block(frame=frame, samples=samples, region=REGION))


def waits(chunk: Chunk) -> object:
    """What a step of a chunk comes to that has begun to wait before it ended."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(chunk.wait).result(10)


class Failed(dict[int, FrontburnerError]):
    """Frames that were given up."""

    def __call__(self, frame: int, error: FrontburnerError) -> None:
        self[frame] = error


@given(st.integers(1, 500), st.integers(1, 20))
def test_frames_are_divided_in_order_into_chunks_of_nearly_the_same_length(frames: int, most: int) -> None:
    chunks = frame_chunks(range(frames), most)
    assert [frame for chunk in chunks for frame in chunk] == list(range(frames))
    lengths = {len(chunk) for chunk in chunks}
    assert len(chunks) == min(most, frames)
    assert max(lengths) - min(lengths) <= 1


def test_a_resume_of_a_few_frames_has_as_many_chunks_as_any_job() -> None:
    assert len(frame_chunks(range(980, 1000))) == MAX_CHUNKS


@pytest.mark.parametrize(
    ("frames", "title"),
    [
        ((7,), "frame 7"), ((1, 2), "frames 1-2"), ((3, 1, 2), "frames 1-3"), ((1, 3, 5), "frames 1-5x2"),
        (tuple(n * n for n in range(1, 40)), "39 frames 1-1521"),
    ],
)  # fmt: skip
def test_titles_are_short(frames: tuple[int, ...], title: str) -> None:
    assert frames_title(frames) == title


def test_passes_of_a_still_are_named_by_the_samples_they_come_to() -> None:
    assert [title for title, _ in pass_chunks(PASSES)] == ["first samples", "samples to 16", "samples to 64"]
    assert pass_chunks((ONE,)) == [("16 samples", (ONE,))]
    many = tuple(SampleRange(start=n, stop=n + 1) for n in range(100))
    assert len(pass_chunks(many)) == MAX_CHUNKS
    assert [own for _, passes in pass_chunks(many) for own in passes] == list(many)


def test_a_chunk_begins_with_its_first_unit_and_its_pictures_when_all_are_rendered() -> None:
    steps = SequenceSteps(frames=range(24), on_failed=Failed())
    assert not list(steps.ready())
    steps.take(started(1))
    (render,) = steps.ready()
    assert (render.stage, render.title, render.ended) == (Stage.RENDER, "frames 0-1", False)
    steps.rendered(1)
    steps.ended(1, Stage.FINISH, None)
    assert [render.ended, *steps.ready()] == [False]
    steps.rendered(0)
    (finish,) = steps.ready()
    assert (finish.stage, finish.after, finish.ended) == (Stage.FINISH, (render,), False)
    assert waits(render) is None
    steps.ended(0, Stage.FINISH, None)
    assert waits(finish) is None


def test_a_frame_that_cant_be_finished_is_tried_again_by_its_step_and_no_other_is() -> None:
    failed = Failed()
    steps = SequenceSteps(frames=range(24), on_failed=failed)
    for frame in (0, 1):
        steps.take(started(frame))
        steps.rendered(frame)
    _, finish = steps.ready()
    steps.ended(0, Stage.FINISH, None)
    with ThreadPoolExecutor(1) as pool:
        for attempt in range(RETRIES + 1):
            waiting = pool.submit(finish.wait)
            while finish.attempts <= attempt:
                threading.Event().wait(0.001)
            if attempt:
                assert list(steps.retried()) == [1]
            steps.ended(1, Stage.FINISH, AWAY)
            assert steps.retrying == (attempt < RETRIES)
            with pytest.raises(StoreError):
                waiting.result(10)
    assert failed == {1: AWAY}


def test_what_a_retry_cant_help_fails_its_frame_at_once_and_the_others_are_in_place() -> None:
    failed = Failed()
    steps = SequenceSteps(frames=range(2), on_failed=failed)
    steps.take(started(0))
    steps.rendered(0)
    render, finish = steps.ready()
    assert render.title == "frame 0"
    steps.ended(0, Stage.FINISH, BAD)
    assert failed == {0: BAD}
    assert not steps.retrying
    with pytest.raises(FrontburnerError, match="don't fit"):
        finish.wait()


def test_a_chunk_with_a_frame_that_cant_be_rendered_says_so_and_its_others_are_finished() -> None:
    steps = SequenceSteps(frames=range(24), on_failed=Failed())
    steps.take(started(0))
    steps.take(ev.FrameFailed(at_s=1.0, frame=0, reason="It crashed everywhere."))
    steps.rendered(1)
    render, finish = steps.ready()
    with pytest.raises(FrontburnerError, match="1 of 2 frames failed; frame 0: It crashed"):
        render.wait()
    steps.ended(1, Stage.FINISH, None)
    assert waits(finish) is None


def test_a_chunk_none_of_whose_frames_can_be_rendered_has_nothing_to_finish() -> None:
    steps = SequenceSteps(frames=range(2), on_failed=Failed())
    steps.take(started(1))
    steps.take(ev.FrameFailed(at_s=1.0, frame=1, reason="It crashed everywhere."))
    (render,) = steps.ready()
    with pytest.raises(FrontburnerError, match="It crashed everywhere"):
        render.wait()


def test_a_frame_that_is_rendered_again_is_shown_by_itself() -> None:
    steps = SequenceSteps(frames=range(24), on_failed=Failed())
    for frame in (0, 1):
        steps.take(started(frame))
        steps.rendered(frame)
    render, finish = steps.ready()
    steps.ended(0, Stage.FINISH, None)
    steps.render_again(1, BAD)
    assert waits(finish) is None, "nothing is left of it"
    steps.take(started(1))
    (again,) = steps.ready()
    assert (again.title, again.after) == ("frame 1 again", (render,))
    steps.rendered(1)
    (last,) = steps.ready()
    steps.ended(1, Stage.FINISH, None)
    assert waits(last) is None


class Still:
    """A still whose passes are covered when a test says so."""

    def __init__(self, *, denoise: bool = False) -> None:
        self.covered: set[SampleRange] = set()
        self.failed = Failed()
        self.steps = StillSteps(frame=1, passes=PASSES, denoise=denoise, covers=self.covers, on_failed=self.failed)

    def covers(self, _frame: int, passes: Sequence[SampleRange]) -> bool:
        return self.covered.issuperset(passes)


def test_a_still_shows_its_passes_one_after_the_other_then_stitch_denoise_and_write() -> None:
    still = Still(denoise=True)
    steps = still.steps
    shown: list[Chunk] = []
    for index, samples in enumerate(PASSES):
        steps.take(started(1, samples))
        shown += steps.ready()
        assert [chunk.stage for chunk in shown] == [Stage.RENDER] * (index + 1)
        assert not shown[-1].ended
        still.covered.add(samples)
        shown += steps.ready()
        assert shown[-1].ended
    steps.rendered(1)
    shown += steps.ready()
    for stage in (Stage.STITCH, Stage.DENOISE, Stage.WRITE):
        assert (shown[-1].stage, shown[-1].ended) == (stage, False)
        steps.ended(1, stage, None)
        shown += steps.ready()
    assert shown[-1].ended
    assert all(chunk.after == (before,) for before, chunk in itertools.pairwise(shown))


def test_a_pass_that_begins_early_is_shown_when_the_one_before_it_has_ended() -> None:
    still = Still()
    still.steps.take(started(1, PASSES[0]))
    still.steps.take(started(1, PASSES[1]))
    assert [chunk.title for chunk in still.steps.ready()] == ["first samples"]
    still.covered.add(PASSES[0])
    assert [chunk.title for chunk in still.steps.ready()] == ["samples to 16"]


def test_passes_that_are_never_needed_are_never_shown() -> None:
    still = Still()
    still.steps.take(started(1, PASSES[0]))
    first = list(still.steps.ready())
    still.steps.rendered(1)
    assert [chunk.stage for chunk in still.steps.ready()] == [Stage.STITCH]
    assert first[0].ended


def test_a_stage_of_a_still_is_tried_again_by_its_step() -> None:
    still = Still()
    still.steps.take(started(1, PASSES[0]))
    still.steps.rendered(1)
    *_, stitch = still.steps.ready()
    still.steps.ended(1, Stage.STITCH, None)
    (write,) = still.steps.ready()
    assert stitch.ended
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(write.wait)
        while write.attempts < 1:
            threading.Event().wait(0.001)
        still.steps.ended(1, Stage.WRITE, AWAY)
        with pytest.raises(StoreError):
            first.result(10)
        assert still.steps.retrying
        second = pool.submit(write.wait)
        while write.attempts < 2:
            threading.Event().wait(0.001)
        assert list(still.steps.retried()) == [1]
        still.steps.ended(1, Stage.WRITE, None)
        assert second.result(10) is None
    assert not still.failed


def test_a_chunk_that_is_released_ends_its_step_in_that_state_even_between_two_attempts() -> None:
    chunk = Chunk(stage=Stage.RENDER, title="frames 1-2", frames=(1, 2))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(chunk.wait)
        while not chunk.attempts:
            threading.Event().wait(0.001)
        chunk.end_in_state(lambda: "suspended")
        assert waiting.result(10) == "suspended"
    late = Chunk(stage=Stage.FINISH, title="frames 1-2", frames=(1, 2))
    late.end(AWAY)
    with pytest.raises(StoreError):
        late.wait()
    late.end_in_state(lambda: "suspended")
    assert late.wait() == "suspended"
