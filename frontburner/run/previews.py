"""A still that sharpens: after its passes, a preview of all samples so far is made on a node and shown."""

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
    """Folder of a store in which the parts of a still are shown while it is rendered."""
    return f"{INTERNAL_PREFIX}/jobs/{job_id}/parts"


@dataclass(slots=True, kw_only=True)
class Previews:
    """Makes previews of a still, at most one every few seconds.

    Parameters
    ----------
    farm, layout
        Where the passes are, and what is rendered.
    clock
        Seconds on the job's own clock.
    show
        Called with the JPEG and its caption.
    """

    farm: DaskFarm
    layout: Layout
    clock: Callable[[], float]
    show: Callable[[bytes, str], None]
    _next: tuple[FrameProgress, DaskMeasurement] | None = field(init=False, default=None)
    _future: Future | None = field(init=False, default=None)
    _caption: str = field(init=False, default="")
    _shows: tuple[int, int] = field(init=False, default=(0, 0))
    _shown_s: float = field(init=False, default=-math.inf)

    def offer(self, progress: FrameProgress) -> None:
        """Have what there is of a still shown, unless something sharper comes first."""
        if len(self.layout.frames) == 1:
            self._next = progress, progress.last

    def poll(self) -> None:
        """Make the next preview when its time has come, show it when it is made."""
        if self._future is not None and self._future.done():
            if self._future.status == "finished":
                self.show(self._future.result(), self._caption)
                frame, samples = self._shows
                ev.announce(ev.PreviewMade(at_s=self.clock(), frame=frame, samples=samples, caption=self._caption))
            self._future = None
        if self._next is None or self._future is not None or self.clock() - self._shown_s < SHOW_EVERY_S:
            return
        (progress, measured), self._next, self._shown_s = self._next, None, self.clock()
        noise = "" if progress.noise is None else f", noise {progress.noise:.1%}"
        self._caption = f"{progress.samples} of at most {progress.passes[-1].stop} samples a pixel{noise}"
        self._shows = progress.frame, progress.samples
        order, store_url = self.layout.orders[progress.frame], self.farm.store_url
        self._future = self.farm.submit(write_early_preview, measured.moments, order, store_url, priority=1)
