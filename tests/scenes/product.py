"""Renders a case through the product's own code, from the job's document to the written files, without a farm.

Every frame is cut into two regions and, where the renderer allows it, two ranges of samples.
"""

from __future__ import annotations

import itertools
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.control.intake import checked_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.scenes import frame_scenes
from storage.errors import FrontburnerError
from storage.file_store import FileStore
from storage.objects import open_store
from tasks.errors import ProgramFailed, UnitFailed
from tasks.job_context import JobContext, TransferMode
from tasks.node.renderer_process import RendererProcess
from tasks.picture.frame_output import finish
from tasks.picture.stitch import check_tile
from tasks.renderers import isa, renderer
from tasks.scene.fetching import Progress, SceneLocation, local_scene
from tasks.scene.frame_scenes import SceneQuery, builds, inspect_frames, with_manifest
from tasks.spec import Region, SampleRange, Tile, UnitRecord, UnitSpec
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.picture.frame_output import PictureOrder
    from tasks.scene.frame_scenes import OpenedScene
    from tests.scenes.case import Case

TIMEOUT_S = 120.0


@dataclass(kw_only=True)
class Outcome:
    """What the product made of a case.

    Parameters
    ----------
    pictures
        The names of its pictures without suffix, by frame.
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
        document = case.job | {"scene": case.scene, "out": str(out), "exr": "float"}
        job = checked_job(document)
        opened, build = self._open(job)
        outcome.listed = {frame: set(info.files) for frame, info in opened.infos.items()}
        layout = self._lay_out(job, build, opened)
        outcome.notes = layout.notes
        store = open_store(job.out)
        if not case.sent:
            self._frames(layout, store, outcome, {frame: spec.scene for frame, spec in layout.frames.items()})
            return
        opened.manifest.save(store)
        for file in opened.manifest.contents:
            FileStore(store=store).put(Path(file.path), file.sha256)
        context = JobContext(store_url=store.url, topic="", travel=TransferMode.YES)
        with out_of_sight(Path(case.scene), self._folder):
            for frame, spec in layout.frames.items():
                location = SceneLocation(scene=spec.scene, frame=frame, manifest=opened.manifest.digest)
                progress = Progress(report=lambda *_: None)
                with local_scene(location, context, node="n", retry=StoreRetry(timeout_s=0), progress=progress) as here:
                    self._frames(layout, store, outcome, {frame: here.path})

    def _open(self, job: RenderJob) -> tuple[OpenedScene, str]:
        """Inspect the scene of each frame; returns what it has, and the build that read it."""
        found = self._process.call(builds, job.renderer_name, timeout_s=TIMEOUT_S)
        build = next(each for each in found if each.startswith(self._build))
        query = SceneQuery(renderer=job.renderer_name, build=build, frames=frame_scenes(job))
        return with_manifest(query, self._process.call(inspect_frames, query, timeout_s=TIMEOUT_S)), build

    def _lay_out(self, job: RenderJob, build: str, opened: OpenedScene) -> Layout:
        return lay_out(
            job,
            build=build,
            capabilities=renderer(job.renderer_name).capabilities(build),
            scenes=frame_scenes(job),
            infos=opened.infos,
            manifest=opened.manifest.digest,
        )

    def _frames(self, layout: Layout, store: ObjectStore, outcome: Outcome, scenes: dict[int, str]) -> None:
        """Render frames in parts, and write their files."""
        for frame, scene in scenes.items():
            order = in_parts(layout, layout.orders[frame])
            tiles = [self._tile(unit, scene) for unit in units(layout, order)]
            finish(tiles, order, store, {})
            outcome.pictures[frame] = str(Path(store.url.removeprefix("file://")) / Path(order.keys[0]).stem)

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
