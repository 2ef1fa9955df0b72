"""Renders a case through the product's own code, from the job's document to the written files, without a farm.

Every frame is cut into two regions and, where the renderer allows it, two ranges of samples.
"""

from __future__ import annotations

import itertools
import shutil
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from frontburner.control.intake import checked_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.scenes import scene_query
from frontburner.run.simulation_baking import SimulationBaking
from storage.errors import FrontburnerError
from storage.file_store import FileStore
from storage.objects import open_store
from tasks.errors import ProgramFailed, UnitFailed
from tasks.job_context import JobContext, TransferMode
from tasks.node.baking_task import bake_simulations
from tasks.node.renderer_process import RendererProcess
from tasks.picture.frame_output import finish
from tasks.picture.stitch import check_tile
from tasks.renderers import isa, renderer
from tasks.scene.baking import bake, placed
from tasks.scene.fetching import Progress, SceneLocation, local_scene
from tasks.scene.frame_scenes import FrameNumbers, builds, inspect_frames, with_manifest
from tasks.spec import Region, SampleRange, Tile, UnitRecord, UnitSpec
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.picture.frame_output import PictureOrder
    from tasks.renderers.base import SceneInfo
    from tasks.scene.baking import BakedCopy, BakedScene, BakeOrder
    from tasks.scene.frame_scenes import OpenedScene, SceneQuery
    from tests.scenes.case import Case

TIMEOUT_S = 120.0


@dataclass(kw_only=True)
class Outcome:
    """What the product made of a case.

    Parameters
    ----------
    pictures
        The names of its pictures without suffix, by frame.
    lists_files
        Whether the files of each frame are known.
    listed
        The files it says each frame depends on.
    notes
        What it said before it began.
    refusal
        The sentence with which it refused the case.
    crash
        What went wrong otherwise.
    """

    pictures: dict[int, str] = field(default_factory=dict)
    listed: dict[int, set[str]] = field(default_factory=dict)
    lists_files: bool = True
    notes: tuple[str, ...] = ()
    refusal: str = ""
    crash: str = ""


class Product:
    """The product, with one renderer process for all cases.

    Parameters
    ----------
    folder
        Where its pictures, logs and copies of scenes go.
    build
        Only builds that start so are used.
    """

    def __init__(self, folder: Path, build: str = "") -> None:
        self._folder, self._build = folder, build
        self._process = RendererProcess(node="scenes", threads=1, logs=folder / "logs")

    def render(self, case: Case) -> Outcome:
        """Render a case, or find out why it can't be rendered."""
        outcome = Outcome()
        try:
            self._render(case, outcome)
        except (UnitFailed, ProgramFailed) as error:
            outcome.crash = f"{error} {getattr(error, 'last_words', '')}".strip()
        except FrontburnerError as error:
            outcome.refusal = f"{error}"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of the product
            outcome.crash = f"{type(error).__name__}: {error}"
        return outcome

    def close(self) -> None:
        """End the renderer."""
        self._process.stop()

    def _render(self, case: Case, outcome: Outcome) -> None:
        out = self._folder / "pictures" / case.name
        job = checked_job(case.job | {"scene": case.scene, "out": str(out), "exr": "float"})
        query, opened = self._open(job)
        outcome.listed = {frame: set(info.files) for frame, info in opened.infos.items()}
        store = open_store(job.out)
        opened.manifest.save(store)
        for file in opened.manifest.contents:
            FileStore(store=store).put(Path(file.path), file.sha256)
        travel = TransferMode.YES if case.sent else TransferMode.AUTO
        node = NodeHere(self._process, query, opened, JobContext(store_url=store.url, topic="", travel=travel))
        with out_of_sight(Path(case.scene), self._folder) if case.sent else nullcontext():
            layout = lay_out(
                job,
                build=query.build,
                capabilities=renderer(query.renderer).capabilities(query.build),
                scenes=query.frames,
                infos=opened.infos,
                manifest=opened.manifest.digest,
                baked=node.baked(),
            )
            outcome.notes = layout.notes
            for frame, spec in layout.frames.items():
                with node.scene(spec.scene, frame, spec.manifest) as path:
                    outcome.pictures[frame] = self._frame(layout, frame, path, store)

    def _open(self, job: RenderJob) -> tuple[SceneQuery, OpenedScene]:
        """Inspect the scene of each frame; returns what was asked, and what it has."""
        found = self._process.call(builds, job.renderer_name, job.allow_scripts, timeout_s=TIMEOUT_S)
        query = scene_query(job, next(each for each in found if each.startswith(self._build)))
        infos = self._process.call(inspect_frames, query, timeout_s=TIMEOUT_S, scripts_of=query.scripts_of)
        opened = with_manifest(query, infos)
        return replace(query, frames=opened.frames, numbers=FrameNumbers.NAMED), opened

    def _frame(self, layout: Layout, frame: int, scene: str, store: ObjectStore) -> str:
        """Render a frame in parts, and write its files; returns their name without suffix."""
        order = in_parts(layout, layout.orders[frame])
        finish([self._tile(unit, scene) for unit in units(layout, order)], order, store, {})
        return str(Path(store.url.removeprefix("file://")) / Path(order.keys[0]).stem)

    def _tile(self, unit: UnitSpec, scene: str) -> Tile:
        here = replace(unit, frame=replace(unit.frame, scene=scene), timeout_s=TIMEOUT_S)
        rendered = self._process.render(here)
        record = UnitRecord(
            unit=unit.digest, node="scenes", build=unit.frame.build, isa=isa(), started_s=0.0, wall_s=rendered.wall_s,
            cpu_s=rendered.cpu_s, load_s=rendered.load_s, peak_memory_bytes=rendered.peak_memory_bytes,
        )  # fmt: skip
        pixels = rendered.pixels
        tile = Tile(region=unit.region, samples=unit.samples, channels=pixels.channels, sums=pixels.sums, record=record)
        check_tile(tile, unit)
        return tile


