"""Says at once what is wrong with the first picture of a run by itself, before the rest is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prefect import get_run_logger

from frontburner import events as ev
from tasks.picture.inspection import Fault, fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks.picture.frame_output import FrameRecord

ADVICE = {
    Fault.BLACK: "Check its camera, its lights, and what is hidden in renders",
    Fault.ONE_COLOUR: "Unless that is meant, check where its camera is, and what is hidden in renders",
    Fault.MAGENTA: "Unless that is meant, check that they can be opened",
}


@dataclass(slots=True, kw_only=True)
class FirstPicture:
    """Flags the first picture, until one that follows has come in as it should; all are compared at the end.

    Parameters
    ----------
    images
        As in `fault_of`.
    still
        Whether the job has one picture, which is compared with no others.
    clock
        Seconds since the job began.
    """

    images: Sequence[str]
    still: bool
    clock: Callable[[], float]
    _pictures: int = field(init=False, default=0)
    _flagged: Fault | None = field(init=False, default=None)

    def take(self, record: FrameRecord) -> None:
        """Judge a picture that is in place."""
        if record.figures is None:
            return
        self._pictures += 1
        fault = fault_of(record.figures, self.images)
        if self._pictures == 1:
            self._judge_first(record.frame, fault)
        elif self._flagged in (Fault.BLACK, Fault.ONE_COLOUR) and fault is None:
            self._flagged = None
            get_run_logger().info("frame %d is as it should be: the first one isn't flagged any more", record.frame)
            ev.announce(ev.FramesChecked(at_s=self.clock(), frames=self._pictures))

    def _judge_first(self, frame: int, fault: tuple[Fault, str] | None) -> None:
        if fault or self.still:
            ev.announce(ev.FramesChecked(at_s=self.clock(), frames=1))
        if fault:
            self._flagged, sentence = fault[0], ". ".join(filter(None, [fault[1], ADVICE.get(fault[0], "")]))
            if fault[0] is Fault.BLACK and not self.still:
                sentence += ", unless it fades in"
            get_run_logger().warning("frame %d is flagged: %s", frame, sentence)
            ev.announce(ev.FrameFlagged(at_s=self.clock(), frame=frame, fault=self._flagged, sentence=sentence))
