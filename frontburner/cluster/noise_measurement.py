"""The noise of passes, measured on nodes: the tiles of a pass travel once, to where those before it were gathered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tasks.node.frame_tasks import take_pass
from tasks.picture.noise import noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Future

    from frontburner.cluster.dask_farm import DaskFarm
    from frontburner.jobs.layout import Layout

PRIORITY = 900
"""Nodes wait for what is decided by it, so it comes before units."""

RETRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskMeasurement:
    """A `frontburner.run.progress.Measurement`: moments of all passes, which stay on their node; noise."""

    moments: Future
    figure: Future

    def done(self) -> bool:
        """Whether it has ended."""
        return bool(self.figure.done())

    def noise(self) -> float | None:
        """Return the noise of the picture with all passes so far. Raises what went wrong."""
        figure: float | None = self.figure.result()
        return figure


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskMeasurer:
    """A `frontburner.run.limit_tracking.Measurer` on the farm's nodes."""

    farm: DaskFarm
    layout: Layout

    def measure(self, frame: int, tickets: Sequence[int], before: DaskMeasurement | None) -> DaskMeasurement:
        """Begin to measure a complete pass of a frame."""
        tiles, region = [self.farm.tile(ticket) for ticket in tickets], self.layout.orders[frame].region
        submit = partial(self.farm.submit, priority=PRIORITY, retries=RETRIES)
        moments = submit(take_pass, before.moments if before else None, tiles, region, self.farm.desk)
        return DaskMeasurement(moments=moments, figure=submit(noise, moments))

    def drop(self, tickets: Sequence[int]) -> None:
        """Let go of finished units that no picture will have."""
        self.farm.forget(tickets)
