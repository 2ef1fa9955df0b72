"""The chunks in which Prefect shows a job: about a dozen groups of its frames, or the passes of a still.

A chunk is a step of the flow that waits: it begins with the chunk's first unit and ends with its last. The dispatcher
decides what is rendered where and in which order, and bytes how many frames a Dask task holds.
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

MAX_CHUNKS = 12
"""The graph of a run has readable names for forty steps, not for a hundred."""
MAX_TITLE = 40


class Stage(Enum):
    """What is done with a chunk."""

    RENDER = auto()
    STITCH = auto()
    DENOISE = auto()
    WRITE = auto()
    FINISH = auto()
    """Stitched, denoised and written at once, as the frames of a sequence are."""


@dataclass(slots=True, kw_only=True, eq=False)
class Chunk:
    """One step of a job's rendering, as the flow waits for it.

    Parameters
    ----------
    stage, title
        What is done, and with what: ``frames 1-12``, ``first samples``.
    frames
        Its frames.
    after
        Chunks it depends on.
    """

    stage: Stage
    title: str
    frames: tuple[int, ...]
    after: tuple[Chunk, ...] = ()
    attempts: int = field(init=False, default=0)
    """How often the step has waited for it: more than once if Prefect retries it."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _ended: Future[Any] = field(init=False, default_factory=Future)
    _end_state: Callable[[], Any] | None = field(init=False, default=None)
    _retried: bool = field(init=False, default=False)

    def wait(self) -> Any:  # noqa: ANN401 - None, or a state of Prefect's the step ends in
        """Wait until the chunk has ended; called by its step, in the step's thread. Another call retries it.

        Raises
        ------
        FrontburnerError
            The error it ended with.
        """
        with self._lock:
            self.attempts += 1
            if self.attempts > 1 and self._end_state is None:
                self._ended, self._retried = Future(), True
            ended = self._ended
        ended.result()
        return self._end_state and self._end_state()

    def end(self, error: BaseException | None = None) -> None:
        """End its step, successfully or with an error."""
        with self._lock:
            if self._ended.done():
                return
            if error is None:
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)

    def end_in_state(self, make_state: Callable[[], Any]) -> None:
        """End its step at once, in the state of Prefect's that a function makes, whatever becomes of the chunk.

        The step makes the state itself when it ends: of several states, Prefect takes the one made last.
        """
        with self._lock:
            self._end_state = make_state
            if self._ended.done():
                self._ended = Future()
            self._ended.set_result(None)

    def take_retry(self) -> bool:
        """Whether its step has been retried since the last call."""
        with self._lock:
            retried, self._retried = self._retried, False
        return retried

    @property
    def ended(self) -> bool:
        """Whether its step no longer waits."""
        return self._ended.done()


def frame_chunks(frames: Sequence[int], most: int = MAX_CHUNKS) -> list[tuple[int, ...]]:
    """Divide frames, in their order, into at most so many chunks of nearly equal length."""
    count = min(most, len(frames))
    edges = [round(index * len(frames) / count) for index in range(count + 1)] if count else []
    return [tuple(frames[a:b]) for a, b in itertools.pairwise(edges)]


def pass_chunks(passes: Sequence[SampleRange], most: int = MAX_CHUNKS - 1) -> list[tuple[str, tuple[SampleRange, ...]]]:
    """Divide a still's passes into titled chunks, the first samples by themselves."""
    if len(passes) == 1:
        return [(f"{passes[0].stop} samples", (passes[0],))]
    later = frame_chunks(range(1, len(passes)), most)
    titled = [(f"samples to {passes[chunk[-1]].stop}", tuple(passes[index] for index in chunk)) for chunk in later]
    return [("first samples", (passes[0],)), *titled]


def frames_title(frames: Sequence[int]) -> str:
    """Name frames: ``frame 7``, ``frames 1-12``, or their number, first and last if a list would be too long."""
    if len(frames) == 1:
        return f"frame {frames[0]}"
    first, last = min(frames), max(frames)
    text = format_frames(tuple(sorted(frames)))
    if last - first == len(frames) - 1:
        text = f"{first}-{last}"
    return f"frames {text}" if len(text) <= MAX_TITLE else f"{len(frames)} frames {first}-{last}"
