"""Which chunks of a job are shown as steps, and when each begins and ends, from what happens to its frames. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.run.chunks import Chunk, Stage, frame_chunks, frames_title, pass_chunks
from storage.errors import FrontburnerError
from tasks.node.frame_tasks import RETRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tasks.picture.frame_output import FrameRecord
    from tasks.spec import SampleRange

    Outcome = FrameRecord | FrontburnerError | None


@dataclass(slots=True, kw_only=True, eq=False)
class _Group:
    """Frames of a sequence that are shown together, rendered and finished."""

    frames: tuple[int, ...]
    render: Chunk
    finish: Chunk
    begun: bool = False
    unrendered: set[int] = field(init=False)
    unfinished: set[int] = field(init=False)
    """Frames that aren't in place and may still come to be."""
    errors: dict[int, FrontburnerError] = field(default_factory=dict)
    """Frames that couldn't be finished in this attempt."""
    failed: dict[int, str] = field(default_factory=dict)
    """Frames that can't be rendered, with the reason."""

    def __post_init__(self) -> None:
        self.unrendered, self.unfinished = set(self.frames), set(self.frames)


@dataclass(slots=True, kw_only=True)
class SequenceSteps:
    """Steps of a sequence: about a dozen groups of frames, each rendered, then stitched and written.

    Parameters
    ----------
    frames
        The frames to render, in their order.
    on_failed
        Called with a frame that can't be finished, and its error.
    """

    frames: Sequence[int]
    on_failed: Callable[[int, FrontburnerError], None]
    _group_of: dict[int, _Group] = field(init=False, default_factory=dict)
    _retrying: list[_Group] = field(init=False, default_factory=list)
    _ready: deque[Chunk] = field(init=False, default_factory=deque)

    def __post_init__(self) -> None:
        for frames in frame_chunks(self.frames):
            self._add(frames, frames_title(frames))

    def take(self, event: ev.Event) -> None:
        """Observe which chunks begin, and which frames fail."""
        match event:
            case ev.UnitStarted(block=block) | ev.UnitReused(block=block):
                self._begin(self._group_of[block.frame])
            case ev.FrameFailed(frame=frame, reason=reason) if frame in self._group_of[frame].unrendered:
                group = self._group_of[frame]
                self._begin(group)
                group.failed[frame] = reason
                group.unfinished.discard(frame)
                self._end_rendering(group, frame)
            case _:
                pass

    def rendered(self, frame: int) -> None:
        """Note that all units of a frame are done."""
        self._begin(self._group_of[frame])
        self._end_rendering(self._group_of[frame], frame)

    def ended(self, frame: int, stage: Stage, outcome: Outcome) -> None:  # noqa: ARG002 - all stages are one here
        """Note that a frame is in place, or couldn't be finished."""
        group = self._group_of[frame]
        if isinstance(outcome, FrontburnerError):
            group.errors[frame] = outcome
        else:
            group.unfinished.discard(frame)
        self._end_finishing(group)

    def render_again(self, frame: int, error: FrontburnerError) -> None:  # noqa: ARG002 - its new steps show it
        """Show a frame that is rendered again by itself."""
        group = self._group_of[frame]
        group.unfinished.discard(frame)
        self._add((frame,), f"{frames_title((frame,))} again", after=(group.render,))
        self._end_finishing(group)

    def ready(self) -> Iterator[Chunk]:
        """Yield the chunks whose steps should begin now."""
        while self._ready:
            yield self._ready.popleft()

    def retried(self) -> Iterator[int]:
        """Yield frames whose step is being retried."""
        for group in [group for group in self._retrying if group.finish.take_retry()]:
            self._retrying.remove(group)
            frames, group.errors = list(group.errors), {}
            yield from frames

    @property
    def retrying(self) -> bool:
        """Whether a step has failed and will be retried."""
        return bool(self._retrying)

    def _add(self, frames: tuple[int, ...], title: str, after: tuple[Chunk, ...] = ()) -> None:
        render = Chunk(stage=Stage.RENDER, title=title, frames=frames, after=after)
        finish = Chunk(stage=Stage.FINISH, title=title, frames=frames, after=(render,))
        self._group_of |= dict.fromkeys(frames, _Group(frames=frames, render=render, finish=finish))

    def _begin(self, group: _Group) -> None:
        if not group.begun:
            group.begun = True
            self._ready.append(group.render)

    def _end_rendering(self, group: _Group, frame: int) -> None:
        group.unrendered.discard(frame)
        if group.unrendered or group.render.ended:
            return
        group.render.end(_rendering_error(group.failed, len(group.frames)))
        if len(group.failed) < len(group.frames):
            self._ready.append(group.finish)
            self._end_finishing(group)

    def _end_finishing(self, group: _Group) -> None:
        """End the step once all its frames are in place or have failed; Prefect may then retry it."""
        if group.unrendered or group.unfinished - group.errors.keys() or group.finish.ended:
            return
        error = next(iter(group.errors.values()), None)
        if error is not None and error.retryable and group.finish.attempts <= RETRIES:
            self._retrying.append(group)
        else:
            for frame, frame_error in group.errors.items():
                group.unfinished.discard(frame)
                self.on_failed(frame, frame_error)
        group.finish.end(error)


