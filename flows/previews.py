"""The whole picture early: when the first pass of a still is complete, show it while the rest is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows import events as ev
from tasks.pictures import early_preview

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Future

    from flows.farm import DaskFarm
    from flows.layout import Layout


@dataclass(slots=True, kw_only=True)
class EarlyPreview:
    """Makes one preview of a job that has a first pass; an observer of the job's events.

    Parameters
    ----------
    farm, layout
        Where the tiles are, and what is rendered.
    tickets
        Tickets of the finished units of a frame.
    show
        Called with the JPEG and its caption.
    """

    farm: DaskFarm
    layout: Layout
    tickets: Callable[[int], Sequence[int]]
    show: Callable[[bytes, str], None]
    _covered_px: int = field(init=False, default=0)
    _frame: int = field(init=False, default=0)
    _future: Future | None = field(init=False, default=None)

    def take(self, event: ev.Event) -> None:
        """Count what of the first pass is there."""
        first = self.layout.passes[0]
        match event:
            case ev.UnitFinished(block=block) | ev.UnitReused(block=block) if block.samples == first:
                self._covered_px += block.region.area
                self._frame = block.frame
            case _:
                pass

    def poll(self) -> None:
        """Start the preview when the first pass is complete, show it when it is made."""
        complete = len(self.layout.passes) > 1 and self._covered_px == self.layout.region.area
        if complete and self._future is None:
            tiles = [self.farm.futures[ticket] for ticket in self.tickets(self._frame)]
            order = self.layout.orders[self._frame]
            self._future = self.farm.client.submit(early_preview, tiles, order, pure=False, priority=1)
        if self._future is not None and self._future.status == "finished":
            samples = self.layout.passes[0].count
            self.show(self._future.result(), f"First pass: {samples} of {self.layout.passes[-1].stop} samples a pixel")
            self._covered_px = 0
            self._future = None
