"""Previews of a still that sharpen: after its passes, a node makes a picture of all samples so far, which is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from storage.objects import INTERNAL_PREFIX
from tasks.picture.frame_output import write_early_preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Future

    from frontburner.cluster.dask_farm import DaskFarm
    from frontburner.cluster.noise_measurement import DaskMeasurement
    from frontburner.jobs.layout import Layout
    from frontburner.run.progress import FrameProgress

SHOW_EVERY_S = 5.0


def parts_folder(job_id: str) -> str:
    """Return the folder of a store that shows the finished parts of a still while it is rendered."""
    return f"{INTERNAL_PREFIX}/jobs/{job_id}/parts"


@dataclass(slots=True, kw_only=True)
class Previews:
    """Makes previews of a still, at most one every few seconds.

    Parameters
    ----------
    farm, layout
        Where the passes are, and what is rendered.
    clock
        Seconds since the job began.
    show
        Called with the JPEG and its caption.
    """

    farm: DaskFarm
    layout: Layout
    clock: Callable[[], float]
    show: Callable[[bytes, str], None]
    _next: tuple[FrameProgress, DaskMeasurement] | None = field(init=False, default=None)
    _future: Future | None = field(init=False, default=None)
    """The preview being made."""
    _caption: str = field(init=False, default="")
    _frame_and_samples: tuple[int, int] = field(init=False, default=(0, 0))
    _started_s: float = field(init=False, default=-math.inf)

    def offer(self, progress: FrameProgress) -> None:
        """Offer the passes of a still for the next preview; a later offer replaces it."""
        if len(self.layout.frames) == 1:
            self._next = progress, progress.last

    def poll(self) -> None:
        """Show a preview that has been made, and start the next one when it is due."""
        if self._future is not None and self._future.done():
            if self._future.status == "finished":
                self.show(self._future.result(), self._caption)
                frame, samples = self._frame_and_samples
                ev.announce(ev.PreviewMade(at_s=self.clock(), frame=frame, samples=samples, caption=self._caption))
            self._future = None
        if self._next is None or self._future is not None or self.clock() - self._started_s < SHOW_EVERY_S:
            return
        (progress, measurement), self._next, self._started_s = self._next, None, self.clock()
        noise = "" if progress.noise is None else f", noise {progress.noise:.1%}"
        self._caption = f"{progress.samples} of at most {progress.passes[-1].stop} samples a pixel{noise}"
        self._frame_and_samples = progress.frame, progress.samples
        order, store_url = self.layout.orders[progress.frame], self.farm.store_url
        self._future = self.farm.submit(write_early_preview, measurement.moments, order, store_url, priority=1)
