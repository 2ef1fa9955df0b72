"""The layout of a job: frame specifications, passes and file names from its document and its scene. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from frontburner.jobs.field_values import outside_frame, parse_region, parse_size
from frontburner.jobs.frames import format_frames
from frontburner.jobs.job import MAX_SAMPLES, NO_TIME_FOR_SEQUENCES, BakeMode, Checks, ExrType, JobRefused, RenderJob
from frontburner.jobs.outputs import file_names, owner_of
from frontburner.jobs.simulations import is_simulated, notes_on_simulations, problem_without_baking
from frontburner.plan.passes import sample_passes
from frontburner.plan.unit_sizer import Mode
from storage.view import View
from tasks.job_context import PreviewSettings
from tasks.limits import Limits
from tasks.picture.denoise import GUIDES
from tasks.picture.frame_output import Encoding, PictureOrder
from tasks.scene.baking import BAKE_VERSION
from tasks.spec import FrameSpec, Region, SampleRange, UnitSpec, channel_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.plan.block import Block
    from storage.scene_view import SceneView
    from tasks.renderers.base import Capabilities, SceneInfo
    from tasks.scene.baking import BakedScene
    from tasks.scene.frame_scenes import FrameScene
    from tasks.spec import Aov, Size

LIMITED_SAMPLES_FACTOR = 64
"""A job with a limit and without samples takes at most this many times the scene's own: an eighth of its noise."""
MISSING_IS_MAGENTA = {"blender"}
"""Renderers that draw an image they can't read in magenta."""
IMAGE_SUFFIXES = {
    ".bmp", ".dds", ".exr", ".hdr", ".jp2", ".jpeg", ".jpg", ".png", ".psd", ".tga", ".tif", ".tiff", ".tx", ".webp",
}  # fmt: skip
ALIGN_PX = 8
"""Regions are cut at multiples of this in x at least, so that their rows fill whole SIMD lanes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Everything of a job that doesn't depend on the farm.

    Parameters
    ----------
    frames, orders
        Specification and files of each frame, by its number.
    region, passes, mode, align_px
        Input of the planner. ``mode`` is the job's, or ``FRAMES`` where frames can't be rendered in regions.
    notes
        Sentences for the user: what is done differently than asked, and why.
    images
        Names of the scene's images, if its renderer draws those it can't read in magenta.
    """

    frames: Mapping[int, FrameSpec]
    orders: Mapping[int, PictureOrder]
    region: Region
    passes: tuple[SampleRange, ...]
    mode: Mode
    align_px: tuple[int, int]
    notes: tuple[str, ...]
    unit_timeout_s: float | None
    images: tuple[str, ...] = ()

    @property
    def limits(self) -> Limits:
        """Limits that may end its pictures early."""
        return next(iter(self.orders.values())).limits

    def preview_settings(self, folder: str) -> PreviewSettings | None:
        """Return how finished units of a still are shown; None for a sequence, which shows whole frames."""
        if len(self.frames) > 1:
            return None
        encoding = next(iter(self.orders.values())).encoding
        return PreviewSettings(
            folder=folder,
            region=self.region,
            view=encoding.view,
            exposure_stops=encoding.exposure_stops,
            scene=encoding.scene,
        )

    def unit(self, block: Block) -> UnitSpec:
        """Return the full specification of a block."""
        return UnitSpec(
            frame=self.frames[block.frame],
            region=block.region,
            samples=block.samples,
            timeout_s=self.unit_timeout_s,
        )


