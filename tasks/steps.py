"""The steps of a job that Prefect sees and retries. The only module of tasks that knows Prefect."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.command import Command, run
from tasks.desk import Desk
from tasks.fetching import Place
from tasks.frame_files import FrameFiles
from tasks.inspection import Figures, Finding
from tasks.letter import Letter, deliver
from tasks.movie import Codec
from tasks.node import in_renderer, scene_for, tile_of
from tasks.patience import Patience
from tasks.pictures import FrameRecord, PictureOrder, finish
from tasks.products import Footage, Product, ahead, make_movie, make_sheet, measure
from tasks.renderers.base import SceneInfo
from tasks.scenes import OpenedScene, SceneQuery, inspect_frames, listed
from tasks.spec import Tile, UnitSpec
from tasks.targets import read_targets

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


@task(
    name="measure frames",
    task_run_name="measure {title}",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=_can_help,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def measure_frames(title: str, frames: list[FrameFiles], store_url: str) -> list[dict[int, Figures] | Finding]:  # noqa: ARG001
    """Read frames back and measure them, to be held against each other."""
    return list(ahead(partial(measure, store=open_store(store_url)), frames))


@task(
    name="make movie",
    task_run_name="make movie {codec}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=_can_help,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def write_movie(codec: Codec, footage: Footage, fps: Fraction, store_url: str) -> Product:
    """Make a movie of a job's frames, whole or not at all."""
    store = open_store(store_url)
    product = make_movie(footage, codec, fps, store)
    _tell_product(store.locate(product.key), product, len(footage.frames))
    return product


@task(
    name="make contact sheet",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=_can_help,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def write_sheet(footage: Footage, flagged: dict[int, str], facts: str, store_url: str) -> Product:
    """Make a contact sheet of a job's frames."""
    store = open_store(store_url)
    product = make_sheet(footage, flagged, facts, store)
    _tell_product(store.locate(product.key), product, len(footage.frames))
    return product


def _tell_product(where: str, product: Product, frames: int) -> None:
    said = "is in place already, made of the same" if product.reused else "made of"
    get_run_logger().info("%s: %s %d frames", where, said, frames)


@task(
    name="notify",
    task_run_name="notify {target}",
    retries=3,
    retry_delay_seconds=[2, 10, 30],
    retry_condition_fn=_can_help,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def send_letter(target: str, letter: Letter, home: str) -> None:
    """Send a letter to a target of ``notify.yaml``. It is called, not submitted: secrets don't leave this machine."""
    deliver(letter, target, read_targets(Path(home), [target])[target])
    get_run_logger().info("%s was told: %s", target, letter.subject)


@task(name="run command", task_run_name="run {title}", cache_policy=NO_CACHE, persist_result=False)
def run_command(title: str, command: Command) -> None:  # the task run is called by its title
    """Run a command of a chain on this machine; what it says is kept in its log."""
    get_run_logger().info("%s: %s (in %s; log %s)", title, list(command.arguments), command.folder, command.log)
    run(command)
