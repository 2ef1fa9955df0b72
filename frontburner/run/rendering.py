"""The dispatch loop of a run: renders what a job with an open scene is missing, and finishes its frames."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect import get_run_logger

from frontburner import events as ev
from frontburner.cluster.noise_measurement import DaskMeasurer
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.plan.planner import Planner
from frontburner.run.finishing import Finisher, StillFinisher
from frontburner.run.first_picture import FirstPicture
from frontburner.run.limit_tracking import LimitTracking
from frontburner.run.previews import Previews, parts_folder
from frontburner.run.progress import Demand
from frontburner.run.step_states import SequenceSteps, StillSteps
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

RENDERED_TWICE = "Rendering it again didn't help: check the nodes (frontburner node check)."


@dataclass(slots=True, kw_only=True)
class Rendering:
    """Connects planner, dispatcher, limits, finisher and previews of one round of a run, and drives them.

    Parameters
    ----------
    job, layout
        What is rendered.
    missing
        The part of it that is missing.
    farm, store
        The nodes, and where pictures and units go.
    clock
        Seconds since the job began.
    halting, check_stop
        What ends it early; ``check_stop`` is called at each turn, and raises to end it at once.
    artifacts
        What Prefect shows.
    on_turn
        Called at each turn.
    pictures
        Records of frames in place, to which finished frames are added.
    deadline
        Forecasts the job's end, if it has a deadline.
    """

    job: RenderJob
    layout: Layout
    missing: MissingWork
    farm: DaskFarm
    store: ObjectStore
    clock: Callable[[], float]
    halting: HaltWatch
    check_stop: Callable[[], None]
    artifacts: Artifacts
    on_turn: Callable[[], None]
    pictures: dict[int, FrameRecord]
    deadline: DeadlineWatch | None = None
    _planner: Planner = field(init=False)
    _steps: SequenceSteps | StillSteps = field(init=False)
    _finisher: Finisher | StillFinisher = field(init=False)
    _dispatcher: Dispatcher = field(init=False)
    _limits: LimitTracking = field(init=False)
    _previews: Previews = field(init=False)
    _unit_cleanup: UnitCleanup = field(init=False)
    _demand: Demand = field(init=False)
    _first_picture: FirstPicture = field(init=False)
    _undecided: bool = field(init=False, default=False)
    """Whether a rendered frame waits for a measurement that may end it earlier."""
    _rendered_again: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        layout, frames = self.layout, [work.frame for work in self.missing.wanted]
        self._unit_cleanup, self._demand = UnitCleanup(store=self.store), Demand(clock=self.clock)
        self._first_picture = FirstPicture(images=layout.images, still=self._still, clock=self.clock)
        self._planner = Planner(
            frames=self.missing.wanted,
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
            no_node_timeout_s=self.farm.node_timeout_s,
            recover=self._recover,
        )
        self._previews = Previews(farm=self.farm, layout=layout, clock=self.clock, show=self.artifacts.preview)
        self._limits = LimitTracking(
            layout=layout,
            frames=frames,
            clock=self.clock,
            dispatcher=self._dispatcher,
            measurer=DaskMeasurer(farm=self.farm, layout=layout),
            finish=self._finish,
            on_pass=self._on_pass,
            on_bad_tile=self._on_bad_tile,
        )
        self._dispatcher.on_rendered, self._dispatcher.forecast = self._limits.rendered, self._limits.forecast
        self._steps = self._make_steps(frames)
        self._finisher = (StillFinisher if self._still else Finisher)(
            farm=self.farm,
            layout=layout,
            metadata={"job": self.job.title},
            clock=self.clock,
            on_ended=self._on_stage_ended,
        )

    def chunks(self) -> Iterator[Chunk]:
        """Render until all frames are in place or the run is halted; then raise what halted it.

        Yields
        ------
        Chunk
            Each chunk of the job, when its step should begin.
        """
        self.halting.wind_up = self._dispatcher.drain
        unobserve = [ev.observe(self._limits.take), ev.observe(self._steps.take)]
        try:
            self._adopt_stored_units()
            self._dispatcher.begin()
            while self._busy:
                self._turn()
                yield from self._steps.ready()
        finally:
            self._dispatcher.end()
            for end in unobserve:
                end()
        self._unit_cleanup.finish()
        self._announce_speeds()
        self.halting.raise_if_halted()

    @property
    def _still(self) -> bool:
        return len(self.layout.frames) == 1

    @property
    def _busy(self) -> bool:
        if self._dispatcher.active:
            return True
        if self.halting.paused:
            return False
        return self._undecided or self._finisher.busy or (self._steps.retrying and not self.halting.winding_up)

    def _make_steps(self, frames: Sequence[int]) -> SequenceSteps | StillSteps:
        if not (self._still and frames):
            return SequenceSteps(frames=frames, on_failed=self._fail)
        return StillSteps(
            frame=frames[0],
            passes=self.layout.passes,
            denoise=self.layout.orders[frames[0]].denoise,
            covers=self._limits.covers,
            on_failed=self._fail,
        )

    def _adopt_stored_units(self) -> None:
        """Count the units that are in the store, where the stitch finds them."""
        for block in self._planner.reused:
            ticket = self._dispatcher.new_ticket()
            self.farm.load(ticket, block)
            self._dispatcher.add_reused(block, ticket)

    def _recover(self, ticket: int, block: Block) -> bool:
        """Return whether a lost unit was stored by its node before it died."""
        stored = UnitLedger(store=self.store).has(self.layout.unit(block))
        if stored:
            self.farm.load(ticket, block)
        return stored

    def _turn(self) -> None:
        """Do one turn of the loop: hand out units, track limits, finish frames, and report progress."""
        self._dispatcher.step()
        self.check_stop()
        self.on_turn()
        work_s = self._demand.work_s(self._planner, self._limits)
        done = self._limits.fraction()
        self._report_demand(exhausted=self._planner.exhausted and not self._planner.backoff, work_s=work_s, done=done)
        self._undecided = self._limits.poll()
        self._planner.time_left_s = self._limits.ends_in_s()
        if not self.halting.paused:
            for frame in self._steps.retried():
                self._finisher.retry(frame)
            self._finisher.poll(flush=not (self._dispatcher.active or self._undecided))
            self._previews.poll()
        if self.deadline is not None:
            self.deadline.poll()
        self.artifacts.progress(self._limits.fraction())

    def _report_demand(self, *, exhausted: bool, work_s: float | None, done: float | None) -> None:
        """Tell the farm how much work the job has left, and its priority if that was changed."""
        self.farm.report_demand(exhausted=exhausted, work_s=work_s, done=done)
        priority = self.halting.watch.priority
        if priority not in (None, self.farm.priority):
            self.farm.prioritise(priority)

    def _announce_speeds(self) -> None:
        cost = self._planner.cost
        speeds = {name: state.speed for name, state in self._planner.learning.known.items() if state.units}
        ev.announce(ev.FarmMeasured(at_s=self.clock(), speeds=speeds, rates=cost.rates, cell_px=cost.cell_px))

    def _on_pass(self, progress: FrameProgress) -> None:
        if self._still:
            get_run_logger().info("%s", progress.sentence(self.layout.limits.noise))
        self._previews.offer(progress)

    def _finish(self, frame: int, tickets: Sequence[int], ending: Ending | None) -> None:
        """Have a frame finished, all of whose units are done."""
        self._steps.rendered(frame)
        self._finisher.add(frame, tickets, ending)

    def _on_stage_ended(self, frame: int, stage: Stage, outcome: FrameRecord | FrontburnerError | None) -> None:
        """Handle the outcome of a stage of finishing a frame."""
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

    def _on_bad_tile(self, frame: int, error: BadTile) -> None:
        """Handle a frame in progress whose tiles don't cover one of its passes."""
        if frame in self._rendered_again:
            self._dispatcher.fail_frame(frame, replace(error, remedy=RENDERED_TWICE, retryable=False))
        else:
            self._render_again(frame, error)

    def _render_again(self, frame: int, error: BadTile) -> None:
        """Render a frame again whose tiles don't cover its picture, after deleting its units."""
        self._rendered_again.add(frame)
        ev.announce(ev.UnitDamaged(at_s=self.clock(), node="", frame=frame, reason=error.reason))
        get_run_logger().warning("frame %d is rendered again: %s", frame, error.reason)
        UnitLedger(store=self.store).forget((self.layout.frames[frame],))
        self._limits.render_again(frame)
        self._dispatcher.render_again(frame)

    def _written(self, record: FrameRecord) -> None:
        outputs = tuple(self.store.locate(key) for key in record.files)
        ev.announce(ev.FrameWritten(at_s=self.clock(), frame=record.frame, outputs=outputs, reached=record.reached))
        if not self.missing.in_place:
            self._first_picture.take(record)
        self.pictures[record.frame] = replace(record, preview=b"")  # the preview is shown below, and is in the store
        reached = f" ({record.reached.sentence()})" if record.reached and record.reached.informative else ""
        get_run_logger().info("frame %d is in place: %s%s", record.frame, ", ".join(record.files), reached)
        if record.preview:
            self.artifacts.preview(record.preview, f"{self.job.title}, frame {record.frame}")
        if not self.job.keep_units:
            parts = parts_folder(self.job.job_id) if self._still else ""
            self._unit_cleanup.add(self.layout.frames[record.frame], parts)

    def _fail(self, frame: int, error: FrontburnerError) -> None:
        """Give up a rendered frame that can't be finished."""
        self._finisher.drop(frame)
        ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error)))
