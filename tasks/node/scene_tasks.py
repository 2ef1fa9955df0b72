"""What a node does with a job's scene before anything is rendered: it is opened, and read in the node's renderer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.node.unit_task import in_renderer, scene_for
from tasks.scene.fetching import SceneLocation
from tasks.scene.frame_scenes import OpenedScene, SceneQuery, inspect_frames, listed

if TYPE_CHECKING:
    from tasks.job_context import JobContext
    from tasks.renderers.base import SceneInfo


def open_scene(query: SceneQuery) -> OpenedScene:
    """Read a scene in this node's renderer, for each frame whose file or content is its own."""
    return listed(query, in_renderer(inspect_frames, query))


def open_sent_scene(query: SceneQuery, manifest: str, desk: JobContext) -> SceneInfo:
    """Read a job's first frame in this node's renderer, from the files as the node has them now."""
    first = query.frames[0]
    place = SceneLocation(scene=first.path, frame=first.frame, manifest=manifest)
    with scene_for(place, desk) as path:
        own = replace(query, frames=(replace(first, path=path),))
        return in_renderer(inspect_frames, own)[first.frame]