@dataclass(frozen=True)
class NodeHere:
    """Has scenes, and bakes their simulations, as a node of a farm does; stands in for the transfer to one."""

    process: RendererProcess
    query: SceneQuery
    opened: OpenedScene
    context: JobContext

    @property
    def transfer(self) -> Any:
        """What the bake of a job asks of its scene's transfer."""
        return SimpleNamespace(
            scene=self.query.frames[0].path, query=self.query, infos=self.opened.infos, manifest=self.opened.manifest,
            farm=SimpleNamespace(context=self.context, travel=self.context.travel), nodes_with=[], log=lambda _: None, on_node=self._on_node,
        )  # fmt: skip

    def baked(self) -> BakedScene | None:
        """Bake what needs it, and return what is rendered instead of the scene."""
        baking = SimulationBaking(transfer=self.transfer)
        if not baking.needed_for(tuple(self.opened.infos)):
            return None
        baking.bake()
        return baking.baked

    @contextmanager
    def scene(self, path: str, frame: int, manifest: str) -> Iterator[str]:
        """Have a frame's scene, where it is or as a copy."""
        location = SceneLocation(scene=path, frame=frame, manifest=manifest)
        progress, retry = Progress(report=lambda *_: None), StoreRetry(timeout_s=0)
        with local_scene(location, self.context, node="n", retry=retry, progress=progress) as here:
            yield here.path

    def _on_node(self, work: object, _nodes: object, *given: Any) -> Any:
        return self._bake(*given[:2]) if work is bake_simulations else self._open_sent(*given[:2])

    def _bake(self, order: BakeOrder, manifest: str) -> BakedCopy:
        with (
            self.scene(order.scene.path, order.scene.frame, manifest) as path,
            TemporaryDirectory() as folder,
        ):
            scripts = path if order.allow_scripts else ""
            files = self.process.call(bake, order, path, folder, timeout_s=TIMEOUT_S, scripts_of=scripts)
            for file in files:
                FileStore(store=open_store(self.context.files)).put(Path(file.path), file.sha256)
            return placed(files, scene=order.scene.path, folder=folder)

    def _open_sent(self, query: SceneQuery, manifest: str) -> dict[int, SceneInfo]:
        found: dict[int, SceneInfo] = {}
        for each in query.frames:
            with self.scene(each.path, each.frame, manifest) as path:
                here = replace(query, frames=(replace(each, path=path),))
                found |= self.process.call(inspect_frames, here, timeout_s=TIMEOUT_S, scripts_of=here.scripts_of)
        return found


def in_parts(layout: Layout, order: PictureOrder) -> PictureOrder:
    """Return the order with its passes cut in two, where they may be."""
    able = renderer(order.frame.renderer).capabilities(order.frame.build)
    if not able.exact_samples or layout.mode == "frames":
        return order
    passes: list[SampleRange] = []
    for samples in order.passes:
        middle = samples.start + samples.count // 2 // able.sample_align * able.sample_align
        edges = [samples.start, *([middle] if middle > samples.start else []), samples.stop]
        passes += [SampleRange(start=a, stop=b) for a, b in itertools.pairwise(edges)]
    return replace(order, passes=tuple(passes))


def units(layout: Layout, order: PictureOrder) -> list[UnitSpec]:
    """Return the units of a frame: left and right of a column, for each pass."""
    region = layout.region
    regions = [region]
    if layout.mode != "frames" and region.width > 1:
        at = region.x0 + max(1, region.width * 2 // 5)
        regions = [replace(region, x1=at), replace(region, x0=at)]
    return [
        UnitSpec(frame=order.frame, region=Region(x0=r.x0, y0=r.y0, x1=r.x1, y1=r.y1), samples=samples)
        for samples in order.passes
        for r in regions
    ]


@contextmanager
def out_of_sight(scene: Path, folder: Path) -> Iterator[None]:
    """Hide a case's folder, so that only what was sent is there."""
    root = next(parent for parent in scene.parents if parent.parent.name == "made" or parent.parent == parent)
    if root.parent == root:  # shipped with a package: others may use it
        yield
        return
    hidden = folder / "hidden" / root.name
    hidden.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(root, hidden)
    try:
        yield
    finally:
        shutil.move(hidden, root)