def lay_out(
    job: RenderJob,
    *,
    build: str,
    capabilities: Capabilities,
    scenes: tuple[FrameScene, ...],
    infos: Mapping[int, SceneInfo],
    manifest: str = "",
    baked: BakedScene | None = None,
) -> Layout:
    """Lay out a job.

    Parameters
    ----------
    manifest
        Digest of the manifest of the scene's files, from which nodes fetch them.
    baked
        What is rendered instead of the scene, since some of its simulations weren't baked.

    Raises
    ------
    JobRefused
        When the job asks for something its scene or renderer doesn't have.
    """
    first = infos[scenes[0].frame]
    whole_frames_reason = next((info.whole_frames_because for info in infos.values() if info.whole_frames_because), "")
    _check_scene(job, first, capabilities, infos)
    _check_limits(job, len(scenes), capabilities, whole_frames_reason)
    size = parse_size(job.size) if job.size else first.size
    region, region_notes = _region(job, first, size)
    limits = _limits(job, first)
    samples = job.samples or min(first.samples * (LIMITED_SAMPLES_FACTOR if job.limits else 1), MAX_SAMPLES)
    passes = sample_passes(
        samples,
        frames=len(scenes),
        exact_samples=capabilities.exact_samples and not whole_frames_reason,
        sample_align=capabilities.sample_align,
        limited=bool(limits),
    )
    aovs = _aovs(job, capabilities)
    frames = {
        scene.frame: FrameSpec(
            renderer=job.renderer_name,
            build=build,
            scene=scene.path,
            scene_digest=infos[scene.frame].digest,
            frame=scene.frame,
            size=size,
            samples=samples,
            seed=job.seed,
            parameters=scene.parameters,
            camera=job.camera or None,
            aovs=aovs,
            manifest=baked.manifest if baked else manifest,
            bake=BAKE_VERSION if is_simulated(infos[scene.frame], scene.frame) else 0,
            baked_digest=baked.digests.get(scene.frame, "") if baked else "",
            scene_channels=tuple(name for name in infos[scene.frame].channels if name not in channel_names(aovs)),
            allow_scripts=job.allow_scripts,
        )
        for scene in scenes
    }
    owner = owner_of(job)
    orders = {
        number: PictureOrder(
            frame=frame,
            region=region,
            passes=passes,
            keys=file_names(job, number, count=len(frames)),
            encoding=encoding_of(job, infos[number].view),
            limits=limits,
            denoise=job.denoise,
            inspect=job.checks is not Checks.NO,
            owner=owner,
        )
        for number, frame in frames.items()
    }
    notes = [
        *(note for info in infos.values() for note in info.notes),
        *region_notes,
        *_notes_on_frames(job, first, tuple(frames)),
        *notes_on_simulations(infos, {scene.parameters for scene in scenes}),
        *filter(None, [whole_frames_reason]),
    ]
    return Layout(
        frames=frames,
        orders=orders,
        region=region,
        passes=passes,
        mode=Mode.FRAMES if whole_frames_reason or not capabilities.exact_regions else job.mode,
        align_px=(max(ALIGN_PX, capabilities.region_align_px[0]), capabilities.region_align_px[1]),
        notes=tuple(dict.fromkeys(notes)),
        unit_timeout_s=job.unit_timeout_s,
        images=_images(first) if job.renderer_name in MISSING_IS_MAGENTA else (),
    )


def _region(job: RenderJob, info: SceneInfo, size: Size) -> tuple[Region, tuple[str, ...]]:
    """Return the pixels to render, and notes: the job's region, else the scene's own if the size is the scene's too."""
    if job.region:
        return parse_region(job.region), ()
    if info.region is None or size == info.size:
        return info.region or size.whole, ()
    return size.whole, ("The scene's own region is ignored: it belongs to the scene's own size.",)


def encoding_of(job: RenderJob, scene: SceneView | None = None) -> Encoding:
    """Return how a job's pictures are written; ``scene`` is its scene's own colour management."""
    return Encoding(
        exr_half=job.exr is ExrType.HALF,
        png_bits=job.png_bits,
        view=View.SRGB if scene is None and job.view is View.SCENE else job.view,
        exposure_stops=job.exposure,
        scene=scene,
    )


