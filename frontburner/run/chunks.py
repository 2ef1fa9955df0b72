"""What Prefect shows of a job while it is rendered: about a dozen chunks of its frames, or the passes of a still.

A chunk is a step of the flow that waits: it begins with the chunk's first unit and ends with its last. What is rendered
where and in which order is the dispatcher's, and how many frames a Dask task holds is a matter of bytes.
"""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from frontburner.jobs.frames import format_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks.spec import SampleRange

MOST_CHUNKS = 12
"""Chunks a job is shown in: in the graph of a run, the names of forty steps can be read, those of a hundred can't."""
LONGEST_TITLE = 40


class Stage(Enum):
    """What is done with a chunk."""

    RENDER = auto()
    STITCH = auto()
    DENOISE = auto()
    WRITE = auto()
    FINISH = auto()
    """Stitched, denoised and written at once: so are the frames of a sequence."""


@dataclass(slots=True, kw_only=True, eq=False)
class Chunk:
    """One step of a job's rendering, as the flow waits for it.

    Parameters
    ----------
    stage, title
        What is done, and with what: ``frames 1-12``, ``first samples``.
    frames
        Frames that belong to it.
    after
        Chunks it needs.
    """

    stage: Stage
    title: str
    frames: tuple[int, ...]
    after: tuple[Chunk, ...] = ()
    attempts: int = field(init=False, default=0)
    """How often the step has waited for it: more than once where Prefect tries it again."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _ended: Future[Any] = field(init=False, default_factory=Future)
    _released: Callable[[], Any] | None = field(init=False, default=None)
    _again: bool = field(init=False, default=False)

    def wait(self) -> Any:  # noqa: ANN401 - None, or a state of Prefect's the step ends in
        """Wait until it has ended; called by its step, on the step's own thread.

        Raises
        ------
        FrontburnerError
            What it failed by. Called once more, it is tried again.
        """
        with self._lock:
            self.attempts += 1
            if self.attempts > 1 and self._released is None:
                self._ended, self._again = Future(), True
            ended = self._ended
        ended.result()
        return self._released and self._released()

    def end(self, error: BaseException | None = None) -> None:
        """Have its step end well, or with an error."""
        with self._lock:
            if self._ended.done():
                return
            if error is None:
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)

    def release(self, state: Callable[[], Any]) -> None:
        """Have its step end at once, in the state of Prefect's that this makes, whatever becomes of the chunk.

        States are made when they are needed: of two, Prefect takes the one that was made last.
        """
        with self._lock:
            self._released = state
            if self._ended.done():
                self._ended = Future()
            self._ended.set_result(None)

    def taken_up_again(self) -> bool:
        """Whether its step has been tried again since this was last asked."""
        with self._lock:
            again, self._again = self._again, False
        return again

    @property
    def ended(self) -> bool:
        """Whether its step waits no longer."""
        return self._ended.done()


def frame_chunks(frames: Sequence[int], most: int = MOST_CHUNKS) -> list[tuple[int, ...]]:
    """Divide frames, in their order, into at most so many chunks of nearly the same length."""
    count = min(most, len(frames))
    edges = [round(index * len(frames) / count) for index in range(count + 1)] if count else []
    return [tuple(frames[a:b]) for a, b in itertools.pairwise(edges)]


def pass_chunks(
    passes: Sequence[SampleRange], most: int = MOST_CHUNKS - 1
) -> list[tuple[str, tuple[SampleRange, ...]]]:
    """Divide a still's passes into chunks, the first samples by themselves; each with what it is called."""
    if len(passes) == 1:
        return [(f"{passes[0].stop} samples", (passes[0],))]
    later = frame_chunks(range(1, len(passes)), most)
    named = [(f"samples to {passes[own[-1]].stop}", tuple(passes[index] for index in own)) for own in later]
    return [("first samples", (passes[0],)), *named]


def frames_title(frames: Sequence[int]) -> str:
    """Name frames: ``frame 7``, ``frames 1-12``, or the first and the last where there is too much in between."""
    if len(frames) == 1:
        return f"frame {frames[0]}"
    first, last = min(frames), max(frames)
    text = format_frames(tuple(sorted(frames)))
    if last - first == len(frames) - 1:
        text = f"{first}-{last}"
    return f"frames {text}" if len(text) <= LONGEST_TITLE else f"{len(frames)} frames {first}-{last}"
