"""Dask tasks on a job's scene: opened and read in the node's renderer process before anything is rendered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from distributed import get_worker

from system import paths
from tasks.node.node_state import in_renderer
from tasks.node.unit_channel import fetched_message
from tasks.renderers.base import SceneInfo
from tasks.scene.fetching import Progress, SceneLocation, local_scene
from tasks.scene.frame_scenes import OpenedScene, SceneQuery, inspect_frames, with_manifest
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from tasks.job_context import JobContext


def open_scene(query: SceneQuery) -> OpenedScene:
    """Read a scene in this node's renderer, for each frame whose file or content is its own."""
    query = replace(query, frames=tuple(replace(scene, path=paths.here(scene.path)) for scene in query.frames))
    return with_manifest(query, in_renderer(inspect_frames, query, scripts_of=query.scripts_of))


def open_sent_scene(query: SceneQuery, manifest: str, job: JobContext) -> SceneInfo:
    """Read a job's first frame in this node's renderer, from the files as the node has them now."""
    return open_sent_frames(query.first(), manifest, job)[query.frames[0].frame]


def open_sent_frames(query: SceneQuery, manifest: str, job: JobContext) -> dict[int, SceneInfo]:
    """Read frames in this node's renderer, from the files as the node has them now."""
    worker = get_worker()
    node, infos = str(worker.name), dict[int, SceneInfo]()

    def report(fetched_bytes: int, size_bytes: int, seconds: float) -> None:
        worker.log_event(job.topic, fetched_message(0, node, fetched_bytes, size_bytes, seconds))

    for frame in query.frames:
        location = SceneLocation(scene=frame.path, frame=frame.frame, manifest=manifest)
        with local_scene(location, job, node=node, retry=StoreRetry(), progress=Progress(report=report)) as scene:
            local_query = replace(query, frames=(replace(frame, path=scene.path),))
            infos |= in_renderer(inspect_frames, local_query, scripts_of=local_query.scripts_of)
    return infos
