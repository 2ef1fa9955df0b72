"""One run of a job: open the scene, dispatch what is missing, and see the pictures into their places."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.context import FlowRunContext

from flows import events as ev
from flows.artifacts import Artifacts
from flows.chart import draw
from flows.deadline import DeadlineWatch
from flows.dispatch import Dispatcher
from flows.farm import DaskFarm
from flows.finishing import Finisher
from flows.frames import format_frames
from flows.layout import Layout, lay_out
from flows.leftovers import Leftovers
from flows.limits import Limiter
from flows.measuring import DaskMeasurer
from flows.missing import Missing, missing
from flows.need import Need
from flows.plan.planner import Planner
from flows.previews import Previews, parts_folder
from flows.scenes import frame_scenes
from flows.settings import Settings
from flows.summary import markdown
from flows.survey import choose_build
from flows.travel import Journey
from storage.errors import FrontburnerError
from storage.objects import HOUSE, open_store
from tasks.ledger import Ledger
from tasks.renderers import renderer
from tasks.scenes import SceneQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from flows.halting import Halting
    from flows.job import RenderJob
    from flows.plan.block import Block
    from flows.progress import FrameProgress
    from flows.report import Report
    from storage.objects import ObjectStore
    from tasks.pictures import FrameRecord


@dataclass(kw_only=True, eq=False)
class FarmLost(FrontburnerError):
    """The scheduler of the farm went away while a job was rendered on it."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of a job on the farm.

    Parameters
    ----------
    again, only
        Frames to render again although they are in place, and the frames this run is for; empty means none, and all.
    due
        When the job should be ready, where it has a deadline.
    because
        What tells this run from another one of the same flow run.
    """

    job: RenderJob
    store: ObjectStore
    client: Client
    report: Report
    clock: Any
    halting: Halting
    again: str = ""
    only: str = ""
    due: datetime | None = None
    because: str = ""
    layout: Layout = field(init=False)
    pictures: dict[int, FrameRecord] = field(init=False, default_factory=dict)
    """Frames that are in place, of those this run was for."""
    artifacts: Artifacts = field(init=False)
    journey: Journey = field(init=False)
    leftovers: Leftovers = field(init=False)
    deadline: DeadlineWatch | None = field(init=False, default=None)
    need: Need = field(init=False)
    _connection: object = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.artifacts = Artifacts(job_id=self.job.job_id, clock=self.clock)
        self.leftovers = Leftovers(store=self.store)
        self.need = Need(clock=self.clock)
        if self.due:
            self.deadline = DeadlineWatch(due=self.due, now=_now, clock=self.clock, say=get_run_logger().info)

    def go(self) -> None:
        """Open the scene, dispatch what is missing, and see the pictures into their places.

        Raises
        ------
        FarmLost
            When the scheduler went away in between; all that is finished is in the store.
        """
        self._connection = self.client.scheduler_comm
        try:
            self._go()
        except Exception as error:
            if self._farm_is_lost():
                raise _farm_lost() from error
            raise

    def _go(self) -> None:
        with DaskFarm(
            client=self.client,
            renderer=self.job.renderer_name,
            topic=self.job.job_id,
            store_url=self.store.url,
            priority=self.job.priority,
            terms=self.job.terms,
            scene=self.job.scene,
            files_url=open_store(files).url if (files := Settings().files) else "",
            travel=self.job.travel,
        ) as dask_farm:
            build = choose_build(dask_farm.survey(self.heed), self.job.renderer_name)
            with closing(self._depart(dask_farm, build)) as self.journey:
                self.layout = layout = self._open(build, self.journey)
                wanted = self._missing(layout)
                dask_farm.open(build, layout.unit, layout.shows(self._parts))
                with self._deadline_watched():
                    self._render(dask_farm, layout, wanted)
        self._draw()

    def tell(self) -> None:
        """Show the job's figures in Prefect."""
        self.artifacts.report(markdown(self.report.document()))

    def _draw(self) -> None:
        """Draw the chart of the job. Its pictures are in place: nothing that goes wrong here fails it."""
        key = f"{HOUSE}/jobs/{self.job.job_id}.png"
        try:
            if self.report.units or not self.store.exists(key):  # the chart of a run that did something is worth more
                png = draw(self.report)
                self.store.write(key, png)
                self.artifacts.chart(png)
            self.report.chart = self.store.locate(key)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is only the chart
            self.report.notes += (f"The chart couldn't be drawn, kept or shown: {error}",)

    @contextmanager
    def _deadline_watched(self) -> Iterator[None]:
        if self.deadline is None:
            yield
            return
        unobserve = ev.observe(self.deadline.take)
        try:
            yield
            self.deadline.end(complete=not self.report.failed)
        finally:
            unobserve()

    def _depart(self, dask_farm: DaskFarm, build: str) -> Journey:
        return Journey(
            scene=self.job.scene,
            query=SceneQuery(renderer=self.job.renderer_name, build=build, frames=frame_scenes(self.job)),
            farm=dask_farm,
            clock=self.clock,
            heed=self.heed,
            say=get_run_logger().info,
        )

    def _open(self, build: str, journey: Journey) -> Layout:
        infos = journey.begin()
        layout = lay_out(
            self.job,
            build=build,
            capabilities=renderer(self.job.renderer_name).capabilities(build),
            scenes=journey.query.frames,
            infos=infos,
            manifest=journey.manifest.digest,
        )
        self.report.notes = layout.notes
        self.report.renderer = f"{self.job.renderer_name} {build}"
        return layout

    def _missing(self, layout: Layout) -> Missing:
        found = missing(layout, self.store, again=self._still_again(), only=self.only)
        if self.again:
            self.store.create(self._again_mark, b"1")
        for record in found.in_place:
            self.pictures[record.frame] = record
            outputs = tuple(self.store.locate(key) for key in record.files)
            ev.announce(ev.FrameWritten(at_s=self.clock(), frame=record.frame, outputs=outputs, reached=record.reached))
        ev.announce(
            ev.JobPlanned(
                at_s=self.clock(),
                job_id=self.job.job_id,
                frames=len(found.wanted) + len(found.in_place),
                pixel_samples=sum(s.count for s in layout.passes) * layout.region.area * len(found.wanted),
                reused_frames=len(found.in_place),
                probe=layout.passes[0] if len(layout.passes) > 1 and len(layout.frames) == 1 else None,
                numbers=format_frames(tuple(sorted(layout.frames))),
                size=next(iter(layout.frames.values())).size,
                region=layout.region,
            )
        )
        return found

    @property
    def _parts(self) -> str:
        return parts_folder(self.job.job_id)

    def _still_again(self) -> str:
        """Return the frames to render again, unless this very run was resumed and has discarded them before."""
        return "" if self.again and self.store.exists(self._again_mark) else self.again

    @property
    def _again_mark(self) -> str:
        context = FlowRunContext.get()
        run = context.flow_run.id if context and context.flow_run else "direct"
        return f"{HOUSE}/jobs/{self.job.job_id}/again/{run}{self.because}"

    def _render(self, dask_farm: DaskFarm, layout: Layout, found: Missing) -> None:
        planner = Planner(
            frames=found.wanted,
            size=next(iter(layout.frames.values())).size,
            region=layout.region,
            passes=layout.passes,
            mode=layout.mode,
            align_px=layout.align_px,
            limited=bool(layout.limits),
        )
        finisher = Finisher(
            farm=dask_farm,
            layout=layout,
            store=self.store,
            metadata={"job": self.job.title},
            clock=self.clock,
            on_written=lambda record: self._written(layout, record),
        )
        dispatcher = Dispatcher(
            planner=planner,
            farm=dask_farm,
            clock=self.clock,
            attempts=self.job.attempts,
            no_node_timeout_s=dask_farm.patience_s,
            recover=lambda ticket, block: self._recover(dask_farm, layout, ticket, block),
        )
        previews = Previews(farm=dask_farm, layout=layout, clock=self.clock, show=self.artifacts.preview)
        limiter = Limiter(
            layout=layout,
            frames=[work.frame for work in found.wanted],
            clock=self.clock,
            dispatcher=dispatcher,
            measurer=DaskMeasurer(farm=dask_farm, layout=layout),
            finish=finisher.take,
            on_pass=lambda progress: self._passed(layout, progress, previews),
        )
        dispatcher.on_rendered, dispatcher.forecast = limiter.rendered, limiter.forecast
        dispatcher.between = lambda: self._between(dask_farm, planner, limiter, finisher, previews)
        self.halting.wind_up = dispatcher.wind_up
        unobserve = ev.observe(limiter.take)
        try:
            self._adopt(dask_farm, dispatcher, planner)
            dispatcher.run()
            while not self.halting.paused and limiter.poll():
                self._wait(dask_farm)
        finally:
            unobserve()
        self._tell_what_was_learnt(planner)
        if not self.halting.paused:
            finisher.flush()
            while finisher.poll():
                self._wait(dask_farm)
            self.leftovers.clear()
        self.halting.end()
        self.artifacts.progress(1.0, now=True)

    def _share(self, dask_farm: DaskFarm, *, exhausted: bool, work_s: float | None = None) -> None:
        """Tell the farm what the job needs of it, and how urgently."""
        dask_farm.tell(exhausted=exhausted, work_s=work_s)
        priority = self.halting.watch.priority
        if priority not in (None, dask_farm.priority):
            dask_farm.prioritise(priority)

    def _wait(self, dask_farm: DaskFarm) -> None:
        """Let a moment pass in which nothing is dispatched."""
        self._heed()
        self._share(dask_farm, exhausted=True)
        dask_farm.messages(timeout_s=0.05)

    def _tell_what_was_learnt(self, planner: Planner) -> None:
        speeds = {name: state.speed for name, state in planner.learning.known.items() if state.units}
        ev.announce(
            ev.FarmMeasured(
                at_s=self.clock(),
                speeds=speeds,
                rates=planner.cost.rates,
                cell_px=planner.cost.cell_px,
            )
        )

    def _adopt(self, dask_farm: DaskFarm, dispatcher: Dispatcher, planner: Planner) -> None:
        """Have the units that exist loaded where the stitch can reach them."""
        for block in planner.reused:
            ticket = dispatcher.new_ticket()
            dask_farm.load(ticket, block)
            dispatcher.adopt(block, ticket)

    def _recover(self, dask_farm: DaskFarm, layout: Layout, ticket: int, block: Block) -> bool:
        """Have a lost unit loaded if its node stored it before it died."""
        there = Ledger(store=self.store).has(layout.unit(block))
        if there:
            dask_farm.load(ticket, block)
        return there

    def _between(
        self, dask_farm: DaskFarm, planner: Planner, limiter: Limiter, finisher: Finisher, previews: Previews
    ) -> None:
        """Between two looks at the farm: heed what is wanted, follow the pictures and their limits, show progress."""
        self._heed()
        self.journey.poll()
        work_s = self.need.work_s(planner, limiter)
        self._share(dask_farm, exhausted=planner.exhausted and not planner.resting, work_s=work_s)
        limiter.poll()
        planner.ends_in_s = limiter.ends_in_s()
        if not self.halting.paused:
            finisher.poll()
            previews.poll()
        if self.deadline is not None:
            self.deadline.poll()
        self.artifacts.progress(limiter.fraction())

    def _farm_is_lost(self) -> bool:
        """Whether the scheduler went away, though another may be there by now: what it knew is gone."""
        return self.client.status != "running" or self.client.scheduler_comm is not self._connection

    def _heed(self) -> None:
        """End this run if its farm is gone, or if that is wanted."""
        if self._farm_is_lost():
            raise _farm_lost()
        self.halting.heed()

    def heed(self) -> None:
        """End this run if its farm is gone or that is wanted, where no unit is under way that could end first."""
        self._heed()
        self.halting.end()

    def _passed(self, layout: Layout, progress: FrameProgress, previews: Previews) -> None:
        if len(layout.frames) == 1:
            get_run_logger().info("%s", progress.sentence(layout.limits.noise))
        previews.offer(progress)

    def _written(self, layout: Layout, record: FrameRecord) -> None:
        self.pictures[record.frame] = replace(record, preview=b"")  # that is shown below, and then by the store
        reached = f" ({record.reached.sentence()})" if record.reached and record.reached.telling else ""
        get_run_logger().info("frame %d is in place: %s%s", record.frame, ", ".join(record.files), reached)
        if record.preview:
            self.artifacts.preview(record.preview, f"{self.job.title}, frame {record.frame}")
        if not self.job.keep_units:
            self.leftovers.add(layout.frames[record.frame], self._parts if len(layout.frames) == 1 else "")


def _now() -> datetime:
    """Return the time on this machine's clock, in its time zone."""
    return datetime.now().astimezone()


def _farm_lost() -> FarmLost:
    return FarmLost(
        reason="The connection to the farm's scheduler was lost.",
        remedy="Start it again, then run the same job again: finished units are kept.",
        retryable=True,
    )
