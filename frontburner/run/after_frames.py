"""What follows when all frames are in place: they are checked, then made into a contact sheet and movies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger

from frontburner import events as ev
from frontburner.cluster.futures import map_on_nodes
from frontburner.jobs.field_values import parse_fps
from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import Checks
from tasks.node.frame_tasks import measure_frames
from tasks.picture.finished_frames import find_all_finished
from tasks.picture.frame_reading import FrameFiles
from tasks.picture.inspection import Finding, all_frames, findings
from tasks.picture.products import Footage, Product, movie_in_store, sheet_in_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distributed import Client

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.picture.figures import Figures
    from tasks.picture.frame_output import FrameRecord
    from tasks.picture.movie import Codec

FRAMES_PER_TASK = 16
"""Frames that one task on a node measures; it holds a few of them at a time."""
SHEET = "contact sheet"
UNCHANGED = "; rendered again, it came out the same: it is the scene's own"


@dataclass(slots=True, kw_only=True)
class AfterFrames:
    """Checks the frames of a job, and has products made of them.

    Parameters
    ----------
    job, store
        The job.
    client
        Client of the farm, whose nodes do the work.
    pictures
        Frames known to be in place; filled in while the job is rendered.
    clock
        Seconds since the job began.
    check_stop
        Called while a node is waited for; raises to end the wait.
    """

    job: RenderJob
    store: ObjectStore
    client: Client
    pictures: Mapping[int, FrameRecord]
    clock: Callable[[], float]
    check_stop: Callable[[], None]
    _layout: Layout | None = field(init=False, default=None)
    _records: dict[int, FrameRecord] = field(init=False, default_factory=dict)
    _measured: dict[int, Figures] = field(init=False, default_factory=dict)
    _before: dict[int, Figures] = field(init=False, default_factory=dict)
    """Figures from before suspicious frames were rendered once more."""
    _findings: tuple[Finding, ...] = field(init=False, default=())

    def begin(self, layout: Layout) -> None:
        """Collect the records of the job's frames, which are in place."""
        self._layout = layout
        others = {frame: order for frame, order in layout.orders.items() if frame not in self.pictures}
        self._records = dict(sorted({**self.pictures, **find_all_finished(others, self.store)}.items()))

    @property
    def compares(self) -> bool:
        """Whether the frames are to be compared with each other."""
        return self._layout is not None and len(self._layout.orders) > 1 and self.job.checks is not Checks.NO

    def measure(self) -> None:
        """Measure all frames: take the figures recorded with them, or else measure all again, so that they compare."""
        recorded = {frame: record.figures for frame, record in self._records.items() if record.figures is not None}
        if len(recorded) == len(self._records):
            self._measured = recorded
            return
        files = [files_of(record) for record in self._records.values()]
        batches = [files[start : start + FRAMES_PER_TASK] for start in range(0, len(files), FRAMES_PER_TASK)]
        self._measured = {}
        for results in map_on_nodes(self.client, measure_frames, batches, self.store.url, check=self.check_stop):
            for figures in results:
                self._measured |= figures if isinstance(figures, dict) else {}

    def flag_frames(self) -> str:
        """Report suspicious frames; or, if they are to be rendered once more first, return those instead."""
        assert self._layout is not None, "begin() comes first"
        suspicious = findings(self._measured, self._layout.images)
        if suspicious and self.job.checks is Checks.RERENDER and not self._before:
            self._before = self._measured
            frames = format_frames(all_frames(suspicious))
            get_run_logger().info("suspicious frames are rendered once more: %s", frames)
            return frames
        self._findings = (
            tuple(compared_to_before(suspicious, self._before, self._measured)) if self._before else suspicious
        )
        ev.announce(ev.FramesChecked(at_s=self.clock(), frames=len(self._records)))
        for finding in self._findings:
            get_run_logger().warning("frame %d is flagged: %s", finding.frame, finding.sentence)
            ev.announce(
                ev.FrameFlagged(at_s=self.clock(), frame=finding.frame, fault=finding.fault, sentence=finding.sentence)
            )
        return ""

    def make_sheet(self, renderer: str) -> Product:
        """Have a node make a contact sheet, which names the renderer of the frames."""
        assert self._layout is not None, "begin() comes first"
        size, frames = next(iter(self._layout.frames.values())).size, tuple(sorted(self._layout.frames))
        facts = f"frames {format_frames(frames)} · {size.width}×{size.height} · {renderer}"
        flags = {finding.frame: finding.fault.value for finding in self._findings}
        return self._made_on_node(sheet_in_store, flags, facts)

    def make_movie(self, codec: Codec) -> Product:
        """Have a node make a movie."""
        return self._made_on_node(movie_in_store, codec, parse_fps(self.job.fps))

    def report_product(self, name: str, product: Product) -> None:
        """Report a product that was made."""
        output = self.store.locate(product.key)
        ev.announce(ev.ProductMade(at_s=self.clock(), product=name, output=output, reused=product.reused))

    def report_failure(self, name: str, error: Exception) -> None:
        """Report a product that couldn't be made, which fails no other."""
        get_run_logger().error("no %s: %s", name, error)
        ev.announce(ev.ProductFailed(at_s=self.clock(), product=name, reason=str(error)))

    def _made_on_node(self, make: Callable[..., Product], *args: Any) -> Product:  # noqa: ANN401 - those of the function
        assert self._layout is not None, "begin() comes first"
        footage = footage_of(self.job.title, self._layout.orders, self._records)
        product: Product = map_on_nodes(self.client, make, [footage], *args, self.store.url, check=self.check_stop)[0]
        origin = "is in place already, made of the same" if product.reused else "made of"
        get_run_logger().info("%s: %s %d frames", self.store.locate(product.key), origin, len(footage.frames))
        return product


def compared_to_before(
    suspicious: Sequence[Finding], before: Mapping[int, Figures], after: Mapping[int, Figures]
) -> Iterator[Finding]:
    """Yield findings of frames that were rendered once more, noting which came out unchanged."""
    for finding in suspicious:
        first = before.get(finding.frame)
        same = first is not None and first.digest == after[finding.frame].digest
        yield replace(finding, sentence=finding.sentence + (UNCHANGED if same else ""))


def footage_of(title: str, orders: Mapping[int, Any], records: Mapping[int, FrameRecord]) -> Footage:
    """Return a job's frames as input of products; those that aren't in place have no files."""
    frames = tuple(
        files_of(records[frame]) if frame in records else FrameFiles(frame=frame, files=()) for frame in sorted(orders)
    )
    first = next(iter(orders.values()))
    return Footage(title=title, frames=frames, encoding=first.encoding, owner=first.owner)


def files_of(record: FrameRecord) -> FrameFiles:
    """Return the files of a frame that is in place."""
    return FrameFiles(frame=record.frame, files=tuple(record.files.items()))
