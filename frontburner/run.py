"""One run of a job: open the scene, see what is missing, have it rendered, and keep what there is to tell of it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.context import FlowRunContext

from frontburner import events as ev
from frontburner.artifacts import Artifacts
from frontburner.deadline import DeadlineWatch
from frontburner.farm.dask_farm import DaskFarm
from frontburner.farm.survey import choose_build
from frontburner.figures.chart import draw
from frontburner.figures.summary import markdown
from frontburner.jobs.frames import format_frames
from frontburner.jobs.layout import Layout, lay_out
from frontburner.jobs.missing import Missing, missing
from frontburner.jobs.scenes import frame_scenes
from frontburner.previews import parts_folder
from frontburner.rendering import Rendering
from frontburner.settings import Settings
from frontburner.travel import Journey
from storage.errors import FrontburnerError
from storage.objects import HOUSE, open_store
from tasks.renderers import renderer
from tasks.scenes import SceneQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from frontburner.figures.report import Report
    from frontburner.halting import Halting
    from frontburner.jobs.job import RenderJob
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
    deadline: DeadlineWatch | None = field(init=False, default=None)
    _connection: object = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.artifacts = Artifacts(job_id=self.job.job_id, clock=self.clock)
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
                dask_farm.open(build, layout.unit, layout.shows(parts_folder(self.job.job_id)))
                with self._deadline_watched():
                    Rendering(
                        job=self.job,
                        layout=layout,
                        found=wanted,
                        farm=dask_farm,
                        store=self.store,
                        clock=self.clock,
                        halting=self.halting,
                        heed=self._heed,
                        artifacts=self.artifacts,
                        between=self.journey.poll,
                        written=self._written,
                        deadline=self.deadline,
                    ).go()
        self.artifacts.progress(1.0, now=True)
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
            self.deadline.end(complete=not self.report.pictures.failed)
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

    def _written(self, record: FrameRecord) -> None:
        self.pictures[record.frame] = record

    def _still_again(self) -> str:
        """Return the frames to render again, unless this very run was resumed and has discarded them before."""
        return "" if self.again and self.store.exists(self._again_mark) else self.again

    @property
    def _again_mark(self) -> str:
        context = FlowRunContext.get()
        run = context.flow_run.id if context and context.flow_run else "direct"
        return f"{HOUSE}/jobs/{self.job.job_id}/again/{run}{self.because}"

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


def _now() -> datetime:
    """Return the time on this machine's clock, in its time zone."""
    return datetime.now().astimezone()


def _farm_lost() -> FarmLost:
    return FarmLost(
        reason="The connection to the farm's scheduler was lost.",
        remedy="Start it again, then run the same job again: finished units are kept.",
        retryable=True,
    )
