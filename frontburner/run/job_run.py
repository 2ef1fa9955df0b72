"""One run of a job, as its flow goes through it: its connection to the farm, the work of its steps, and its record.

One file over 300 lines: the steps of one run, which all use its state.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from prefect import get_run_logger
from prefect.exceptions import Pause

from frontburner import events as ev
from frontburner.cluster.build_choice import BEFORE_PLATFORMS, BuildChoice, choose_build
from frontburner.cluster.dask_farm import DaskFarm
from frontburner.cluster.node_processes import farm_client
from frontburner.cluster.scheduler_connection import TIMEOUT_S, FarmLost, SchedulerConnection
from frontburner.control.conditions import record_scene
from frontburner.control.desired_state import DesiredStateWatch
from frontburner.control.halting import Halted, HaltKind, HaltWatch, end_state, stay_suspended
from frontburner.jobs.deadline import DeadlineWatch, next_moment
from frontburner.jobs.scenes import scene_query
from frontburner.notify.run_notifications import notifying
from frontburner.record.snapshot import status_of
from frontburner.reports.report import Report
from frontburner.run.after_frames import AfterFrames
from frontburner.run.kept_scene import KeptScene
from frontburner.run.prefect_artifacts import Artifacts
from frontburner.run.previews import parts_folder
from frontburner.run.recording import conclude, deployed, local_now, record_events
from frontburner.run.rendering import Rendering
from frontburner.run.rounds import Round, announce_plan, in_place_chunk, layout_of
from frontburner.run.scene_transfer import SceneTransfer
from frontburner.run.simulation_baking import SimulationBaking
from frontburner.run.step_watch import StepWatch
from frontburner.settings import Settings
from storage.errors import StoreError
from storage.objects import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.schemas.objects import State
    from prefect.futures import PrefectFuture

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from frontburner.run.chunks import Chunk
    from storage.objects import ObjectStore
    from tasks.picture.frame_output import FrameRecord
    from tasks.picture.products import Product
    from tasks.scene.frame_scenes import SceneQuery


@dataclass(slots=True, kw_only=True)
class JobRun:
    """One run of a job.

    Parameters
    ----------
    job, store
        What is rendered, and where it goes.
    again, only
        Frames to render again although they are in place, and the only frames to render; empty is none, and all.
    """

    job: RenderJob
    store: ObjectStore
    again: str = ""
    only: str = ""
    result: dict[str, Any] | State[None] | None = field(init=False, default=None)
    """What the flow returns: the report, or the state of a run that was halted."""
    frames_wanted: bool = field(init=False, default=True)
    """Whether another round of rendering is needed."""
    pictures: dict[int, FrameRecord] = field(init=False, default_factory=dict)
    """Records of the frames that are in place."""
    layout: Layout = field(init=False)
    scene_transfer: SceneTransfer = field(init=False)
    baking: SimulationBaking = field(init=False)
    farm: DaskFarm = field(init=False)
    report: Report = field(init=False)
    artifacts: Artifacts = field(init=False)
    halting: HaltWatch = field(init=False)
    connection: SchedulerConnection = field(init=False)
    steps: StepWatch = field(init=False)
    after_frames: AfterFrames = field(init=False)
    kept: KeptScene = field(init=False)
    _deadline: DeadlineWatch | None = field(init=False, default=None)
    _build: str = field(init=False, default="")
    """The job's build; until it is chosen, that of its earlier runs."""
    _choice: BuildChoice = field(init=False, default=BuildChoice(build=""))
    _round: Round = field(init=False)
    _began_s: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._round = Round(again=self.again, only=self.only)
        self.steps = StepWatch(check_stop=self._check_stop)

    def clock(self) -> float:
        """Return the seconds since the run began."""
        return time.monotonic() - self._began_s

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record the run and its report, end it where it is halted, and send its notifications at the end."""
        try:
            with (
                notifying(self.job, self.store, after=self.steps.final),
                self._connected() as scheduler,
                record_events(self.job, self.store, scheduler),
                self.steps.until_ended(),
            ):
                yield
                self.result = conclude(self.job, self.report, self.store, self.artifacts)
                if not self.only:
                    with suppress(StoreError):  # the next scheduled run then renders whatever is missing, as usual
                        record_scene(self.job, self.store, self.scene_transfer.manifest)
                self.kept.remove()
        except Halted as halted:
            if halted.how is HaltKind.CANCELLED:
                self.kept.remove()
            # Suspended if it has a deployment in Prefect to resume it from, else cancelled: the caller starts it again.
            if halted.how is HaltKind.SUSPENDED and deployed():
                raise stay_suspended() from None
            self.result = end_state(halted)
        except Pause:
            raise stay_suspended() from None

    @contextmanager
    def on_farm(self) -> Iterator[None]:
        """Take part in the farm for one round; if its scheduler is lost, wait for it, and want another round."""
        self.connection.begin()
        self.frames_wanted = False
        try:
            with self.steps.until_ended(), ExitStack() as stack:
                self.farm = stack.enter_context(self._farm())
                self.farm.context = replace(self.farm.context, kept=self.kept.folder)
                self.scene_transfer = stack.enter_context(closing(self._scene_transfer()))
                self.baking = SimulationBaking(transfer=self.scene_transfer)
                yield
        except Exception as error:
            if not (isinstance(error, FarmLost) or self.connection.lost):
                raise
            self.frames_wanted = True
            get_run_logger().warning("The farm's scheduler was lost. Waiting for it, %d s at most.", TIMEOUT_S)
            self.connection.wait(self._check_halted)

    # The work of its steps, each in a thread of its own, one after the other.

    def check_nodes(self) -> State[Any] | None:
        """Choose the build of the renderer: the one with the most capacity, unless the job has begun with another."""

        def check() -> None:
            choice = choose_build(
                self.farm.wait_for_reports(self.steps.check_stop_in_step),
                self.job.renderer_name,
                asked=self.job.renderer_build,
                begun_with=self._build,
            )
            self._build = choice.build
            if choice != self._choice:
                self._choice = choice
                ev.announce(ev.BuildChosen(at_s=self.clock(), build=choice.build, sentence=choice.sentence))
                if choice.sentence:
                    get_run_logger().info("%s", choice.sentence)
            self.scene_transfer.query = self._query()

        return self.steps.run_in_step(check)

    def open_scene(self) -> State[Any] | None:
        """Open the scene."""
        return self.steps.run_in_step(self.scene_transfer.open)

    def send_scene(self) -> State[Any] | None:
        """Send the scene to nodes that don't see it."""
        return self.steps.run_in_step(self.scene_transfer.send)

    def bake_simulations(self) -> State[Any] | None:
        """Bake the scene's simulations."""
        return self.steps.run_in_step(self.baking.bake)

    def measure(self) -> State[Any] | None:
        """Measure all frames."""
        return self.steps.run_in_step(self.after_frames.measure)

    def make_sheet(self) -> Product:
        """Have a node make a contact sheet."""
        return self.after_frames.make_sheet(self.report.renderer)

    # What the flow does between them.

    def bake_needed(self) -> bool:
        """Whether simulations are to be baked before the missing frames are rendered."""
        if not self.baking.needed_for(self.scene_transfer.infos):
            return False
        layout = layout_of(self.job, self._build, self.scene_transfer)
        return self.baking.needed_for(self._round.frames(layout, self.store))

    def chunks(self) -> Iterator[Chunk]:
        """Render what is missing, and yield the job's chunks as they begin."""
        self.layout = layout_of(self.job, self._build, self.scene_transfer, self.baking.baked)
        self.report.notes = tuple(filter(None, (self._choice.sentence, self.scene_transfer.note, *self.layout.notes)))
        self.report.renderer = f"{self.job.renderer_name} {self._build}"
        missing = self._round.missing_work(self.job, self.layout, self.store)
        announce_plan(self.job, self.layout, missing, self.store, self.clock())
        self.pictures |= {record.frame: record for record in missing.in_place}
        self.farm.open(self._build, self.layout.unit, self.layout.preview_settings(parts_folder(self.job.job_id)))
        if missing.in_place:
            yield in_place_chunk(missing)
        with self._deadline_watched():
            rendering = Rendering(
                job=self.job,
                layout=self.layout,
                missing=missing,
                farm=self.farm,
                store=self.store,
                clock=self.clock,
                halting=self.halting,
                check_stop=self._check_running,
                artifacts=self.artifacts,
                on_turn=self.scene_transfer.poll,
                pictures=self.pictures,
                deadline=self._deadline,
            )
            with closing(rendering.chunks()) as chunks:  # type: ignore[type-var]
                yield from chunks
        self.artifacts.progress(1.0, now=True)

    def compares_frames(self) -> bool:
        """Whether all frames are in place and to be compared with each other."""
        if self.frames_wanted or self.report.pictures.failed:
            return False
        self.after_frames.begin(self.layout)
        return self.after_frames.compares

    def flag_frames(self) -> None:
        """Report suspicious frames, or want another round for them if the job says so."""
        frames = self.after_frames.flag_frames()
        if frames:
            self._round = Round(again=frames, only=frames, suffix="-checks")
            self.frames_wanted = True

    @property
    def products_wanted(self) -> bool:
        """Whether products are to be made of the frames, which are all in place."""
        return not self.report.pictures.failed and bool(self.job.movie or self.job.contact_sheet)

    def follow_products(self, products: Mapping[str, PrefectFuture[Any]]) -> None:
        """Wait for the steps that make products, and report each; one that fails fails no other."""
        self.steps.final[:] = products.values()
        for name, step in products.items():
            try:
                self.steps.wait_for(step)
            except (FarmLost, Halted):
                raise
            except Exception as error:  # noqa: BLE001 - whatever the step raised
                self.after_frames.report_failure(name, error)
            else:
                self.after_frames.report_product(name, cast("Product", step.result()))

    def _check_stop(self) -> None:
        """Raise what ends this run, where no unit is in flight that could end first."""
        self._check_running()
        self.halting.raise_if_halted()

    def _check_running(self) -> None:
        """Raise what ends this run at once: its farm is lost, or it is halted without waiting for units."""
        self.connection.check()
        self.halting.check()

    def _check_halted(self) -> None:
        self.halting.check()
        self.halting.raise_if_halted()

    @contextmanager
    def _connected(self) -> Iterator[str]:
        """Connect to the farm, and set up what all rounds share; yields the scheduler's address."""
        status = status_of(self.store, self.job.job_id)
        self._build = status.build or (BEFORE_PLATFORMS if status.pixel_samples_done else "")
        self.kept = KeptScene(
            store=self.store,
            job_id=self.job.job_id,
            files=open_store(Settings().files).url if Settings().files else self.store.url,
            resumed=status.state is ev.RunState.SUSPENDED,
        )
        with farm_client() as client, DesiredStateWatch(store=self.store, job_id=self.job.job_id) as watch:
            self.connection = SchedulerConnection(client=client)
            self.report = Report(job_id=self.job.job_id)
            self.halting = HaltWatch(job_id=self.job.job_id, watch=watch, clock=self.clock)
            self.after_frames = AfterFrames(
                job=self.job, store=self.store, client=client, pictures=self.pictures, clock=self.clock,
                check_stop=self.steps.check_stop_in_step,
            )  # fmt: skip
            self.artifacts = Artifacts(job_id=self.job.job_id, clock=self.clock)
            if self.job.finish_by:
                due = next_moment(self.job.finish_by, local_now())
                self._deadline = DeadlineWatch(due=due, now=local_now, clock=self.clock, log=get_run_logger().info)
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
            allow_scripts=self.job.allow_scripts,
        )

    def _query(self) -> SceneQuery:
        return scene_query(self.job, self._build)

    def _scene_transfer(self) -> SceneTransfer:
        return SceneTransfer(
            scene=self.job.scene,
            query=self._query(),
            farm=self.farm,
            clock=self.clock,
            check_stop=self.steps.check_stop_in_step,
            log=lambda sentence: get_run_logger().info("%s", sentence),
            kept=self.kept,
        )

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
