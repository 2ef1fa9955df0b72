"""From rendered frames to pictures in place: Prefect tasks that stitch and write, followed until they end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.jobs.frames import format_frames
from tasks.steps import finish_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.farm.dask_farm import DaskFarm
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.limits import Ending
    from tasks.pictures import FrameRecord

MAX_TASK_RUNS = 32
"""Prefect task runs a job makes for its frames at most: each costs about a quarter second of processor time."""


@dataclass(slots=True, kw_only=True)
class Finisher:
    """Finishes frames in chunks, each a Prefect task run.

    Parameters
    ----------
    farm, layout, store
        Where tiles are, what is wanted, and where it goes.
    metadata
        What every file should tell of the job.
    clock
        Seconds on the job's own clock.
    on_written
        Called with each frame that is in place.
    """

    farm: DaskFarm
    layout: Layout
    store: ObjectStore
    metadata: dict[str, str]
    clock: Callable[[], float]
    on_written: Callable[[FrameRecord], None]
    failed: dict[int, str] = field(init=False, default_factory=dict)
    _endings: dict[int, Ending | None] = field(init=False, default_factory=dict)
    _waiting: list[tuple[int, Sequence[int]]] = field(init=False, default_factory=list)
    _running: list[tuple[list[tuple[int, Sequence[int]]], Any]] = field(init=False, default_factory=list)

    def take(self, frame: int, tickets: Sequence[int], ending: Ending | None = None) -> None:
        """Finish a frame whose units are all done, together with others when the job has many."""
        self._endings[frame] = ending
        self._waiting.append((frame, tickets))
        if len(self._waiting) * MAX_TASK_RUNS >= len(self.layout.frames):
            self.flush()

    def flush(self) -> None:
        """Finish what waits for company."""
        if not self._waiting:
            return
        chunk, self._waiting = self._waiting, []
        numbers = tuple(sorted(frame for frame, _ in chunk))
        future = finish_frames.submit(
            f"frame {format_frames(numbers)}",
            [[self.farm.tile(ticket) for ticket in tickets] for _, tickets in chunk],
            [replace(self.layout.orders[frame], ending=self._endings.pop(frame)) for frame, _ in chunk],
            self.store.url,
            self.metadata,
        )
        self._running.append((chunk, future))

    def poll(self) -> bool:
        """Take note of what has ended; whether anything is still under way."""
        for entry in tuple(self._running):
            chunk, future = entry
            if future.state.is_final() or future.wrapped_future.done():
                self._running.remove(entry)
                self._end(chunk, future)
        return bool(self._running)

    def _end(self, chunk: list[tuple[int, Sequence[int]]], future: Any) -> None:  # noqa: ANN401
        try:
            records: list[FrameRecord] = future.result()
        except Exception as error:  # noqa: BLE001 - whatever the step raised fails its frames, not the job
            for frame, _ in chunk:
                self.failed[frame] = str(error)
                ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error)))
        else:
            for record in records:
                outputs = tuple(self.store.locate(key) for key in record.files)
                ev.announce(
                    ev.FrameWritten(at_s=self.clock(), frame=record.frame, outputs=outputs, reached=record.reached)
                )
                self.on_written(record)
        for _, tickets in chunk:
            self.farm.forget(tickets)
