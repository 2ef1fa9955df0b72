"""What an opened job lacks, rendered: its units dispatched, its frames followed and finished, until none is left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect import get_run_logger

from frontburner import events as ev
from frontburner.cluster.noise_measurement import DaskMeasurer
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.plan.planner import Planner
from frontburner.run.demand import Demand
from frontburner.run.finishing import Finisher, StillFinisher
from frontburner.run.limit_tracking import LimitTracking
from frontburner.run.previews import Previews, parts_folder
from frontburner.run.step_states import SequenceSteps, Steps, StillSteps
from frontburner.run.unit_cleanup import UnitCleanup
from storage.errors import FrontburnerError
from tasks.errors import BadTile
from tasks.node.unit_ledger import UnitLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from frontburner.cluster.dask_farm import DaskFarm
    from frontburner.control.halting import HaltWatch
    from frontburner.jobs.deadline import DeadlineWatch
    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from frontburner.jobs.missing import MissingWork
    from frontburner.plan.block import Block
    from frontburner.run.chunks import Chunk, Stage
    from frontburner.run.prefect_artifacts import Artifacts
    from frontburner.run.progress import FrameProgress
    from storage.objects import ObjectStore
    from tasks.limits import Ending
    from tasks.picture.frame_output import FrameRecord


RENDERED_TWICE = "It was rendered again, and came out no better: check the nodes (frontburner node check)."


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
    found: MissingWork
    farm: DaskFarm
    store: ObjectStore
    clock: Callable[[], float]
    halting: HaltWatch
    heed: Callable[[], None]
    artifacts: Artifacts
    between: Callable[[], None]
    written: Callable[[FrameRecord], None]
    deadline: DeadlineWatch | None = None
    _planner: Planner = field(init=False)
    _steps: Steps = field(init=False)
    _finisher: Finisher | StillFinisher = field(init=False)
    _dispatcher: Dispatcher = field(init=False)
    _limiter: LimitTracking = field(init=False)
    _previews: Previews = field(init=False)
    _leftovers: UnitCleanup = field(init=False)
    _need: Demand = field(init=False)
    _undecided: bool = field(init=False, default=False)
    """Whether a frame is rendered of which a measurement has yet to say whether that is enough."""
    _rendered_again: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        layout, frames = self.layout, [work.frame for work in self.found.wanted]
        self._leftovers, self._need = UnitCleanup(store=self.store), Demand(clock=self.clock)
        self._planner = Planner(
            frames=self.found.wanted,
            size=next(iter(layout.frames.values())).size,
            region=layout.region,
            passes=layout.passes,
            mode=layout.mode,
            align_px=layout.align_px,
            limited=bool(layout.limits),
        )
        self._dispatcher = Dispatcher(
            planner=self._planner,
            farm=self.farm,
            clock=self.clock,
            attempts=self.job.attempts,
            no_node_timeout_s=self.farm.patience_s,
            recover=self._recover,
        )
        self._previews = Previews(farm=self.farm, layout=layout, clock=self.clock, show=self.artifacts.preview)
        self._limiter = LimitTracking(
            layout=layout,
            frames=frames,
            clock=self.clock,
            dispatcher=self._dispatcher,
            measurer=DaskMeasurer(farm=self.farm, layout=layout),
            finish=self._finish,
            on_pass=self._passed,
            on_bad_tile=self._spoiled,
        )
        self._dispatcher.on_rendered, self._dispatcher.forecast = self._limiter.rendered, self._limiter.forecast
        self._steps = self._steps_of(frames)
        self._finisher = (StillFinisher if self._still else Finisher)(
            farm=self.farm, layout=layout, metadata={"job": self.job.title}, clock=self.clock, ended=self._ended
        )

    def chunks(self) -> Iterator[Chunk]:
        """Render until all is in place, or until the run ends; then raise what ended it.

        Yields
        ------
        Chunk
            Each chunk of the job when it begins.
        """
        self.halting.wind_up = self._dispatcher.drain
        unobserve = [ev.observe(self._limiter.take), ev.observe(self._steps.take)]
        try:
            self._adopt()
            self._dispatcher.begin()
            while self._goes_on:
                self._turn()
                yield from self._steps.ready()
        finally:
            self._dispatcher.end()
            for end in unobserve:
                end()
        self._leftovers.clear()
        self._report_what_was_learnt()
        self.halting.raise_if_halted()

    @property
    def _still(self) -> bool:
        return len(self.layout.frames) == 1

    @property
    def _goes_on(self) -> bool:
        if self._dispatcher.active:
            return True
        if self.halting.paused:
            return False
        return self._undecided or self._finisher.busy or (self._steps.retrying and not self.halting.winding_up)

    def _steps_of(self, frames: Sequence[int]) -> Steps:
        if not (self._still and frames):
            return SequenceSteps(frames=frames, failed=self._fail)
        return StillSteps(
            frame=frames[0],
            passes=self.layout.passes,
            denoise=self.layout.orders[frames[0]].denoise,
            covers=self._limiter.covers,
            failed=self._fail,
        )

    def _adopt(self) -> None:
        """Have the units that exist counted; the stitch finds them in the store."""
        for block in self._planner.reused:
            ticket = self._dispatcher.new_ticket()
            self.farm.load(ticket, block)
            self._dispatcher.add_reused(block, ticket)

    def _recover(self, ticket: int, block: Block) -> bool:
        """Look whether a lost unit was stored by its node before it died."""
        there = UnitLedger(store=self.store).has(self.layout.unit(block))
        if there:
            self.farm.load(ticket, block)
        return there

    def _turn(self) -> None:
        """Look at the farm once: hand out, follow the pictures and their limits, finish, and report progress."""
        self._dispatcher.step()
        self.heed()
        self.between()
        work_s = self._need.work_s(self._planner, self._limiter)
        self._share(exhausted=self._planner.exhausted and not self._planner.backoff, work_s=work_s)
        self._undecided = self._limiter.poll()
        self._planner.time_left_s = self._limiter.ends_in_s()
        if not self.halting.paused:
            for frame in self._steps.retried():
                self._finisher.again(frame)
            self._finisher.poll(hurry=not (self._dispatcher.active or self._undecided))
            self._previews.poll()
        if self.deadline is not None:
            self.deadline.poll()
        self.artifacts.progress(self._limiter.fraction())

    def _share(self, *, exhausted: bool, work_s: float | None) -> None:
        """Tell the farm what the job needs of it, and how urgently."""
        self.farm.tell(exhausted=exhausted, work_s=work_s)
        priority = self.halting.watch.priority
        if priority not in (None, self.farm.priority):
            self.farm.prioritise(priority)

    def _report_what_was_learnt(self) -> None:
        cost = self._planner.cost
        speeds = {name: state.speed for name, state in self._planner.learning.known.items() if state.units}
        ev.announce(ev.FarmMeasured(at_s=self.clock(), speeds=speeds, rates=cost.rates, cell_px=cost.cell_px))

    def _passed(self, progress: FrameProgress) -> None:
        if self._still:
            get_run_logger().info("%s", progress.sentence(self.layout.limits.noise))
        self._previews.offer(progress)

    def _finish(self, frame: int, tickets: Sequence[int], ending: Ending | None) -> None:
        """Have a frame finished whose units are all done."""
        self._steps.rendered(frame)
        self._finisher.take(frame, tickets, ending)

    def _ended(self, frame: int, stage: Stage, outcome: FrameRecord | FrontburnerError | None) -> None:
        """Take in that a stage of a frame has ended."""
        if isinstance(outcome, BadTile) and frame not in self._rendered_again:
            self._steps.render_again(frame, outcome)
            self._finisher.drop(frame)
            self._render_again(frame, outcome)
            return
        if isinstance(outcome, BadTile):
            outcome = replace(outcome, remedy=RENDERED_TWICE, retryable=False)
        if outcome is not None and not isinstance(outcome, FrontburnerError):
            self._written(outcome)
        self._steps.ended(frame, stage, outcome)

    def _spoiled(self, frame: int, error: BadTile) -> None:
        """Take in that the tiles of a frame that is being rendered don't make up one of its passes."""
        if frame in self._rendered_again:
            self._dispatcher.fail_frame(frame, replace(error, remedy=RENDERED_TWICE, retryable=False))
        else:
            self._render_again(frame, error)

    def _render_again(self, frame: int, error: BadTile) -> None:
        """Render a frame once more whose tiles don't make up its picture: what is stored of them goes first."""
        self._rendered_again.add(frame)
        ev.announce(ev.UnitDamaged(at_s=self.clock(), node="", frame=frame, reason=error.reason))
        get_run_logger().warning("frame %d is rendered again: %s", frame, error.reason)
        UnitLedger(store=self.store).forget((self.layout.frames[frame],))
        self._limiter.render_again(frame)
        self._dispatcher.render_again(frame)

    def _written(self, record: FrameRecord) -> None:
        outputs = tuple(self.store.locate(key) for key in record.files)
        ev.announce(ev.FrameWritten(at_s=self.clock(), frame=record.frame, outputs=outputs, reached=record.reached))
        self.written(replace(record, preview=b""))  # that is shown below, and then by the store
        reached = f" ({record.reached.sentence()})" if record.reached and record.reached.informative else ""
        get_run_logger().info("frame %d is in place: %s%s", record.frame, ", ".join(record.files), reached)
        if record.preview:
            self.artifacts.preview(record.preview, f"{self.job.title}, frame {record.frame}")
        if not self.job.keep_units:
            parts = parts_folder(self.job.job_id) if self._still else ""
            self._leftovers.add(self.layout.frames[record.frame], parts)

    def _fail(self, frame: int, error: FrontburnerError) -> None:
        """Give a frame up that is rendered and can't be finished."""
        self._finisher.drop(frame)
        ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error)))
