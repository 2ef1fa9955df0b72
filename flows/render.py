"""The flow of a render job: from its document to its frames in storage, whatever happens to the nodes meanwhile.

Its steps are Prefect tasks that run here; nodes do the work, as Dask futures that the steps wait for::

    check nodes → open scene → [send scene] → [bake simulations] → render a–b → stitch and write a–b
        → measure → contact sheet, movie → notify

A still shows its passes: first samples → samples to 64 → … → stitch → [denoise] → write.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import allow_failure, flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from frontburner.cluster.prefect_server import wait_until_recorded
from frontburner.control.conditions import Conditions
from frontburner.jobs.job import RenderJob
from frontburner.notify.run_notifications import skip_reason
from frontburner.run.after_frames import SHEET
from frontburner.run.chunks import Chunk, Stage
from frontburner.run.job_run import JobRun
from frontburner.run.recording import in_farms_store
from storage.objects import open_store
from tasks import steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.futures import PrefectFuture

    Step = PrefectFuture[Any]

# Prefect's form shows the descriptions of such defaults; the flow itself gets the values alone.
AGAIN = Field(default="", description="Frames to render again although they are in place, such as 10-20.")
ONLY = Field(default="", description="The only frames to render in this run, such as 10-20; empty is all.")
CONDITIONS = Field(
    default=None, description="Conditions on which a scheduled run renders: how late, and whether only after a change."
)


@flow(name="render", flow_run_name="{job.title}", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type]
def render(
    job: RenderJob, again: str = AGAIN, only: str = ONLY, conditions: Conditions | None = CONDITIONS
) -> dict[str, Any] | State[None] | None:
    """Render a job: a still over all nodes at once, a sequence frame by frame.

    The same job resumes where it stopped: frames in place and units in the store are never rendered again.

    Parameters
    ----------
    job
        What to render.
    again
        Frames to render again although they are in place, such as 10-20.
    only
        The only frames to render in this run; empty is all.
    conditions
        Conditions on which a scheduled run renders.
    """
    job = in_farms_store(job)
    store = open_store(job.out)
    store.check()
    if why := skip_reason(job, store, conditions):
        return Completed(name="Skipped", message=f"Skipped: {why}.")
    run = JobRun(job=job, store=store, again=again, only=only)
    with run.recorded():
        done: list[Step] = []
        while run.frames_wanted:  # another round if the farm's scheduler was lost, and for suspicious frames
            with run.on_farm():
                done = _render_frames(run, after=done)
                if run.compares_frames():
                    done = [run.steps.wait_for(steps.measure_frames.submit(run.measure, wait_for=done))]
                    run.flag_frames()
        if run.products_wanted:
            _make_products(run, after=done)
    wait_until_recorded()
    return run.result


def _render_frames(run: JobRun, after: Sequence[Step]) -> list[Step]:
    """Render what is missing of the job; returns the steps that put its pictures in place."""
    name = Path(run.job.scene).name
    nodes = run.steps.wait_for(steps.check_nodes.submit(run.check_nodes, wait_for=after))
    scene = run.steps.wait_for(steps.open_scene.submit(name, run.open_scene, wait_for=[nodes]))
    if run.scene_transfer.must_be_sent:
        scene = run.steps.wait_for(steps.send_scene.submit(name, run.send_scene, wait_for=[scene]))
    if run.bake_needed():
        scene = run.steps.wait_for(steps.bake_simulations.submit(name, run.bake_simulations, wait_for=[scene]))
    begun: dict[Chunk, Step] = {}
    for chunk in run.chunks():  # dispatches units until all pictures are in place
        before: list[Any] = [allow_failure(begun[each]) for each in chunk.after] or [scene]
        begun[chunk] = run.steps.add(chunk, _submit(chunk, before))
    return [step for chunk, step in begun.items() if chunk.stage in (Stage.FINISH, Stage.WRITE)]


def _submit(chunk: Chunk, before: Sequence[Any]) -> Step:
    """Submit the step of a chunk, which waits until the chunk has ended."""
    match chunk.stage:
        case Stage.RENDER:
            return steps.render_units.submit(chunk.title, chunk.wait, wait_for=before)
        case Stage.FINISH:
            return steps.finish_frames.submit(chunk.title, chunk.wait, wait_for=before)
        case Stage.STITCH:
            return steps.stitch.submit(chunk.wait, wait_for=before)
        case Stage.DENOISE:
            return steps.denoise.submit(chunk.wait, wait_for=before)
        case Stage.WRITE:
            return steps.write.submit(chunk.wait, wait_for=before)


def _make_products(run: JobRun, after: Sequence[Step]) -> None:
    """Make the contact sheet and movies that the job wants."""
    products: dict[str, Step] = {}
    if run.job.contact_sheet:
        products[SHEET] = steps.make_sheet.submit(run.make_sheet, wait_for=after)
    for codec in dict.fromkeys(run.job.movie):
        products[f"{codec} movie"] = steps.make_movie.submit(
            codec, partial(run.after_frames.make_movie, codec), wait_for=after
        )
    run.follow_products(products)