@dataclass(slots=True, kw_only=True)
class StillSteps:
    """Steps of a still: its passes, one after the other, then stitched, denoised and written.

    Parameters
    ----------
    frame, passes, denoise
        The still.
    covers
        Whether some passes are rendered.
    on_failed
        Called with the frame and its error when it can't be finished.
    """

    frame: int
    passes: Sequence[SampleRange]
    denoise: bool
    covers: Callable[[int, Sequence[SampleRange]], bool]
    on_failed: Callable[[int, FrontburnerError], None]
    _rendering: list[tuple[Chunk, tuple[SampleRange, ...]]] = field(init=False)
    """Chunks of passes that haven't ended, in their order."""
    _begun: set[SampleRange] = field(init=False, default_factory=set)
    _shown: list[Chunk] = field(init=False, default_factory=list)
    """Chunks whose steps have begun, in their order."""
    _finishing: Chunk | None = field(init=False, default=None)
    _ready: deque[Chunk] = field(init=False, default_factory=deque)
    _error: FrontburnerError | None = field(init=False, default=None)
    _failed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._add_passes()

    def take(self, event: ev.Event) -> None:
        """Observe which passes begin, and whether the frame fails."""
        match event:
            case ev.UnitStarted(block=block) | ev.UnitReused(block=block):
                self._begun.add(block.samples)
            case ev.FrameFailed(reason=reason) if self._rendering and not self._failed:
                self._failed = True
                chunk = self._rendering[0][0]
                self._show(chunk)
                chunk.end(_rendering_error({self.frame: reason}, 1))
            case _:
                pass

    def rendered(self, frame: int) -> None:  # noqa: ARG002 - it has one
        """Note that the still is rendered: passes that never began are not needed."""
        for chunk, passes in self._rendering:
            if chunk in self._shown or not self._begun.isdisjoint(passes):
                self._show(chunk)
                chunk.end()
        self._rendering.clear()
        self._show_stage(Stage.STITCH)

    def ended(self, frame: int, stage: Stage, outcome: Outcome) -> None:
        """Note that a stage has ended or failed."""
        assert self._finishing is not None
        if isinstance(outcome, FrontburnerError):
            if outcome.retryable and self._finishing.attempts <= RETRIES:
                self._error = outcome
            else:
                self.on_failed(frame, outcome)
            self._finishing.end(outcome)
            return
        self._finishing.end()
        if stage is not Stage.WRITE:
            self._show_stage(Stage.DENOISE if stage is Stage.STITCH and self.denoise else Stage.WRITE)

    def render_again(self, frame: int, error: FrontburnerError) -> None:  # noqa: ARG002 - it has one
        """Show the still again from its first samples on."""
        assert self._finishing is not None
        self._finishing.end(FrontburnerError(reason=error.reason, remedy="The still is rendered again."))
        self._begun.clear()
        self._add_passes(" again")

    def ready(self) -> Iterator[Chunk]:
        """Yield the chunks whose steps should begin now."""
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
        """Yield the still, if a step of it is being retried."""
        if self._error is not None and self._finishing is not None and self._finishing.take_retry():
            self._error = None
            yield self.frame

    @property
    def retrying(self) -> bool:
        """Whether a step has failed and will be retried."""
        return self._error is not None

    def _add_passes(self, suffix: str = "") -> None:
        self._rendering = [
            (Chunk(stage=Stage.RENDER, title=title + suffix, frames=(self.frame,)), passes)
            for title, passes in pass_chunks(self.passes)
        ]

    def _show_stage(self, stage: Stage) -> None:
        self._finishing = Chunk(stage=stage, title=frames_title((self.frame,)), frames=(self.frame,))
        self._show(self._finishing)

    def _show(self, chunk: Chunk) -> None:
        """Begin the step of a chunk, after the one before it."""
        if chunk not in self._shown:
            chunk.after = tuple(self._shown[-1:])
            self._shown.append(chunk)
            self._ready.append(chunk)


def _rendering_error(failed: dict[int, str], count: int) -> FrontburnerError | None:
    """Return the error of a step with frames that can't be rendered, if there are any."""
    if not failed:
        return None
    frame, reason = next(iter(sorted(failed.items())))
    return FrontburnerError(
        reason=f"{len(failed)} of {count} frames failed; frame {frame}: {reason}" if count > 1 else reason, remedy=""
    )
