"""Which chunks of a job are to be shown as steps, and when each begins and ends: a fold over what happens to frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from frontburner import events as ev
from frontburner.run.chunks import Chunk, Stage, frame_chunks, frames_title, pass_chunks
from storage.errors import FrontburnerError
from tasks.node.frame_tasks import RETRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tasks.picture.frame_output import FrameRecord
    from tasks.spec import SampleRange

    Outcome = FrameRecord | FrontburnerError | None


class Steps(Protocol):
    """The steps of a job's frames."""

    def take(self, event: ev.Event) -> None:
        """Note which units begin, and which frames fail."""
        ...

    def rendered(self, frame: int) -> None:
        """Note that all units of a frame are done."""
        ...

    def ended(self, frame: int, stage: Stage, outcome: Outcome) -> None:
        """Note that a stage of a frame has ended, or failed."""
        ...

    def render_again(self, frame: int, error: FrontburnerError) -> None:
        """Note that a frame is rendered once more, since its tiles were no good."""
        ...

    def ready(self) -> Iterator[Chunk]:
        """Return the chunks whose steps should begin now."""
        ...

    def retried(self) -> Iterator[int]:
        """Return frames whose step is tried again."""
        ...

    @property
    def retrying(self) -> bool:
        """Whether a step has failed that will be tried again."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class _Frames:
    """Frames of a sequence that are shown together, rendered and finished."""

    frames: tuple[int, ...]
    render: Chunk
    finish: Chunk
    begun: bool = False
    unrendered: set[int] = field(default_factory=set)
    unfinished: set[int] = field(default_factory=set)
    """Frames that are handed on, or will be, and aren't in place."""
    errors: dict[int, FrontburnerError] = field(default_factory=dict)
    """Frames that couldn't be finished, in this attempt."""
    failed: dict[int, str] = field(default_factory=dict)
    """Frames that can't be rendered."""


@dataclass(slots=True, kw_only=True)
class SequenceSteps:
    """Steps of a sequence: about a dozen chunks of frames, each rendered, then stitched and written.

    Parameters
    ----------
    frames
        The frames that are rendered in this run, in their order.
    failed
        Called with a frame that can't be finished, and why.
    """

    frames: Sequence[int]
    failed: Callable[[int, FrontburnerError], None]
    _of: dict[int, _Frames] = field(init=False, default_factory=dict)
    _ready: deque[Chunk] = field(init=False, default_factory=deque)
    _retrying: list[_Frames] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for chunk in frame_chunks(self.frames):
            self._add(chunk, frames_title(chunk))

    def take(self, event: ev.Event) -> None:
        """Note which units begin, and which frames fail."""
        match event:
            case ev.UnitStarted(block=block) | ev.UnitReused(block=block):
                self._begin(self._of[block.frame])
            case ev.FrameFailed(frame=frame, reason=reason) if frame in self._of[frame].unrendered:
                group = self._of[frame]
                self._begin(group)
                group.failed[frame] = reason
                group.unfinished.discard(frame)
                self._end_rendering(group, frame)
            case _:
                pass

    def rendered(self, frame: int) -> None:
        """Note that all units of a frame are done."""
        self._begin(self._of[frame])
        self._end_rendering(self._of[frame], frame)

    def ended(self, frame: int, stage: Stage, outcome: Outcome) -> None:  # noqa: ARG002 - all stages are one here
        """Note that a frame is in place, or couldn't be finished."""
        group = self._of[frame]
        if isinstance(outcome, FrontburnerError):
            group.errors[frame] = outcome
        else:
            group.unfinished.discard(frame)
        self._end_finishing(group)

    def render_again(self, frame: int, error: FrontburnerError) -> None:  # noqa: ARG002 - its own steps show it
        """Have a frame shown by itself, since it is rendered once more."""
        before = self._of[frame]
        before.unfinished.discard(frame)
        self._add((frame,), f"{frames_title((frame,))} again", after=(before.render,))
        self._end_finishing(before)

    def ready(self) -> Iterator[Chunk]:
        """Return the chunks whose steps should begin now."""
        while self._ready:
            yield self._ready.popleft()

    def retried(self) -> Iterator[int]:
        """Return frames whose step is tried again."""
        for group in [group for group in self._retrying if group.finish.taken_up_again()]:
            self._retrying.remove(group)
            again, group.errors = list(group.errors), {}
            yield from again

    @property
    def retrying(self) -> bool:
        """Whether a step has failed that will be tried again."""
        return bool(self._retrying)

    def _add(self, frames: tuple[int, ...], title: str, after: tuple[Chunk, ...] = ()) -> None:
        render = Chunk(stage=Stage.RENDER, title=title, frames=frames, after=after)
        finish = Chunk(stage=Stage.FINISH, title=title, frames=frames, after=(render,))
        group = _Frames(frames=frames, render=render, finish=finish, unrendered=set(frames), unfinished=set(frames))
        for frame in frames:
            self._of[frame] = group

    def _begin(self, group: _Frames) -> None:
        if not group.begun:
            group.begun = True
            self._ready.append(group.render)

    def _end_rendering(self, group: _Frames, frame: int) -> None:
        group.unrendered.discard(frame)
        if group.unrendered or group.render.ended:
            return
        group.render.end(_failures(group.failed, len(group.frames)))
        if len(group.failed) < len(group.frames):
            self._ready.append(group.finish)
            self._end_finishing(group)

    def _end_finishing(self, group: _Frames) -> None:
        """End the step once all its frames are in place or have failed; it may be tried again then."""
        if group.unrendered or group.unfinished - group.errors.keys() or group.finish.ended:
            return
        error = next(iter(group.errors.values()), None)
        if error is not None and error.retryable and group.finish.attempts <= RETRIES:
            self._retrying.append(group)
        else:
            for frame, own in group.errors.items():
                group.unfinished.discard(frame)
                self.failed(frame, own)
        group.finish.end(error)


