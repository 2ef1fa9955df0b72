"""Progress and result as lines of JSON on standard output, for programs that show them in a way of their own."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from frontburner import events as ev
from frontburner.events.context import current_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from storage.errors import FrontburnerError

TELL_EVERY_S = 0.25


@dataclass(slots=True)
class _Count:
    """How far one job is."""

    total: int = 0
    done: int = 0
    frames: int = 0
    written: int = 0
    nodes: set[str] = field(default_factory=set)
    left_s: float | None = None
    told_s: float = float("-inf")

    def take(self, event: ev.Event) -> None:
        match event:
            case ev.NodeJoined(node=node):
                self.nodes.add(node)
            case ev.NodeLost(node=node) | ev.NodeWithheld(node=node):
                self.nodes.discard(node)
            case ev.FrameWritten():
                self.written += 1
            case ev.JobPlanned():
                self.total, self.frames = event.pixel_samples, event.frames
            case ev.ExpectedWorkChanged(pixel_samples=goal):
                self.total = goal
            case ev.UnitReused():
                self.done = event.pixel_samples_done
            case ev.UnitFinished():
                self.done, self.left_s = event.pixel_samples_done, event.seconds_left


class JobArguments:
    """What happens in one job, a line each: ``stage``, ``said``, ``progress``, ``picture``, and ``ended`` at last.

    In a chain, each line of a stage's job names it as ``in``.

    Parameters
    ----------
    clock
        Seconds on any clock that runs on.
    """

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._counts = {"": _Count()}
        self._lock = threading.RLock()

    def stage(self, words: str) -> None:
        """Say what is going on before there is anything to count."""
        self._tell("stage", sentence=words)

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Say a sentence, as a person would be told it."""
        self._tell("said", sentence=sentence, error=error)

    def take(self, event: ev.Event) -> None:
        """Fold one event in, and tell of it; those of a chain's stages come from several threads."""
        with self._lock:
            match event:
                case ev.NodeRefused(node=node, reason=reason):
                    self.say(f"{node} takes no part: {reason}")
                case ev.FrameFailed(frame=frame, reason=reason):
                    self.say(f"Frame {frame} failed: {reason}", error=True)
                case ev.FrameWritten(frame=frame, outputs=outputs):
                    self._tell("picture", frame=frame, files=list(outputs))
                case ev.StageBegan(name=name):
                    self._counts[name] = _Count()
                    self.stage(name)
                case ev.StageEnded(name=name, state=state, reason=reason):
                    self._tell("stage ended", name=name, state=state.value, reason=reason)
            count = self._counts.get(current_stage(), self._counts[""])
            count.take(event)
            self._progress(count)

    def close(self) -> None:
        """Nothing is to be taken away."""

    def completed(self, report: dict[str, Any]) -> None:
        """Tell that all pictures are in place."""
        self._ended(0, report=report)

    def failed(self, error: FrontburnerError, code: int) -> None:
        """Tell why it failed, and what to do."""
        problems = list(getattr(error, "problems", ()))
        report = getattr(error, "report", None)
        self._ended(code, report=report or None, reason=error.reason, remedy=error.remedy, problems=problems)

    def stopped(self, code: int) -> None:
        """Tell how to go on."""
        self._ended(code, reason="Stopped.", remedy="Finished units are kept: run the same command to go on.")

    def _ended(
        self,
        code: int,
        *,
        report: dict[str, Any] | None = None,
        reason: str = "",
        remedy: str = "",
        problems: Sequence[str] = (),
    ) -> None:
        told = {"reason": reason, "remedy": remedy, "problems": list(problems), "report": report}
        self._tell("ended", exit_code=code, **told)

    def _progress(self, count: _Count) -> None:
        """Tell how far it is, but not at every unit."""
        now_s = self._clock()
        if not count.total or now_s - count.told_s < TELL_EVERY_S:
            return
        count.told_s = now_s
        done = min(1.0, count.done / count.total)
        self._tell("progress", done=round(done, 4), seconds_left=count.left_s, frames=count.frames,
                   written=count.written, nodes=len(count.nodes))  # fmt: skip

    def _tell(self, what: str, **told: object) -> None:
        stage = current_stage()
        with self._lock:
            print(json.dumps({"what": what, **({"in": stage} if stage else {}), **told}), file=self._out, flush=True)
