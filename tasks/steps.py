"""The steps of a job that Prefect sees and retries. The only module of tasks that knows Prefect."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.desk import Desk
from tasks.fetching import Place
from tasks.node import in_renderer, scene_for, tile_of
from tasks.patience import Patience
from tasks.pictures import FrameRecord, PictureOrder, finish
from tasks.renderers.base import SceneInfo
from tasks.scenes import OpenedScene, SceneQuery, inspect_frames, listed
from tasks.spec import Tile, UnitSpec

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State, TaskRun
    from prefect.tasks import Task


def _can_help(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Try again what may succeed the next time, and anything we didn't foresee."""
    error = state.result(raise_on_failure=False)
    return error.retryable if isinstance(error, FrontburnerError) else True


@task(
    name="open scene",
    task_run_name="open {scene}",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=_can_help,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def open_scene(scene: str, query: SceneQuery) -> OpenedScene:
    """Read a scene in a node's renderer, for each frame whose file or content is its own."""
    infos = in_renderer(inspect_frames, query)
    _tell(scene, query, next(iter(infos.values())))
    return listed(query, infos)


@task(
    name="open scene that was sent",
    task_run_name="open {scene}",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=_can_help,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def open_sent_scene(scene: str, query: SceneQuery, manifest: str, desk: Desk) -> SceneInfo:
    """Read a job's first frame in a node's renderer, from the files as the node has them now."""
    first = query.frames[0]
    place = Place(scene=first.path, frame=first.frame, manifest=manifest)
    with scene_for(place, desk) as path:
        own = replace(query, frames=(replace(first, path=path),))
        info = in_renderer(inspect_frames, own)[first.frame]
    _tell(scene, query, info)
    return info


def _tell(scene: str, query: SceneQuery, first: SceneInfo) -> None:
    """Say what a scene says of itself."""
    log = get_run_logger()
    log.info(
        "%s opened by %s %s (files: %d); the scene itself says %dx%d, %d samples a pixel",
        Path(scene).name, query.renderer, query.build, len(first.files),
        first.size.width, first.size.height, first.samples,
    )  # fmt: skip
    for note in (*first.notes, *filter(None, [first.whole_frames_because])):
        log.info("%s", note)


@task(
    name="finish frames",
    task_run_name="finish {title}",
    retries=3,
    retry_delay_seconds=10,
    retry_condition_fn=_can_help,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def finish_frames(
    title: str,  # noqa: ARG001 - the task run is called by it
    tiles: list[list[Tile | UnitSpec]],
    orders: list[PictureOrder],
    store_url: str,
    metadata: dict[str, str],
) -> list[FrameRecord]:
    """Stitch, encode and write frames whose units are all done."""
    store, desk = open_store(store_url), Desk(store_url=store_url, topic="")
    records = []
    for own, order in zip(tiles, orders, strict=True):
        pixels = [tile_of(tile, desk) for tile in own]
        records.append(Patience().call(partial(finish, pixels, order, store, metadata)))
        get_run_logger().info(
            "frame %d: written to %s (units: %d)",
            order.frame.frame, ", ".join(store.locate(key) for key in order.keys), len(own),
        )  # fmt: skip
    return records