def _images(info: SceneInfo) -> tuple[str, ...]:
    names = (PurePath(file).name for file in info.files)
    return tuple(name for name in names if PurePath(name).suffix.lower() in IMAGE_SUFFIXES)


def _notes_on_frames(job: RenderJob, info: SceneInfo, frames: tuple[int, ...]) -> tuple[str, ...]:
    """Say which of the scene's own frames are rendered, if not all."""
    if len(info.frames) < 2 or frames == tuple(info.frames):
        return ()
    own = format_frames(tuple(info.frames))
    if job.frames or len(frames) > 1:
        return (f"Its own frames are {own}.",)
    return (f"Its frame {frames[0]} is rendered, the current one, of {own}: --frames scene renders them all.",)


def _aovs(job: RenderJob, capabilities: Capabilities) -> tuple[Aov, ...]:
    """Return the AOVs to render: those the job wants, and those that guide the denoiser."""
    guides = [guide for guide in GUIDES if job.denoise and guide in capabilities.aovs]
    return tuple(dict.fromkeys([*job.aovs, *guides]))


def _limits(job: RenderJob, info: SceneInfo) -> Limits:
    """Return the job's limits, or else the scene's own noise limit."""
    if job.limits or job.samples or info.noise is None or info.whole_frames_because:
        return job.limits
    return Limits(noise=info.noise)


def _check_scene(job: RenderJob, info: SceneInfo, capabilities: Capabilities, infos: Mapping[int, SceneInfo]) -> None:
    problem = problem_without_baking(infos) if job.bake is BakeMode.NO else ""
    problems = [problem] if problem else []
    size = parse_size(job.size) if job.size else info.size
    if min(size.width, size.height) < capabilities.min_side_px:
        least = f"{capabilities.min_side_px}x{capabilities.min_side_px}"
        asked = f"{size.width}x{size.height}"
        problems.append(f"size: {job.renderer_name} renders no picture smaller than {least}, and this is {asked}.")
    if job.region and not parse_region(job.region).within(size):
        problems.append(f"region: {outside_frame(job.region, size)}")
    if job.region and info.whole_frames_because:
        problems.append(f"region: {info.whole_frames_because} Leave region empty.")
    missing = [aov.value for aov in job.aovs if aov not in capabilities.aovs]
    if missing:
        known = ", ".join(sorted(capabilities.aovs)) or "none"
        problems.append(f"aovs: {job.renderer_name} has no {', '.join(missing)}. It has {known}.")
    if job.samples and job.samples > (capabilities.max_samples or job.samples):
        most = f"takes at most {capabilities.max_samples} a pixel"
        fixed = "samples as the scene says. Leave samples empty"
        problems.append(f"samples: {job.renderer_name} {fixed if capabilities.max_samples == 1 else most}.")
    numbered = {str(number) for number in range(len(info.cameras))}
    if job.camera and job.camera not in numbered.union(info.cameras):
        problems.append(f"camera: '{job.camera}' is not in the scene. It has {', '.join(info.cameras) or 'none'}.")
    if problems:
        raise JobRefused(reason="The job doesn't fit its scene:", remedy="", problems=tuple(problems))


def _check_limits(job: RenderJob, frames: int, capabilities: Capabilities, whole_frames_reason: str) -> None:
    """Refuse limits that the renderer or the number of frames doesn't allow."""
    problems = []
    if job.time_limit and frames > 1:
        problems.append(f"time_limit '{job.time_limit}': {NO_TIME_FOR_SEQUENCES}")
    for name in ("noise", "time_limit"):
        value = getattr(job, name)
        if value and (whole_frames_reason or not capabilities.exact_samples):
            reason = whole_frames_reason or f"{job.renderer_name} can't render a frame's samples in parts."
            problems.append(f"{name} '{value}': {reason} Give samples instead.")
    if problems:
        raise JobRefused(reason="The job can't be ended by a limit:", remedy="", problems=tuple(problems))
