"""The flow: a job document goes in, its frames lie in storage when it ends, whatever happened to the nodes."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger
from prefect.context import FlowRunContext
from prefect.futures import wait
from prefect_dask.task_runners import DaskTaskRunner

from flows import events as ev
from flows.artifacts import Artifacts
from flows.chart import draw
from flows.cluster.nodes import farm
from flows.deadline import DeadlineWatch, next_moment
from flows.dispatch import Dispatcher
from flows.farm import DaskFarm
from flows.finishing import Finisher
from flows.job import RenderJob
from flows.layout import Layout, lay_out
from flows.limits import Limiter
from flows.measuring import DaskMeasurer
from flows.plan.planner import FrameWork, Planner
from flows.previews import Previews
from flows.report import Report
from flows.scenes import frame_scenes
from flows.summary import markdown
from flows.survey import choose_build
from storage.errors import FrontburnerError
from storage.objects import HOUSE, open_store
from tasks.ledger import Ledger
from tasks.pictures import FrameRecord, finished
from tasks.renderers import renderer
from tasks.scenes import SceneQuery
from tasks.steps import open_scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from flows.plan.block import Block
    from flows.progress import FrameProgress
    from storage.objects import ObjectStore


@dataclass(kw_only=True, eq=False)
class JobFailed(FrontburnerError):
    """A job that ended with frames missing; its finished frames are in place and its report is in ``report``."""

    report: dict[str, Any] = field(default_factory=dict, repr=False)


@flow(
    name="render",
    flow_run_name="{job.title}",
    task_runner=DaskTaskRunner(cluster_class=farm),  # type: ignore[arg-type]
    persist_result=False,
)
def render(job: RenderJob) -> dict[str, Any]:
    """Render a job: a still over all nodes at once, a sequence frame by frame.

    The same job goes on where it stopped: frames in place and units in the store are never rendered again.
    """
    started_s = time.monotonic()

    def clock() -> float:
        return time.monotonic() - started_s

    report = Report(job_id=job.job_id)
    unobserve = ev.observe(report.take)
    try:
        store = open_store(job.out)
        store.check()
        run = _Run(job=job, store=store, client=_client(), report=report, clock=clock)
        run.go()
    finally:
        unobserve()
    document = report.document()
    store.write(f"{HOUSE}/jobs/{job.job_id}.json", json.dumps(document, indent=1).encode())
    if report.failed:
        frame, reason = next(iter(sorted(report.failed.items())))
        raise JobFailed(
            reason=f"{len(report.failed)} of {report.frames} frames failed; frame {frame}: {reason}",
            remedy="Mend the cause and run the same job again: only what is missing is rendered.",
            report=document,
        )
    return document


def _now() -> datetime:
    """Return the time on this machine's clock, in its time zone."""
    return datetime.now().astimezone()


