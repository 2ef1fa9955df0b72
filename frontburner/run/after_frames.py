"""What follows when a job's frames are in place: they are checked, then made into a contact sheet and movies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger

from frontburner import events as ev
from frontburner.cluster.fan_out import run_on_node
from frontburner.jobs.field_values import parse_fps
from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import Checks
from tasks.node.frame_tasks import measure_frames
from tasks.picture.frame_output import find_all_finished
from tasks.picture.frame_reading import FrameFiles
from tasks.picture.inspection import Figures, Finding, findings
from tasks.picture.products import Footage, Product, movie_in_store, sheet_in_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distributed import Client

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.picture.frame_output import FrameRecord
    from tasks.picture.movie import Codec

MEASURED_AT_ONCE = 16
"""Frames that one task on a node reads back and measures: it holds a few of them at a time."""
SHEET = "contact sheet"
AGAIN_THE_SAME = "; rendered again, it came out the same: it is the scene's own"


@dataclass(slots=True, kw_only=True)
class AfterFrames:
    """What a job wants of its frames besides that they are in place.

    Parameters
    ----------
    job, layout, store
        The job.
    client
        Client of the farm, whose nodes do it.
    pictures
        Frames that are known to be in place.
    clock
        Seconds on the job's own clock.
    heed
        Called while a node is waited for: what it raises ends the wait.
    """

    job: RenderJob
    store: ObjectStore
    client: Client
    pictures: Mapping[int, FrameRecord]
    clock: Callable[[], float]
    heed: Callable[[], None]
    _layout: Layout | None = field(init=False, default=None)
    _records: dict[int, FrameRecord] = field(init=False, default_factory=dict)
    _measured: dict[int, Figures] = field(init=False, default_factory=dict)
    _before: dict[int, Figures] = field(init=False, default_factory=dict)
    """What was measured before frames were rendered once more."""
    _found: tuple[Finding, ...] = field(init=False, default=())

    def begin(self, layout: Layout) -> None:
        """Take in that the frames of the job are in place."""
        self._layout = layout
        others = {frame: order for frame, order in layout.orders.items() if frame not in self.pictures}
        self._records = dict(sorted({**self.pictures, **find_all_finished(others, self.store)}.items()))

    @property
    def compares(self) -> bool:
        """Whether the frames are to be held against each other."""
        return self._layout is not None and len(self._layout.orders) > 1 and self.job.checks is not Checks.NO

    def measure(self) -> None:
        """Measure all frames: figures that were kept with them, or else all taken anew, so that they compare."""
        kept = {frame: record.figures for frame, record in self._records.items() if record.figures is not None}
        if len(kept) == len(self._records):
            self._measured = kept
            return
        files = [files_of(record) for record in self._records.values()]
        chunks = [files[start : start + MEASURED_AT_ONCE] for start in range(0, len(files), MEASURED_AT_ONCE)]
        self._measured = {}
        for found in run_on_node(self.client, measure_frames, chunks, self.store.url, heed=self.heed):
            for one in found:
                self._measured |= one if isinstance(one, dict) else {}

    def judge(self) -> str:
        """Say which frames stand out, and report them; those that are to be rendered once more come first."""
        found = findings(self._measured)
        if found and self.job.checks is Checks.RERENDER and not self._before:
            self._before = self._measured
            frames = format_frames(tuple(finding.frame for finding in found))
            get_run_logger().info("rendered once more, since they stand out: %s", frames)
            return frames
        self._found = tuple(judged_again(found, self._before, self._measured)) if self._before else found
        ev.announce(ev.FramesChecked(at_s=self.clock(), frames=len(self._records)))
        for finding in self._found:
            get_run_logger().warning("frame %d is flagged: %s", finding.frame, finding.sentence)
            ev.announce(
                ev.FrameFlagged(at_s=self.clock(), frame=finding.frame, fault=finding.fault, sentence=finding.sentence)
            )
        return ""

    def make_sheet(self, renderer: str) -> Product:
        """Have a node make a contact sheet, which says by which renderer the frames were made."""
        assert self._layout is not None, "begin() comes first"
        size, frames = next(iter(self._layout.frames.values())).size, tuple(sorted(self._layout.frames))
        facts = f"frames {format_frames(frames)} · {size.width}×{size.height} · {renderer}"
        flags = {finding.frame: finding.fault.value for finding in self._found}
        return self._made(
            run_on_node(self.client, sheet_in_store, [self._footage], flags, facts, self.store.url, heed=self.heed)
        )

    def make_movie(self, codec: Codec) -> Product:
        """Have a node make a movie."""
        fps, footage = parse_fps(self.job.fps), [self._footage]
        return self._made(run_on_node(self.client, movie_in_store, footage, codec, fps, self.store.url, heed=self.heed))

    def take(self, product: str, made: Product) -> None:
        """Report what was made."""
        output = self.store.locate(made.key)
        ev.announce(ev.ProductMade(at_s=self.clock(), product=product, output=output, reused=made.reused))

    def fail(self, product: str, error: Exception) -> None:
        """Report what couldn't be made: it fails no other."""
        get_run_logger().error("no %s: %s", product, error)
        ev.announce(ev.ProductFailed(at_s=self.clock(), product=product, reason=str(error)))

    @property
    def _footage(self) -> Footage:
        assert self._layout is not None, "begin() comes first"
        return footage_of(self.job.title, self._layout.orders, self._records)

    def _made(self, answers: Sequence[Any]) -> Product:
        made: Product = answers[0]
        said = "is in place already, made of the same" if made.reused else "made of"
        get_run_logger().info("%s: %s %d frames", self.store.locate(made.key), said, len(self._footage.frames))
        return made


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
