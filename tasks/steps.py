"""The steps of jobs and chains that Prefect shows and retries. The only module of tasks that imports Prefect.

They run in the flow's process and wait for Dask futures or for the flow's dispatch loop. A step gets its work as a
function, so that no data passes through Prefect.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from storage.errors import FrontburnerError
from tasks.node.frame_tasks import RETRIES
from tasks.notification import Notification, deliver
from tasks.notify_targets import read_targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.schemas.objects import State, TaskRun
    from prefect.tasks import Task

    Work = Callable[[], Any]
    """What a step does. If it returns a Prefect state, the step ends in that state."""

RETRY_DELAY_S = 2
"""Seconds before a step is retried. It can't be interrupted meanwhile."""


def _is_retryable(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry what may succeed the next time, and unexpected errors."""
    error = state.result(raise_on_failure=False)
    return error.retryable if isinstance(error, FrontburnerError) else True


def step(**options: Any) -> Callable[[Callable[..., object]], Task[..., object]]:  # noqa: ANN401 - Prefect's own
    """Make a Prefect task of a function. Its results stay in this process."""
    return task(
        cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=_is_retryable,
        retry_delay_seconds=RETRY_DELAY_S, **options,
    )  # fmt: skip


@step(name="check nodes", task_run_name="check nodes")
def check_nodes(work: Work) -> object:
    """Ask all nodes for the job's renderer, and choose the build that the job uses."""
    return work()


@step(name="open scene", task_run_name="open {scene}", retries=2)
def open_scene(scene: str, work: Work) -> object:  # noqa: ARG001 - part of the step's name
    """Read the scene, and find out which nodes have its files."""
    return work()


@step(name="send scene", task_run_name="send {scene}")
def send_scene(scene: str, work: Work) -> object:  # noqa: ARG001
    """Send the scene's files to the store for nodes that don't have them, and open it on one of those."""
    return work()


@step(name="bake simulations", task_run_name="bake simulations of {scene}", retries=1)
def bake_simulations(scene: str, work: Work) -> object:  # noqa: ARG001
    """Have a node bake the scene's simulations into a copy, and open it on a node."""
    return work()


@step(name="render", task_run_name="render {title}")
def render_units(title: str, work: Work) -> object:  # noqa: ARG001
    """Wait until all units are rendered."""
    return work()


@step(name="stitch and write", task_run_name="stitch and write {title}", retries=RETRIES)
def finish_frames(title: str, work: Work) -> object:  # noqa: ARG001
    """Wait until frames are stitched, encoded and written."""
    return work()


@step(name="stitch", task_run_name="stitch", retries=RETRIES)
def stitch(work: Work) -> object:
    """Wait until a still is stitched."""
    return work()


@step(name="denoise", task_run_name="denoise", retries=RETRIES)
def denoise(work: Work) -> object:
    """Wait until a still is denoised."""
    return work()


@step(name="write", task_run_name="write", retries=RETRIES)
def write(work: Work) -> object:
    """Wait until a still's files are written."""
    return work()


@step(name="measure frames", task_run_name="measure frames", retries=2)
def measure_frames(work: Work) -> object:
    """Compare the frames with each other, to find faulty ones."""
    return work()


@step(name="make contact sheet", task_run_name="contact sheet", retries=2)
def make_sheet(work: Work) -> object:
    """Have a node make a contact sheet."""
    return work()


@step(name="make movie", task_run_name="movie {codec}", retries=2)
def make_movie(codec: str, work: Work) -> object:  # noqa: ARG001
    """Have a node make a movie."""
    return work()


@step(name="notify", task_run_name="notify {target}", retries=3)
def send_notification(target: str, notification: Notification, home: str) -> None:
    """Send a notification to a target of ``notify.yaml``, whose secrets don't leave this machine."""
    deliver(notification, target, read_targets(Path(home), [target])[target])
    get_run_logger().info("%s was notified: %s", target, notification.subject)
