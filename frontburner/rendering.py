"""What an opened job lacks, rendered: its units dispatched, its frames followed and finished, until none is left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect import get_run_logger

from frontburner import events as ev
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.farm.measuring import DaskMeasurer
from frontburner.finishing import Finisher
from frontburner.leftovers import Leftovers
from frontburner.limits import Limiter
from frontburner.need import Need
from frontburner.plan.planner import Planner
from frontburner.previews import Previews, parts_folder
from tasks.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.artifacts import Artifacts
    from frontburner.deadline import DeadlineWatch
    from frontburner.farm.dask_farm import DaskFarm
    from frontburner.halting import Halting
    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from frontburner.jobs.missing import Missing
    from frontburner.plan.block import Block
    from frontburner.progress import FrameProgress
    from storage.objects import ObjectStore
    from tasks.pictures import FrameRecord


@dataclass(slots=True, kw_only=True)
class Rendering:
    """Planner, dispatcher, limits, stitches and previews of one run of a job, wired to each other.

    Parameters
    ----------
    job, layout
        What is rendered.
    found
        What is missing of it.
    farm, store
        On what, and where it goes.
    clock
        Seconds on the job's own clock.
    halting, heed
        What ends it early; ``heed`` is called often, and raises if that shall be at once.
    artifacts
        What Prefect shows of it.
    between
        Called between two looks at the farm.
    written
        Called with each frame that is in place.
    deadline
        Watches when the job will be ready, where that matters.
    """

    job: RenderJob
    layout: Layout
    found: Missing
    farm: DaskFarm
    store: ObjectStore
    clock: Callable[[], float]
    halting: Halting
    heed: Callable[[], None]
    artifacts: Artifacts
    between: Callable[[], None]
    written: Callable[[FrameRecord], None]
    deadline: DeadlineWatch | None = None
    _planner: Planner = field(init=False)
    _finisher: Finisher = field(init=False)
    _dispatcher: Dispatcher = field(init=False)
    _limiter: Limiter = field(init=False)
    _previews: Previews = field(init=False)
    _leftovers: Leftovers = field(init=False)
    _need: Need = field(init=False)

    def __post_init__(self) -> None:
        layout = self.layout
        self._leftovers, self._need = Leftovers(store=self.store), Need(clock=self.clock)
        self._planner = Planner(
            frames=self.found.wanted,
            size=next(iter(layout.frames.values())).size,
            region=layout.region,
            passes=layout.passes,
            mode=layout.mode,
            align_px=layout.align_px,
            limited=bool(layout.limits),
        )
        self._finisher = Finisher(
            farm=self.farm,
            layout=layout,
            store=self.store,
            metadata={"job": self.job.title},
            clock=self.clock,
            on_written=self._written,
        )
        self._dispatcher = Dispatcher(
            planner=self._planner,
            farm=self.farm,
            clock=self.clock,
            attempts=self.job.attempts,
            no_node_timeout_s=self.farm.patience_s,
            recover=self._recover,
            between=self._between,
        )
        self._previews = Previews(farm=self.farm, layout=layout, clock=self.clock, show=self.artifacts.preview)
        self._limiter = Limiter(
            layout=layout,
            frames=[work.frame for work in self.found.wanted],
            clock=self.clock,
            dispatcher=self._dispatcher,
            measurer=DaskMeasurer(farm=self.farm, layout=layout),
            finish=self._finisher.take,
            on_pass=self._passed,
        )
        self._dispatcher.on_rendered, self._dispatcher.forecast = self._limiter.rendered, self._limiter.forecast

    def go(self) -> None:
        """Render until all is in place, or until the run ends; then raise what ended it."""
        self.halting.wind_up = self._dispatcher.wind_up
        unobserve = ev.observe(self._limiter.take)
        try:
            self._adopt()
            self._dispatcher.run()
            while not self.halting.paused and self._limiter.poll():
                self._wait()
        finally:
            unobserve()
        self._tell_what_was_learnt()
        if not self.halting.paused:
            self._finisher.flush()
            while self._finisher.poll():
                self._wait()
            self._leftovers.clear()
        self.halting.end()

    def _adopt(self) -> None:
        """Have the units that exist loaded where the stitch can reach them."""
        for block in self._planner.reused:
            ticket = self._dispatcher.new_ticket()
            self.farm.load(ticket, block)
            self._dispatcher.adopt(block, ticket)

    def _recover(self, ticket: int, block: Block) -> bool:
        """Have a lost unit loaded if its node stored it before it died."""
        there = Ledger(store=self.store).has(self.layout.unit(block))
        if there:
            self.farm.load(ticket, block)
        return there

    def _between(self) -> None:
        """Between two looks at the farm: heed what is wanted, follow the pictures and their limits, show progress."""
        self.heed()
        self.between()
        work_s = self._need.work_s(self._planner, self._limiter)
        self._share(exhausted=self._planner.exhausted and not self._planner.resting, work_s=work_s)
        self._limiter.poll()
        self._planner.ends_in_s = self._limiter.ends_in_s()
        if not self.halting.paused:
            self._finisher.poll()
            self._previews.poll()
        if self.deadline is not None:
            self.deadline.poll()
        self.artifacts.progress(self._limiter.fraction())

    def _wait(self) -> None:
        """Let a moment pass in which nothing is dispatched."""
        self.heed()
        self._share(exhausted=True)
        self.farm.messages(timeout_s=0.05)

    def _share(self, *, exhausted: bool, work_s: float | None = None) -> None:
        """Tell the farm what the job needs of it, and how urgently."""
        self.farm.tell(exhausted=exhausted, work_s=work_s)
        priority = self.halting.watch.priority
        if priority not in (None, self.farm.priority):
            self.farm.prioritise(priority)

    def _tell_what_was_learnt(self) -> None:
        cost = self._planner.cost
        speeds = {name: state.speed for name, state in self._planner.learning.known.items() if state.units}
        ev.announce(ev.FarmMeasured(at_s=self.clock(), speeds=speeds, rates=cost.rates, cell_px=cost.cell_px))

    def _passed(self, progress: FrameProgress) -> None:
        if len(self.layout.frames) == 1:
            get_run_logger().info("%s", progress.sentence(self.layout.limits.noise))
        self._previews.offer(progress)

    def _written(self, record: FrameRecord) -> None:
        self.written(replace(record, preview=b""))  # that is shown below, and then by the store
        reached = f" ({record.reached.sentence()})" if record.reached and record.reached.telling else ""
        get_run_logger().info("frame %d is in place: %s%s", record.frame, ", ".join(record.files), reached)
        if record.preview:
            self.artifacts.preview(record.preview, f"{self.job.title}, frame {record.frame}")
        if not self.job.keep_units:
            parts = parts_folder(self.job.job_id) if len(self.layout.frames) == 1 else ""
            self._leftovers.add(self.layout.frames[record.frame], parts)
