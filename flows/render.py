"""The flow of a job: a document goes in, its frames lie in storage when it ends, whatever happened to the nodes.

Its steps are Prefect's and run here; the work is done by nodes, as futures of Dask's that the steps wait for::

    check nodes → open scene → [send scene] → render a–b → stitch and write a–b
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
from frontburner.notify.run_notifications import skipped
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

AGAIN = Field(default="", description="Frames to render again although they are in place, such as 10-20.")
ONLY = Field(default="", description="Frames this run is for, such as 10-20; empty is all of the job's.")
CONDITIONS = Field(
    default=None, description="On what conditions a scheduled run renders: how late, and whether only after a change."
)
"""Prefect reads what a parameter means from such a default, for its form, and passes on the value alone."""


@flow(name="render", flow_run_name="{job.title}", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type]
def render(
    job: RenderJob, again: str = AGAIN, only: str = ONLY, conditions: Conditions | None = CONDITIONS
) -> dict[str, Any] | State[None] | None:
    """Render a job: a still over all nodes at once, a sequence frame by frame.

    The same job goes on where it stopped: frames in place and units in the store are never rendered again.

    Parameters
    ----------
    job
        What to render.
    again
        Frames to render again although they are in place, such as 10-20.
    only
        Frames this run is for; empty is all.
    conditions
        On what conditions a scheduled run renders.
    """
    job = in_farms_store(job)
    store = open_store(job.out)
    store.check()
    if why := skipped(job, store, conditions):
        return Completed(name="Skipped", message=f"Skipped: {why}.")
    run = JobRun(job=job, store=store, again=again, only=only)
    with run.on_record():
        done: list[Step] = []
        while run.frames_wanted:  # once more where the farm's scheduler was lost, and for frames that stand out
            with run.on_farm():
                done = _pictures(run, after=done)
                if run.compare_frames():
                    done = [run.steps.follow(steps.measure_frames.submit(run.measure, wait_for=done))]
                    run.judge()
        if run.products_wanted:
            _products(run, after=done)
    wait_until_recorded()
    return run.result


def _pictures(run: JobRun, after: Sequence[Step]) -> list[Step]:
    """Render what is missing of the job, and see its pictures into their places."""
    name = Path(run.job.scene).name
    nodes = run.steps.follow(steps.check_nodes.submit(run.check_nodes, wait_for=after))
    scene = run.steps.follow(steps.open_scene.submit(name, run.open_scene, wait_for=[nodes]))
    if run.scene_must_be_sent:
        scene = run.steps.follow(steps.send_scene.submit(name, run.send_scene, wait_for=[scene]))
    begun: dict[Chunk, Step] = {}
    for chunk in run.chunks():  # in here, units are handed out until all pictures are in place
        before: list[Any] = [allow_failure(begun[each]) for each in chunk.after] or [scene]
        begun[chunk] = run.steps.begin(chunk, _begin(chunk, before))
    return [step for chunk, step in begun.items() if chunk.stage in (Stage.FINISH, Stage.WRITE)]


def _begin(chunk: Chunk, before: Sequence[Any]) -> Step:
    """Begin the step of a chunk, which waits until the chunk has ended."""
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


def _products(run: JobRun, after: Sequence[Step]) -> None:
    """Make of the pictures what the job wants of them."""
    made: dict[str, Step] = {}
    if run.job.contact_sheet:
        made[SHEET] = steps.make_sheet.submit(run.make_sheet, wait_for=after)
    for codec in dict.fromkeys(run.job.movie):
        made[f"{codec} movie"] = steps.make_movie.submit(codec, partial(run.make_movie, codec), wait_for=after)
    run.follow_products(made)
