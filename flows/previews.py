"""The whole picture early: when the first pass of a still is complete, show it while the rest is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows import events as ev
from tasks.pictures import early_preview

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distributed import Future

    from flows.farm import DaskFarm
    from flows.layout import Layout
    from flows.plan.block import Block


@dataclass(slots=True, kw_only=True)
class EarlyPreview:
    """Makes one preview of a job that has a first pass; an observer of the job's events.

    Parameters
    ----------
    farm, layout
        Where the tiles are, and what is rendered.
    done
        Finished units of a frame, by ticket.
    show
        Called with the JPEG and its caption.
    """

    farm: DaskFarm
    layout: Layout
    done: Callable[[int], Mapping[int, Block]]
    show: Callable[[bytes, str], None]
    _news: bool = field(init=False, default=False)
    _shown: bool = field(init=False, default=False)
    _frame: int = field(init=False, default=0)
    _future: Future | None = field(init=False, default=None)

    def take(self, event: ev.Event) -> None:
        """Note that something of the first pass is there."""
        match event:
            case ev.UnitFinished(block=block) | ev.UnitReused(block=block):
                self._news = self._news or block.samples == self.layout.passes[0]
                self._frame = block.frame
            case _:
                pass

    def poll(self) -> None:
        """Start the preview when the first pass is complete, show it when it is made."""
        if self._news and self._future is None and self._complete():
            tiles = [self.farm.tile(ticket) for ticket in self.done(self._frame)]
            order = self.layout.orders[self._frame]
            self._future = self.farm.client.submit(early_preview, tiles, order, pure=False, priority=1)
        if self._future is not None and self._future.status == "finished":
            samples = self.layout.passes[0].count
            self.show(self._future.result(), f"First pass: {samples} of {self.layout.passes[-1].stop} samples a pixel")
            self._future, self._shown = None, True

    def _complete(self) -> bool:
        self._news = False
        if len(self.layout.passes) == 1 or self._shown:
            return False
        first = [block for block in self.done(self._frame).values() if block.samples == self.layout.passes[0]]
        return sum(block.region.area for block in first) == self.layout.region.area
