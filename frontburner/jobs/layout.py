"""Lay a job out: from its document and what its scene says to frame specs, passes and files. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.jobs.job import MAX_SAMPLES, NO_TIME_FOR_SEQUENCES, Checks, ExrType, JobRefused, RenderJob
from frontburner.jobs.regions import outside, parse_region, parse_size
from frontburner.plan.passes import sample_passes
from frontburner.plan.unit_sizer import Mode
from tasks.job_context import PreviewSettings
from tasks.limits import Limits
from tasks.picture.denoise import GUIDES
from tasks.picture.frame_output import Encoding, PictureOrder
from tasks.spec import FrameSpec, Region, SampleRange, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.plan.block import Block
    from tasks.renderers.base import Capabilities, SceneInfo
    from tasks.scene.frame_scenes import FrameScene
    from tasks.spec import Aov

GENEROUS = 64
"""Samples a limited job may take when it doesn't say: the scene's own times this, an eighth of its noise."""

_SCENES_OWN = "samples as the scene says. Leave samples empty"

ALIGN_PX = 8
"""Cuts across lie at multiples of this at least: rows of a region then fill whole SIMD lanes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All of a job that doesn't depend on the farm.

    Parameters
    ----------
    frames, orders
        Specification and files of each frame, by its number.
    region, passes, mode, align_px
        What the planner is given. ``mode`` is the job's, or ``FRAMES`` where the scene can't be cut.
    notes
        Sentences for the user: what is done otherwise than asked, and why.
    """

    frames: Mapping[int, FrameSpec]
    orders: Mapping[int, PictureOrder]
    region: Region
    passes: tuple[SampleRange, ...]
    mode: Mode
    align_px: tuple[int, int]
    notes: tuple[str, ...]
    unit_timeout_s: float | None

    @property
    def limits(self) -> Limits:
        """What may end its pictures early."""
        return next(iter(self.orders.values())).limits

    def shows(self, folder: str) -> PreviewSettings | None:
        """How its units are shown while they are rendered; those of a sequence aren't, its frames are."""
        how = next(iter(self.orders.values())).encoding
        if len(self.frames) > 1:
            return None
        return PreviewSettings(folder=folder, region=self.region, view=how.view, exposure_stops=how.exposure_stops)

    def unit(self, block: Block) -> UnitSpec:
        """The full specification of a block."""
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
) -> Layout:
    """Lay out a job.

    Parameters
    ----------
    manifest
        Digest of the manifest by which nodes have the scene's files.

    Raises
    ------
    JobRefused
        When the job asks for what its scene or renderer doesn't have.
    """
    first = infos[scenes[0].frame]
    whole_because = next((info.whole_frames_because for info in infos.values() if info.whole_frames_because), "")
    _check(job, first, capabilities)
    _check_limits(job, len(scenes), capabilities, whole_because)
    size = parse_size(job.size) if job.size else first.size
    region = parse_region(job.region) if job.region else size.whole
    limits = _limits(job, first)
    samples = job.samples or min(first.samples * (GENEROUS if job.limits else 1), MAX_SAMPLES)
    passes = sample_passes(
        samples,
        frames=len(scenes),
        exact_samples=capabilities.exact_samples and not whole_because,
        sample_align=capabilities.sample_align,
        limited=bool(limits),
    )
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
            aovs=_aovs(job, capabilities),
            manifest=manifest,
        )
        for scene in scenes
    }
    encoding = encoding_of(job)
    orders = {
        number: PictureOrder(
            frame=frame,
            region=region,
            passes=passes,
            keys=_keys(job, number, frames),
            encoding=encoding,
            limits=limits,
            denoise=job.denoise,
            inspect=len(frames) > 1 and job.checks is not Checks.NO,
        )
        for number, frame in frames.items()
    }
    return Layout(
        frames=frames,
        orders=orders,
        region=region,
        passes=passes,
        mode=Mode.FRAMES if whole_because or not capabilities.exact_regions else job.mode,
        align_px=(max(ALIGN_PX, capabilities.region_align_px[0]), capabilities.region_align_px[1]),
        notes=tuple(dict.fromkeys([*first.notes, *filter(None, [whole_because])])),
        unit_timeout_s=job.unit_timeout_s,
    )


def encoding_of(job: RenderJob) -> Encoding:
    """Return how a job's pictures are written."""
    return Encoding(
        exr_half=job.exr is ExrType.HALF,
        png_bits=job.png_bits,
        view=job.view,
        exposure_stops=job.exposure,
    )


def _aovs(job: RenderJob, capabilities: Capabilities) -> tuple[Aov, ...]:
    """Return the AOVs that are rendered: those the job wants, and what helps to denoise its pictures."""
    guides = [guide for guide in GUIDES if job.denoise and guide in capabilities.aovs]
    return tuple(dict.fromkeys([*job.aovs, *guides]))


def _limits(job: RenderJob, info: SceneInfo) -> Limits:
    """Return what may end the job's pictures: what it says, or else the scene's own noise."""
    if job.limits or job.samples or info.noise is None or info.whole_frames_because:
        return job.limits
    return Limits(noise=info.noise)


def _check(job: RenderJob, info: SceneInfo, capabilities: Capabilities) -> None:
    problems = []
    size = parse_size(job.size) if job.size else info.size
    if job.region and not parse_region(job.region).within(size):
        problems.append(f"region: {outside(job.region, size)}")
    if job.region and info.whole_frames_because:
        problems.append(f"region: {info.whole_frames_because} Leave region empty.")
    missing = [aov.value for aov in job.aovs if aov not in capabilities.aovs]
    if missing:
        known = ", ".join(sorted(capabilities.aovs)) or "none"
        problems.append(f"aovs: {job.renderer_name} has no {', '.join(missing)}. It has {known}.")
    if job.samples and job.samples > (capabilities.most_samples or job.samples):
        most = f"takes at most {capabilities.most_samples} a pixel"
        problems.append(f"samples: {job.renderer_name} {_SCENES_OWN if capabilities.most_samples == 1 else most}.")
    numbered = {str(number) for number in range(len(info.cameras))}
    if job.camera and job.camera not in numbered.union(info.cameras):
        problems.append(f"camera: '{job.camera}' is not in the scene. It has {', '.join(info.cameras) or 'none'}.")
    if problems:
        raise JobRefused(reason="The job doesn't fit its scene:", remedy="", problems=tuple(problems))


def _check_limits(job: RenderJob, frames: int, capabilities: Capabilities, whole_because: str) -> None:
    """Refuse limits that the renderer or the number of frames doesn't allow."""
    problems = []
    if job.time_limit and frames > 1:
        problems.append(f"time_limit '{job.time_limit}': {NO_TIME_FOR_SEQUENCES}")
    for name in ("noise", "time_limit"):
        value = getattr(job, name)
        if value and (whole_because or not capabilities.exact_samples):
            why = whole_because or f"{job.renderer_name} can't render a frame's samples in parts."
            problems.append(f"{name} '{value}': {why} Give samples instead.")
    if problems:
        raise JobRefused(reason="The job can't be ended by a limit:", remedy="", problems=tuple(problems))


def _keys(job: RenderJob, frame: int, frames: Mapping[int, FrameSpec]) -> tuple[str, ...]:
    """Files of a frame: ``name.exr`` for a still, ``name.0001.exr`` for a frame of a sequence."""
    still = len(frames) == 1 and not job.frames
    stem = job.title if still else f"{job.title}.{frame:04d}"
    return tuple(f"{stem}.{kind}" for kind in dict.fromkeys(job.formats))
