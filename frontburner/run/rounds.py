"""Rounds of a run: each renders what is missing once the scene is open. Most runs have one; some rerender frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.states import Completed

from frontburner import events as ev
from frontburner.cluster.prefect_internals import current_flow_run
from frontburner.control.taken_outputs import began_at, refuse_beside_rivals
from frontburner.jobs.frames import format_frames
from frontburner.jobs.layout import Layout, lay_out
from frontburner.jobs.missing import MissingWork, missing_work, selected_frames
from frontburner.jobs.outputs import owner_of, product_names, refuse_taken
from frontburner.run.chunks import Chunk, Stage, frames_title
from storage.objects import INTERNAL_PREFIX
from tasks.renderers import renderer

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob
    from frontburner.run.scene_transfer import SceneTransfer
    from storage.objects import ObjectStore
    from tasks.scene.baking import BakedScene


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What is rendered from opening the scene to the last picture.

    Parameters
    ----------
    again, only
        Frames to render again although they are in place, and the only frames to render; empty is none, and all.
    suffix
        Distinguishes it from other rounds of its run.
    """

    again: str
    only: str
    suffix: str = ""

    def frames(self, layout: Layout, store: ObjectStore) -> tuple[int, ...]:
        """Return the frames that are about to be rendered."""
        missing = missing_work(layout, store, only=self.only)
        again = selected_frames(self.again, layout, "again")
        return tuple(sorted({*again, *(work.frame for work in missing.wanted)}))

    def missing_work(self, job: RenderJob, layout: Layout, store: ObjectStore) -> MissingWork:
        """Return what is missing. Frames to render again are discarded once, however often the run is resumed.

        Raises
        ------
        JobRefused
            When files of another job would be replaced.
        """
        run = current_flow_run()
        marker = f"{INTERNAL_PREFIX}/jobs/{job.job_id}/again/{run.id if run else 'direct'}{self.suffix}"
        again = "" if self.again and store.exists(marker) else self.again
        refuse_taken(product_names(job), owner_of(job), store)
        refuse_beside_rivals(job, store, began=began_at(job, store))
        missing = missing_work(layout, store, again=again, only=self.only)
        if self.again:
            store.create(marker, b"1")
        return missing


def layout_of(job: RenderJob, build: str, scene: SceneTransfer, baked: BakedScene | None = None) -> Layout:
    """Return the layout of a job whose scene is open, and what was baked of it."""
    return lay_out(
        job,
        build=build,
        capabilities=renderer(job.renderer_name).capabilities(build),
        scenes=scene.query.frames,
        infos=scene.infos,
        manifest=scene.manifest.digest,
        baked=baked,
    )


def announce_plan(job: RenderJob, layout: Layout, missing: MissingWork, store: ObjectStore, at_s: float) -> None:
    """Announce what is in place, what is to be rendered, and what of it differently than asked."""
    if notes := (*layout.notes, *missing.notes):
        ev.announce(ev.JobNoted(at_s=at_s, notes=notes))
    for record in missing.in_place:
        outputs = tuple(store.locate(key) for key in record.files)
        ev.announce(ev.FrameWritten(at_s=at_s, frame=record.frame, outputs=outputs, reached=record.reached))
    ev.announce(
        ev.JobPlanned(
            at_s=at_s,
            job_id=job.job_id,
            frames=len(missing.wanted) + len(missing.in_place),
            pixel_samples=sum(s.count for s in layout.passes) * layout.region.area * len(missing.wanted),
            reused_frames=len(missing.in_place),
            probe=layout.passes[0] if len(layout.passes) > 1 and len(layout.frames) == 1 else None,
            numbers=format_frames(tuple(sorted(layout.frames))),
            size=next(iter(layout.frames.values())).size,
            region=layout.region,
        )
    )


def in_place_chunk(missing: MissingWork) -> Chunk:
    """Return a chunk of the frames that are in place already; it has ended."""
    frames = tuple(record.frame for record in missing.in_place)
    chunk = Chunk(stage=Stage.FINISH, title=frames_title(frames), frames=frames)
    chunk.end_in_state(lambda: Completed(name="InPlace", message="Rendered and written before this run."))
    return chunk
