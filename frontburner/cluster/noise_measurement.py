"""Measures the noise of passes on nodes: the tiles of a pass travel once, to where the passes before are gathered."""

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
"""Nodes wait for the result, so measurements come before units."""

RETRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskMeasurement:
    """A `frontburner.run.progress.Measurement`.

    Parameters
    ----------
    moments
        Moments of all passes so far, which stay on their node.
    result
        The noise.
    """

    moments: Future
    result: Future

    def done(self) -> bool:
        """Whether it has ended."""
        return bool(self.result.done())

    def noise(self) -> float | None:
        """Return the noise of the picture with all passes so far. Raises the error of a failed measurement."""
        noise: float | None = self.result.result()
        return noise


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskMeasurer:
    """A `frontburner.run.limit_tracking.Measurer` on the farm's nodes."""

    farm: DaskFarm
    layout: Layout

    def measure(self, frame: int, tickets: Sequence[int], before: DaskMeasurement | None) -> DaskMeasurement:
        """Begin to measure a complete pass of a frame."""
        tiles, region = [self.farm.tile(ticket) for ticket in tickets], self.layout.orders[frame].region
        submit = partial(self.farm.submit, priority=PRIORITY, retries=RETRIES)
        moments = submit(take_pass, before.moments if before else None, tiles, region, self.farm.context)
        return DaskMeasurement(moments=moments, result=submit(noise, moments))

    def drop(self, tickets: Sequence[int]) -> None:
        """Forget finished units that no picture will have."""
        self.farm.forget(tickets)
