"""Progress and result as lines of JSON on standard output, for programs that show them in a way of their own."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TextIO

from frontburner import events as ev

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from storage.errors import FrontburnerError

TELL_EVERY_S = 0.25


class Lines:
    """What happens in one job, a line each: ``stage``, ``said``, ``progress``, ``picture``, and ``ended`` at last.

    Parameters
    ----------
    clock
        Seconds on any clock that runs on.
    """

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._total = self._done = self._frames = self._written = 0
        self._nodes: set[str] = set()
        self._left_s: float | None = None
        self._told_s = -TELL_EVERY_S

    def stage(self, words: str) -> None:
        """Say what is going on before there is anything to count."""
        self._tell("stage", sentence=words)

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Say a sentence, as a person would be told it."""
        self._tell("said", sentence=sentence, error=error)

    def take(self, event: ev.Event) -> None:
        """Fold one event in, and tell of it."""
        match event:
            case ev.NodeJoined(node=node):
                self._nodes.add(node)
            case ev.NodeLost(node=node) | ev.NodeWithheld(node=node):
                self._nodes.discard(node)
            case ev.NodeRefused(node=node, reason=reason):
                self.say(f"{node} takes no part: {reason}")
            case ev.FrameFailed(frame=frame, reason=reason):
                self.say(f"Frame {frame} failed: {reason}", error=True)
            case ev.FrameWritten(frame=frame, outputs=outputs):
                self._written += 1
                self._tell("picture", frame=frame, files=list(outputs))
            case ev.StageBegan(name=name):
                self._total = self._done = self._frames = self._written = 0
                self.stage(name)
            case ev.StageEnded(name=name, state=state, reason=reason):
                self._tell("stage ended", name=name, state=state.value, reason=reason)
            case _:
                self._count(event)
        self._progress()

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

    def _count(self, event: ev.Event) -> None:
        match event:
            case ev.JobPlanned():
                self._total, self._frames = event.pixel_samples, event.frames
            case ev.GoalMoved(pixel_samples=goal):
                self._total = goal
            case ev.UnitReused():
                self._done = event.pixel_samples_done
            case ev.UnitFinished():
                self._done, self._left_s = event.pixel_samples_done, event.seconds_left

    def _progress(self) -> None:
        """Tell how far it is, but not at every unit."""
        now_s = self._clock()
        if not self._total or now_s - self._told_s < TELL_EVERY_S:
            return
        self._told_s = now_s
        done = min(1.0, self._done / self._total)
        self._tell("progress", done=round(done, 4), seconds_left=self._left_s, frames=self._frames,
                   written=self._written, nodes=len(self._nodes))  # fmt: skip

    def _tell(self, what: str, **told: object) -> None:
        print(json.dumps({"what": what, **told}), file=self._out, flush=True)
