"""What follows when a job's frames are in place: they are checked, then made into a contact sheet and movies."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from prefect import get_run_logger

from frontburner import events as ev
from frontburner.events import aftermath as am
from frontburner.finishing import MAX_TASK_RUNS
from frontburner.jobs.fps import parse_fps
from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import Checks
from tasks.frame_files import FrameFiles
from tasks.inspection import Figures, Finding, findings
from tasks.pictures import finished
from tasks.products import Footage
from tasks.steps import measure_frames, write_movie, write_sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from frontburner.jobs.job import RenderJob
    from frontburner.run import Run
    from storage.objects import ObjectStore
    from tasks.pictures import FrameRecord
    from tasks.products import Product

LOOK_EVERY_S = 0.1
SHEET = "contact sheet"
AGAIN_THE_SAME = "; rendered again, it came out the same: it is the scene's own"


class Again(Protocol):
    """Renders frames of the job once more; ``because`` tells this run from the others."""

    def __call__(self, again: str, only: str, because: str) -> Run:
        """Render them, and return the run."""
        ...


@dataclass(slots=True, kw_only=True)
class Afterwards:
    """What a job wants of its frames besides that they are in place.

    Parameters
    ----------
    clock
        Seconds on the job's own clock.
    again
        Renders frames once more.
    """

    job: RenderJob
    store: ObjectStore
    clock: Callable[[], float]
    again: Again
    _run: Run = field(init=False)

    def follow(self, run: Run) -> None:
        """Check the frames, and make of them what is wanted. What can't be made is told, and fails no other."""
        self._run = run
        records = self._records()
        found: tuple[Finding, ...] = ()
        if len(run.layout.orders) > 1 and self.job.checks is not Checks.NO:
            found, records = self._checked(records)
        if not (self.job.movie or self.job.contact_sheet):
            return
        footage = footage_of(self.job.title, self._run.layout.orders, records)
        if self.job.contact_sheet:
            flags = {finding.frame: finding.fault.value for finding in found}
            self._make(SHEET, lambda: write_sheet.submit(footage, flags, self._facts(), self.store.url))
        for codec in dict.fromkeys(self.job.movie):
            self._make(
                f"{codec} movie",
                partial(write_movie.submit, codec, footage, parse_fps(self.job.fps), self.store.url),
            )

    def _records(self) -> dict[int, FrameRecord]:
        """Return the records of all frames of the job that are in place, in their order."""
        own = self._run.pictures
        known = {
            frame: own.get(frame) or finished(order, self.store) for frame, order in self._run.layout.orders.items()
        }
        return {frame: record for frame, record in sorted(known.items()) if record is not None}

    def _checked(self, records: dict[int, FrameRecord]) -> tuple[tuple[Finding, ...], dict[int, FrameRecord]]:
        """Check the frames, where that is wanted once more after those that stand out were rendered again."""
        before = self._measured(records)
        found = findings(before)
        if found and self.job.checks is Checks.RERENDER:
            frames = format_frames(tuple(finding.frame for finding in found))
            get_run_logger().info("rendered once more, since they stand out: %s", frames)
            self._run = self.again(frames, frames, "-checks")
            records = self._records()
            after = self._measured(records)
            found = tuple(judged_again(findings(after), before, after))
        ev.announce(am.FramesChecked(at_s=self.clock(), frames=len(records)))
        for finding in found:
            get_run_logger().warning("frame %d is flagged: %s", finding.frame, finding.sentence)
            ev.announce(
                am.FrameFlagged(at_s=self.clock(), frame=finding.frame, fault=finding.fault, sentence=finding.sentence)
            )
        return found, records

    def _measured(self, records: Mapping[int, FrameRecord]) -> dict[int, Figures]:
        """Return the figures of all frames: kept with them, or else all taken anew, so that they compare."""
        kept = {frame: record.figures for frame, record in records.items() if record.figures is not None}
        if len(kept) == len(records):
            return kept
        files = [files_of(record) for record in records.values()]
        size = -(-len(files) // MAX_TASK_RUNS)
        chunks = [files[start : start + size] for start in range(0, len(files), size)]
        waiting = [
            measure_frames.submit(f"frame {format_frames(tuple(own.frame for own in chunk))}", chunk, self.store.url)
            for chunk in chunks
        ]
        measured: dict[int, Figures] = {}
        for future in waiting:
            for one in self._result(future):
                measured |= one if isinstance(one, dict) else {}
        return measured

    def _make(self, product: str, begin: Callable[[], Any]) -> None:
        """Have a node make something of the frames."""
        try:
            made: Product = self._result(begin())
        except Exception as error:  # noqa: BLE001 - whatever the step raised; what ends the run is raised by heeding
            self._run.heed()
            get_run_logger().error("no %s: %s", product, error)
            ev.announce(am.ProductFailed(at_s=self.clock(), product=product, reason=str(error)))
            return
        output = self.store.locate(made.key)
        ev.announce(am.ProductMade(at_s=self.clock(), product=product, output=output, reused=made.reused))

    def _result(self, future: Any) -> Any:  # noqa: ANN401 - a Prefect future
        while not (future.state.is_final() or future.wrapped_future.done()):
            self._run.heed()
            time.sleep(LOOK_EVERY_S)
        return future.result()

    def _facts(self) -> str:
        layout = self._run.layout
        size = next(iter(layout.frames.values())).size
        frames = format_frames(tuple(sorted(layout.frames)))
        return f"frames {frames} · {size.width}×{size.height} · {self._run.report.renderer}"


def judged_again(
    found: Sequence[Finding], before: Mapping[int, Figures], after: Mapping[int, Figures]
) -> Iterator[Finding]:
    """Say of frames that were rendered once more and still stand out whether they changed."""
    for finding in found:
        was = before.get(finding.frame)
        same = was is not None and was.digest == after[finding.frame].digest
        sentence = finding.sentence + (AGAIN_THE_SAME if same else "")
        yield Finding(frame=finding.frame, fault=finding.fault, sentence=sentence)


def footage_of(title: str, orders: Mapping[int, Any], records: Mapping[int, FrameRecord]) -> Footage:
    """Return a job's frames as what is made of them sees them; those that aren't in place have no files."""
    frames = tuple(
        files_of(records[frame]) if frame in records else FrameFiles(frame=frame, files=()) for frame in sorted(orders)
    )
    return Footage(title=title, frames=frames, encoding=next(iter(orders.values())).encoding)


def files_of(record: FrameRecord) -> FrameFiles:
    """Return the files of a frame that is in place."""
    return FrameFiles(frame=record.frame, files=tuple(record.files.items()))
