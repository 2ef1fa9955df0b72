"""Renders a job on real nodes without Prefect: the same farm, stitching and files for any planner."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from distributed import Client

from frontburner import events as ev
from frontburner.cluster.build_choice import choose_build
from frontburner.cluster.dask_farm import DaskFarm
from frontburner.cluster.node_processes import local_nodes
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.jobs.job import make_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.scenes import frame_scenes
from frontburner.plan.planner import FrameWork, Planner
from frontburner.plan.unit_sizer import Mode
from frontburner.reports.report import Report
from storage.images import decode_exr
from storage.objects import open_store
from tasks.job_context import JobContext
from tasks.node.node_state import in_renderer
from tasks.node.unit_task import tile_of
from tasks.picture.frame_output import finish
from tasks.renderers import renderer
from tasks.scene.frame_scenes import SceneQuery, inspect_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from distributed import Future

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.picture.frame_output import FrameRecord, PictureOrder
    from tasks.spec import SampleRange, Tile, UnitSpec

    Pictures = dict[int, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Frames 1 to ``frames`` of a scene, and how they are cut."""

    scene: Path
    size: str
    samples: int
    frames: int = 1
    mode: Mode = Mode.AUTO

    def job(self, out: Path) -> RenderJob:
        """Return the job document, with float EXR files, so that pixels can be compared."""
        document = {"scene": str(self.scene), "size": self.size, "samples": self.samples, "out": str(out)}
        document |= {"exr": "float", "name": "benchmark", "mode": self.mode}
        document |= {"frames": f"1-{self.frames}" if self.frames > 1 else "1"}
        return make_job(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of a rendered job.

    Parameters
    ----------
    wall_s
        From the first unit handed out to the last picture written, without start-up.
    efficiency
        Part of the nodes' time in between that was spent rendering.
    pictures, passes
        Pixels of each frame, and the ranges of samples they were summed in.
    predictions
        Predicted and measured seconds of units that had a prediction.
    figures
        More results, for the report.
    """

    wall_s: float
    efficiency: float
    build: str
    pictures: Pictures
    passes: tuple[SampleRange, ...]
    predictions: tuple[tuple[float, float], ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


def our_planner(layout: Layout) -> Planner:
    """Return the planner that the render flow uses."""
    return Planner(
        frames=[FrameWork(frame=frame) for frame in layout.frames],
        size=next(iter(layout.frames.values())).size,
        region=layout.region,
        passes=layout.passes,
        mode=layout.mode,
        align_px=layout.align_px,
    )


@contextmanager
def fresh_nodes(count: int) -> Iterator[Client]:
    """Start nodes that share this machine's cores; their renderers start with the first unit."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    with local_nodes(count) as cluster, Client(cluster) as client:
        yield client


def read_layout(job: RenderJob, build: str, call: Callable[..., Any]) -> Layout:
    """Return a job's layout; ``call`` runs a function in a renderer's process."""
    scenes = frame_scenes(job)
    query = SceneQuery(renderer=job.renderer_name, build=build, frames=scenes)
    capabilities = renderer(job.renderer_name).capabilities(build)
    return lay_out(job, build=build, capabilities=capabilities, scenes=scenes, infos=call(inspect_frames, query))


def render(client: Client, job: RenderJob, plan: Callable[[Layout], Planner]) -> Outcome:
    """Render a job on the nodes of a Dask client, with the planner that ``plan`` returns for its layout."""
    store = open_store(job.out)
    with DaskFarm(client=client, renderer=job.renderer_name, topic="benchmark", store_url=store.url) as farm:
        build = choose_build(farm.wait_for_reports(), job.renderer_name).build
        layout = read_layout(job, build, lambda function, query: client.submit(in_renderer, function, query).result())
        run = _Run(client=client, farm=farm, store=store, layout=layout, planner=plan(layout))
        run.render(build)
    report = run.report
    return Outcome(
        wall_s=report.render_s,
        efficiency=report.efficiency,
        build=build,
        pictures=pictures(layout, store),
        passes=tuple(run.planner.passes),
        predictions=tuple(run.predictions),
        figures=report.document(),
    )


def pictures(layout: Layout, store: ObjectStore) -> Pictures:
    """Read the pixels of every frame from the store."""
    return {
        frame: decode_exr(store.read(key))[0]
        for frame, order in layout.orders.items()
        for key in order.keys
        if key.endswith(".exr")
    }


def write(tiles: Sequence[Tile | UnitSpec], order: PictureOrder, store_url: str) -> FrameRecord:
    """Finish a frame on a node, as the render flow does."""
    context = JobContext(store_url=store_url, topic="")
    return finish([tile_of(tile, context) for tile in tiles], order, open_store(store_url), {})


@dataclass(slots=True, kw_only=True)
class _Run:
    """A job being rendered."""

    client: Client
    farm: DaskFarm
    store: ObjectStore
    layout: Layout
    planner: Planner
    report: Report = field(init=False, default_factory=Report)
    predictions: list[tuple[float, float]] = field(init=False, default_factory=list)
    _writing: dict[int, Future] = field(init=False, default_factory=dict)

    def render(self, build: str) -> None:
        """Dispatch all units, and finish the frames."""
        dispatcher = Dispatcher(
            planner=self.planner, farm=self.farm, clock=time.monotonic, on_rendered=self._finish,
            on_step=self._check_written,
        )  # fmt: skip
        with ev.observe(self._take):
            self._announce_plan()
            self.farm.open(build, self.layout.unit)
            dispatcher.run()
            self._announce_measured()
            while self._writing:
                self._check_written()
                self.farm.messages(timeout_s=0.005)
        if self.report.pictures.failed:
            raise RuntimeError(f"frames failed: {self.report.pictures.failed}")

    def _finish(self, frame: int, tickets: Sequence[int]) -> None:
        order = replace(self.layout.orders[frame], passes=tuple(self.planner.passes))
        tiles = [self.farm.tile(ticket) for ticket in tickets]
        self._writing[frame] = self.client.submit(write, tiles, order, self.store.url, pure=False)

    def _check_written(self) -> None:
        """Announce frames that are written."""
        for frame, future in tuple(self._writing.items()):
            if future.done():
                del self._writing[frame]
                ev.announce(ev.FrameWritten(at_s=time.monotonic(), frame=frame, outputs=tuple(future.result().files)))

    def _take(self, event: ev.Event) -> None:
        self.report.take(event)
        if isinstance(event, ev.UnitFinished) and event.predicted_s:
            self.predictions.append((event.predicted_s, event.record.wall_s - event.record.load_s))

    def _announce_plan(self) -> None:
        passes, frames = self.planner.passes, self.layout.frames
        pixel_samples = sum(samples.count for samples in passes) * self.layout.region.area * len(frames)
        planned = ev.JobPlanned(
            at_s=time.monotonic(), job_id="benchmark", frames=len(frames), pixel_samples=pixel_samples, reused_frames=0,
            probe=passes[0] if len(passes) > 1 else None,
        )  # fmt: skip
        ev.announce(planned)

    def _announce_measured(self) -> None:
        cost = self.planner.cost
        speeds = {name: state.speed for name, state in self.planner.learning.known.items() if state.units}
        ev.announce(ev.FarmMeasured(at_s=time.monotonic(), speeds=speeds, rates=cost.rates, cell_px=cost.cell_px))