def _client() -> Client:
    """Return the Dask client of this flow run: the one its tasks use as well."""
    context = FlowRunContext.get()
    assert context is not None
    runner = context.task_runner
    assert isinstance(runner, DaskTaskRunner)
    return runner.client


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run of a job on the farm."""

    job: RenderJob
    store: ObjectStore
    client: Client
    report: Report
    clock: Any
    artifacts: Artifacts = field(init=False)
    deadline: DeadlineWatch | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.artifacts = Artifacts(job_id=self.job.job_id, clock=self.clock)
        if self.job.finish_by:
            self.deadline = DeadlineWatch(
                due=next_moment(self.job.finish_by, _now()), now=_now, clock=self.clock, say=get_run_logger().info
            )

    def go(self) -> None:
        """Open the scene, dispatch what is missing, and see the pictures into their places."""
        with DaskFarm(client=self.client, renderer=self.job.renderer_name, topic=self.job.job_id,
                      store_url=self.store.url, priority=self.job.priority) as dask_farm:  # fmt: skip
            build = choose_build(dask_farm.survey(), self.job.renderer_name)
            layout = self._open(build)
            wanted = self._skip_finished(layout)
            dask_farm.open(build, layout.unit)
            with self._deadline_watched():
                self._render(dask_farm, layout, wanted)
        self._draw()
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

    def _open(self, build: str) -> Layout:
        scenes = frame_scenes(self.job)
        query = SceneQuery(renderer=self.job.renderer_name, build=build, frames=scenes)
        infos = open_scene.submit(self.job.scene, query).result()
        layout = lay_out(
            self.job,
            build=build,
            capabilities=renderer(self.job.renderer_name).capabilities(build),
            scenes=scenes,
            infos=infos,
        )
        self.report.notes = layout.notes
        self.report.renderer = f"{self.job.renderer_name} {build}"
        return layout

    def _skip_finished(self, layout: Layout) -> list[FrameWork]:
        """Leave out frames whose files are in place, and of the others the units that are in the store."""
        ledger = Ledger(store=self.store)
        units = ledger.finished()
        wanted, frames_there = [], 0
        for number, order in layout.orders.items():
            there = finished(order, self.store)
            if there is None:
                done = units.get(order.frame.digest, ())
                wanted.append(FrameWork(frame=number, done=tuple(done)))
                continue
            frames_there += 1
            outputs = tuple(self.store.locate(key) for key in there.files)
            ev.announce(ev.FrameWritten(at_s=self.clock(), frame=number, outputs=outputs, reached=there.reached))
        ev.announce(
            ev.JobPlanned(
                at_s=self.clock(),
                job_id=self.job.job_id,
                frames=len(layout.frames),
                pixel_samples=sum(s.count for s in layout.passes) * layout.region.area * len(wanted),
                reused_frames=frames_there,
                probe=layout.passes[0] if len(layout.passes) > 1 and len(layout.frames) == 1 else None,
            )
        )
        return wanted

    def _render(self, dask_farm: DaskFarm, layout: Layout, wanted: Sequence[FrameWork]) -> None:
        planner = Planner(
            frames=wanted,
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
            recover=lambda ticket, block: self._recover(dask_farm, layout, ticket, block),
        )
        previews = Previews(farm=dask_farm, layout=layout, clock=self.clock, show=self.artifacts.preview)
        limiter = Limiter(
            layout=layout,
            frames=[work.frame for work in wanted],
            clock=self.clock,
            dispatcher=dispatcher,
            measurer=DaskMeasurer(farm=dask_farm, layout=layout),
            finish=finisher.take,
            on_pass=lambda progress: self._passed(layout, progress, previews),
        )
        dispatcher.on_rendered, dispatcher.forecast = limiter.rendered, limiter.forecast
        dispatcher.between = lambda: self._between(planner, limiter, finisher, previews)
        unobserve = ev.observe(limiter.take)
        try:
            self._adopt(dask_farm, dispatcher, planner)
            dispatcher.run()
            while limiter.poll():
                wait([])
                dask_farm.messages(timeout_s=0.05)
        finally:
            unobserve()
        self._tell_what_was_learnt(planner)
        finisher.flush()
        while finisher.poll():
            wait([])
            dask_farm.messages(timeout_s=0.05)
        self.artifacts.progress(1.0, now=True)

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

    def _between(self, planner: Planner, limiter: Limiter, finisher: Finisher, previews: Previews) -> None:
        """Between two looks at the farm: obey a suspend and the job's limits, follow the pictures, show progress."""
        wait([])  # raises Pause when the run was suspended: a flow that waits on Dask would never notice
        limiter.poll()
        planner.ends_in_s = limiter.ends_in_s()
        finisher.poll()
        previews.poll()
        if self.deadline is not None:
            self.deadline.poll()
        self.artifacts.progress(limiter.fraction())

    def _passed(self, layout: Layout, progress: FrameProgress, previews: Previews) -> None:
        if len(layout.frames) == 1:
            get_run_logger().info("%s", progress.sentence(layout.limits.noise))
        previews.offer(progress)

    def _written(self, layout: Layout, record: FrameRecord) -> None:
        reached = f" ({record.reached.sentence()})" if record.reached and record.reached.telling else ""
        get_run_logger().info("frame %d is in place: %s%s", record.frame, ", ".join(record.files), reached)
        if record.preview:
            self.artifacts.preview(record.preview, f"{self.job.title}, frame {record.frame}")
        if not self.job.keep_units:
            Ledger(store=self.store).forget(layout.frames[record.frame])