@dataclass(slots=True, kw_only=True)
class StillSteps:
    """Steps of a still: its passes, one after the other, then stitched, denoised and written.

    Parameters
    ----------
    frame, passes, denoise
        The still.
    covers
        Whether passes are rendered.
    failed
        Called when it can't be finished, and why.
    """

    frame: int
    passes: Sequence[SampleRange]
    denoise: bool
    covers: Callable[[int, Sequence[SampleRange]], bool]
    failed: Callable[[int, FrontburnerError], None]
    _rendering: list[tuple[Chunk, tuple[SampleRange, ...]]] = field(init=False, default_factory=list)
    """Chunks of passes that haven't ended, in their order."""
    _begun: set[SampleRange] = field(init=False, default_factory=set)
    _shown: list[Chunk] = field(init=False, default_factory=list)
    """Chunks whose steps have begun, in their order."""
    _finishing: Chunk | None = field(init=False, default=None)
    _ready: deque[Chunk] = field(init=False, default_factory=deque)
    _error: FrontburnerError | None = field(init=False, default=None)
    _failed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        for title, passes in pass_chunks(self.passes):
            chunk = Chunk(stage=Stage.RENDER, title=title, frames=(self.frame,))
            self._rendering.append((chunk, passes))

    def take(self, event: ev.Event) -> None:
        """Note which passes begin, and that the frame fails."""
        match event:
            case ev.UnitStarted(block=block) | ev.UnitReused(block=block):
                self._begun.add(block.samples)
            case ev.FrameFailed(reason=reason) if self._rendering and not self._failed:
                self._failed = True
                chunk = self._rendering[0][0]
                self._show(chunk)
                chunk.end(_failures({self.frame: reason}, 1))
            case _:
                pass

    def rendered(self, frame: int) -> None:  # noqa: ARG002 - it has one
        """Note that the still is rendered: passes that were never begun are not needed."""
        for chunk, passes in self._rendering:
            if chunk in self._shown or not self._begun.isdisjoint(passes):
                self._show(chunk)
                chunk.end()
        self._rendering.clear()
        self._stage(Stage.STITCH)

    def ended(self, frame: int, stage: Stage, outcome: Outcome) -> None:
        """Note that a stage has ended, or failed."""
        assert self._finishing is not None
        if isinstance(outcome, FrontburnerError):
            if outcome.retryable and self._finishing.attempts <= RETRIES:
                self._error = outcome
            else:
                self.failed(frame, outcome)
            self._finishing.end(outcome)
            return
        self._finishing.end()
        if stage is not Stage.WRITE:
            self._stage(Stage.DENOISE if stage is Stage.STITCH and self.denoise else Stage.WRITE)

    def render_again(self, frame: int, error: FrontburnerError) -> None:
        """Have the still shown anew from its first samples on."""
        assert self._finishing is not None
        self._finishing.end(FrontburnerError(reason=error.reason, remedy="The still is rendered again."))
        self._begun.clear()
        self._rendering = [
            (Chunk(stage=Stage.RENDER, title=f"{title} again", frames=(frame,)), passes)
            for title, passes in pass_chunks(self.passes)
        ]

    def ready(self) -> Iterator[Chunk]:
        """Return the chunks whose steps should begin now."""
        while self._rendering and not self._failed:
            chunk, passes = self._rendering[0]
            if self._begun.isdisjoint(passes):
                break
            self._show(chunk)
            if not self.covers(self.frame, passes):
                break
            chunk.end()
            self._rendering.pop(0)
        while self._ready:
            yield self._ready.popleft()

    def retried(self) -> Iterator[int]:
        """Return the still, if a step of it is tried again."""
        if self._error is not None and self._finishing is not None and self._finishing.taken_up_again():
            self._error = None
            yield self.frame

    @property
    def retrying(self) -> bool:
        """Whether a step has failed that will be tried again."""
        return self._error is not None

    def _stage(self, stage: Stage) -> None:
        self._finishing = Chunk(stage=stage, title=frames_title((self.frame,)), frames=(self.frame,))
        self._show(self._finishing)

    def _show(self, chunk: Chunk) -> None:
        """Have a chunk's step begin, after the one before it."""
        if chunk not in self._shown:
            chunk.after = tuple(self._shown[-1:])
            self._shown.append(chunk)
            self._ready.append(chunk)


def _failures(failed: dict[int, str], of: int) -> FrontburnerError | None:
    """Return what a step fails by that has frames which can't be rendered."""
    if not failed:
        return None
    frame, reason = next(iter(sorted(failed.items())))
    said = f"{len(failed)} of {of} frames failed; frame {frame}: {reason}" if of > 1 else reason
    return FrontburnerError(reason=said, remedy="")
