"""A round of a run: what of the job is missing once its scene is open. Most runs have one, some render frames again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.context import FlowRunContext
from prefect.states import Completed

from frontburner import events as ev
from frontburner.jobs.frames import format_frames
from frontburner.jobs.layout import Layout, lay_out
from frontburner.jobs.missing import MissingWork, missing_work
from frontburner.run.chunks import Chunk, Stage, frames_title
from storage.objects import INTERNAL_PREFIX
from tasks.renderers import renderer

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob
    from frontburner.run.scene_transfer import SceneTransfer
    from storage.objects import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What is rendered from the opening of a scene to the last picture.

    Parameters
    ----------
    again, only
        Frames to render again although they are in place, and the frames it is for; empty means none, and all.
    because
        What tells it from other rounds of its run.
    """

    again: str
    only: str
    because: str = ""

    def missing_work(self, job: RenderJob, layout: Layout, store: ObjectStore) -> MissingWork:
        """Look what is missing. Frames to render again are discarded once, however often the run is resumed."""
        mark = f"{INTERNAL_PREFIX}/jobs/{job.job_id}/again/{_flow_run()}{self.because}"
        again = "" if self.again and store.exists(mark) else self.again
        found = missing_work(layout, store, again=again, only=self.only)
        if self.again:
            store.create(mark, b"1")
        return found


def laid_out(job: RenderJob, build: str, journey: SceneTransfer) -> Layout:
    """Lay out a job whose scene is open."""
    return lay_out(
        job,
        build=build,
        capabilities=renderer(job.renderer_name).capabilities(build),
        scenes=journey.query.frames,
        infos=journey.infos,
        manifest=journey.manifest.digest,
    )


def announce_plan(job: RenderJob, layout: Layout, found: MissingWork, store: ObjectStore, at_s: float) -> None:
    """Announce what is in place, and what is to be rendered."""
    for record in found.in_place:
        outputs = tuple(store.locate(key) for key in record.files)
        ev.announce(ev.FrameWritten(at_s=at_s, frame=record.frame, outputs=outputs, reached=record.reached))
    ev.announce(
        ev.JobPlanned(
            at_s=at_s,
            job_id=job.job_id,
            frames=len(found.wanted) + len(found.in_place),
            pixel_samples=sum(s.count for s in layout.passes) * layout.region.area * len(found.wanted),
            reused_frames=len(found.in_place),
            probe=layout.passes[0] if len(layout.passes) > 1 and len(layout.frames) == 1 else None,
            numbers=format_frames(tuple(sorted(layout.frames))),
            size=next(iter(layout.frames.values())).size,
            region=layout.region,
        )
    )


def in_place(found: MissingWork) -> Chunk:
    """Return a chunk of the frames that need nothing any more."""
    frames = tuple(record.frame for record in found.in_place)
    chunk = Chunk(stage=Stage.FINISH, title=frames_title(frames), frames=frames)
    chunk.release(lambda: Completed(name="InPlace", message="Rendered and written before this run."))
    return chunk


def _flow_run() -> str:
    context = FlowRunContext.get()
    return str(context.flow_run.id) if context and context.flow_run else "direct"
