"""One run of a job, as its flow goes through it: the farm it has, what its steps do, and what is kept of it."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from prefect import get_run_logger
from prefect.exceptions import Pause

from frontburner import events as ev
from frontburner.cluster.build_choice import choose_build
from frontburner.cluster.dask_farm import DaskFarm
from frontburner.cluster.node_processes import farm_client
from frontburner.cluster.scheduler_connection import TIMEOUT_S, FarmLost, SchedulerConnection
from frontburner.control.conditions import record_scene
from frontburner.control.desired_state import DesiredStateWatch
from frontburner.control.halting import Halted, HaltKind, HaltWatch, end_state, stay_suspended
from frontburner.jobs.deadline import DeadlineWatch, next_moment
from frontburner.jobs.scenes import frame_scenes
from frontburner.notify.run_notifications import notifying
from frontburner.reports.report import Report
from frontburner.run.after_frames import AfterFrames
from frontburner.run.conclusion import conclude
from frontburner.run.prefect_artifacts import Artifacts
from frontburner.run.previews import parts_folder
from frontburner.run.recording import deployed, recorded
from frontburner.run.rendering import Rendering
from frontburner.run.rounds import Round, announce_plan, in_place, laid_out
from frontburner.run.scene_transfer import SceneTransfer
from frontburner.run.step_watch import StepWatch
from frontburner.settings import Settings
from storage.errors import StoreError
from storage.objects import open_store
from tasks.scene.frame_scenes import SceneQuery

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.schemas.objects import State
    from prefect.futures import PrefectFuture

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from frontburner.run.chunks import Chunk
    from storage.objects import ObjectStore
    from tasks.picture.frame_output import FrameRecord
    from tasks.picture.movie import Codec
    from tasks.picture.products import Product


@dataclass(slots=True, kw_only=True)
class JobRun:
    """One run of a job.

    Parameters
    ----------
    job, store
        What is rendered, and where it goes.
    again, only
        Frames to render again although they are in place, and the frames this run is for; empty means none, and all.
    """

    job: RenderJob
    store: ObjectStore
    again: str = ""
    only: str = ""
    result: dict[str, Any] | State[None] | None = field(init=False, default=None)
    """What the flow returns: the report, or the state it was ended in from outside."""
    frames_wanted: bool = field(init=False, default=True)
    """Whether frames are to be rendered, for all the run knows."""
    pictures: dict[int, FrameRecord] = field(init=False, default_factory=dict)
    """Frames that are in place, of those this run is for."""
    layout: Layout = field(init=False)
    journey: SceneTransfer = field(init=False)
    farm: DaskFarm = field(init=False)
    report: Report = field(init=False)
    artifacts: Artifacts = field(init=False)
    halting: HaltWatch = field(init=False)
    connection: SchedulerConnection = field(init=False)
    steps: StepWatch = field(init=False)
    afterwards: AfterFrames = field(init=False)
    _deadline: DeadlineWatch | None = field(init=False, default=None)
    _build: str = field(init=False, default="")
    _round: Round = field(init=False)
    _began_s: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._round = Round(again=self.again, only=self.only)
        self.steps = StepWatch(heed=self.heed)

    def clock(self) -> float:
        """Return the seconds since the run began."""
        return time.monotonic() - self._began_s

    @contextmanager
    def on_record(self) -> Iterator[None]:
        """Keep the run's record and figures, heed what ends it, and notify those the job names when it has ended."""
        try:
            with (
                notifying(self.job, self.store, after=self.steps.last),
                self._connected() as scheduler,
                recorded(self.job, self.store, scheduler),
                self.steps.ending(),
            ):
                yield
                self.result = conclude(self.job, self.report, self.store, self.artifacts)
                if not self.only:
                    with suppress(StoreError):  # then the next scheduled run renders what is missing, as ever
                        record_scene(self.job, self.store, self.journey.manifest)
        except Halted as halted:
            # Suspended where Prefect has a deployment to resume it from, else cancelled: whoever called calls again.
            if halted.how is HaltKind.SUSPENDED and deployed():
                raise stay_suspended() from None
            self.result = end_state(halted)
        except Pause:
            raise stay_suspended() from None

    @contextmanager
    def on_farm(self) -> Iterator[None]:
        """Have the job take part in sharing the farm. Should its scheduler be lost, frames are wanted once more."""
        self.connection.begin()
        self.frames_wanted = False
        try:
            with self.steps.ending(), ExitStack() as stack:
                self.farm = stack.enter_context(self._farm())
                self.journey = stack.enter_context(closing(self._journey()))
                yield
        except Exception as error:
            if not (isinstance(error, FarmLost) or self.connection.lost):
                raise
            self.frames_wanted = True
            get_run_logger().warning("The farm's scheduler was lost. It is waited for, %d s at most.", TIMEOUT_S)
            self.connection.wait(self._heed_while_lost)

    # What its steps do, each on a thread of its own, one after the other.

    def check_nodes(self) -> State[Any] | None:
        """Choose the build of the renderer that most nodes have."""

        def check() -> None:
            self._build = choose_build(self.farm.survey(self.steps.heed_in_step), self.job.renderer_name)
            self.journey.query = self._query()

        return self.steps.stoppable(check)

    def open_scene(self) -> State[Any] | None:
        """Open the scene."""
        return self.steps.stoppable(self.journey.open)

    def send_scene(self) -> State[Any] | None:
        """Send the scene to nodes that don't see it."""
        return self.steps.stoppable(self.journey.send)

    @property
    def scene_must_be_sent(self) -> bool:
        """Whether there are nodes that need the scene sent."""
        return self.journey.must_be_sent

    def chunks(self) -> Iterator[Chunk]:
        """Render what is missing, and return the job's chunks as they begin."""
        self.layout = laid_out(self.job, self._build, self.journey)
        self.report.notes, self.report.renderer = self.layout.notes, f"{self.job.renderer_name} {self._build}"
        found = self._round.missing_work(self.job, self.layout, self.store)
        announce_plan(self.job, self.layout, found, self.store, self.clock())
        self.pictures |= {record.frame: record for record in found.in_place}
        self.farm.open(self._build, self.layout.unit, self.layout.preview_settings(parts_folder(self.job.job_id)))
        if found.in_place:
            yield in_place(found)
        with self._deadline_watched():
            rendering = Rendering(
                job=self.job,
                layout=self.layout,
                found=found,
                farm=self.farm,
                store=self.store,
                clock=self.clock,
                halting=self.halting,
                heed=self._heed,
                artifacts=self.artifacts,
                between=self.journey.poll,
                written=self._written,
                deadline=self._deadline,
            )
            with closing(rendering.chunks()) as chunks:  # type: ignore[type-var]
                yield from chunks
        self.artifacts.progress(1.0, now=True)

    def compare_frames(self) -> bool:
        """Whether all frames are in place and to be held against each other."""
        if self.frames_wanted or self.report.pictures.failed:
            return False
        self.afterwards.begin(self.layout)
        return self.afterwards.compares

    def measure(self) -> State[Any] | None:
        """Measure all frames."""
        return self.steps.stoppable(self.afterwards.measure)

    def judge(self) -> None:
        """Report which frames stand out; they are wanted once more where the job says so."""
        frames = self.afterwards.judge()
        if frames:
            self._round = Round(again=frames, only=frames, because="-checks")
            self.frames_wanted = True

    @property
    def products_wanted(self) -> bool:
        """Whether something is to be made of the frames, which are all in place."""
        return not self.report.pictures.failed and bool(self.job.movie or self.job.contact_sheet)

    def make_sheet(self) -> Product:
        """Have a node make a contact sheet."""
        return self.afterwards.make_sheet(self.report.renderer)

    def make_movie(self, codec: Codec) -> Product:
        """Have a node make a movie."""
        return self.afterwards.make_movie(codec)

    def follow_products(self, products: Mapping[str, PrefectFuture[Any]]) -> None:
        """Wait for what is made of the frames. What can't be made is reported, and fails no other."""
        self.steps.last[:] = products.values()
        for name, step in products.items():
            try:
                self.steps.follow(step)
            except (FarmLost, Halted):
                raise
            except Exception as error:  # noqa: BLE001 - whatever the step raised
                self.afterwards.fail(name, error)
            else:
                self.afterwards.take(name, cast("Product", step.result()))

    def heed(self) -> None:
        """End this run if its farm is gone or that is wanted, where no unit is under way that could end first."""
        self._heed()
        self.halting.raise_if_halted()

    def _heed(self) -> None:
        """End this run if its farm is gone, or if that is wanted."""
        self.connection.check()
        self.halting.check()

    def _heed_while_lost(self) -> None:
        self.halting.check()
        self.halting.raise_if_halted()

    @contextmanager
    def _connected(self) -> Iterator[str]:
        """Have what the run needs besides the farm's nodes; gives the scheduler's address."""
        with farm_client() as client, DesiredStateWatch(store=self.store, job_id=self.job.job_id) as watch:
            self.connection = SchedulerConnection(client=client)
            self.report = Report(job_id=self.job.job_id)
            self.halting = HaltWatch(job_id=self.job.job_id, watch=watch, clock=self.clock)
            self.afterwards = AfterFrames(
                job=self.job, store=self.store, client=client, pictures=self.pictures, clock=self.clock,
                heed=self.steps.heed_in_step,
            )  # fmt: skip
            self.artifacts = Artifacts(job_id=self.job.job_id, clock=self.clock)
            if self.job.finish_by:
                due = next_moment(self.job.finish_by, _now())
                self._deadline = DeadlineWatch(due=due, now=_now, clock=self.clock, log=get_run_logger().info)
            unobserve = ev.observe(self.report.take)
            try:
                yield client.scheduler.address
            finally:
                unobserve()
                self.artifacts.close()

    def _farm(self) -> DaskFarm:
        return DaskFarm(
            client=self.connection.client,
            renderer=self.job.renderer_name,
            topic=self.job.job_id,
            store_url=self.store.url,
            priority=self.job.priority,
            terms=self.job.terms,
            scene=self.job.scene,
            files_url=open_store(files).url if (files := Settings().files) else "",
            travel=self.job.travel,
        )

    def _query(self) -> SceneQuery:
        return SceneQuery(renderer=self.job.renderer_name, build=self._build, frames=frame_scenes(self.job))

    def _journey(self) -> SceneTransfer:
        return SceneTransfer(
            scene=self.job.scene,
            query=self._query(),
            farm=self.farm,
            clock=self.clock,
            heed=self.steps.heed_in_step,
            say=lambda sentence: get_run_logger().info("%s", sentence),
        )

    def _written(self, record: FrameRecord) -> None:
        self.pictures[record.frame] = record

    @contextmanager
    def _deadline_watched(self) -> Iterator[None]:
        if self._deadline is None:
            yield
            return
        unobserve = ev.observe(self._deadline.take)
        try:
            yield
            self._deadline.end(complete=not self.report.pictures.failed)
        finally:
            unobserve()


def _now() -> datetime:
    """Return the time on this machine's clock, in its time zone."""
    return datetime.now().astimezone()
