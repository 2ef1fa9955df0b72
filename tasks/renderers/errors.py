"""Errors that all renderer adapters raise alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from system import paths
from tasks.errors import NodeNotReady, SceneError
from tasks.renderers.build_names import is_build

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NAMED = 12
"""How many missing files an error names."""


@dataclass(kw_only=True, eq=False)
class FilesMissing(SceneError):
    """Files that a frame of a scene needs don't exist.

    Parameters
    ----------
    missing
        The path of each, and what refers to it.
    frames, current_frame
        As in `SceneInfo`: what the scene itself says of its frames, if it could be read so far.
    """

    missing: Mapping[str, str]
    frames: range = range(0)
    current_frame: int | None = None


def not_ready(renderer: str, reason: str, remedy: str, *, absent: bool = False) -> NodeNotReady:
    """Return the error that this node can't render with a renderer."""
    node = os.environ.get("FRONTBURNER_NODE", "")
    return NodeNotReady(reason=reason, remedy=remedy, node=node, renderer=renderer, absent=absent)


def require_build(renderer: str, name: str, installed: str, wanted: str) -> None:
    """Raise `NodeNotReady` if the installed build of a program isn't the job's."""
    if not is_build(installed, wanted):
        raise not_ready(
            renderer, f"{name} here is {installed}, the job's is {wanted}.", "Install the same on all nodes."
        )


def scene_changed(scene: Path) -> SceneError:
    """Return the error that the content of a scene's files isn't what its digest says."""
    return SceneError(
        reason=f"The scene {scene.name} or a file it refers to changed while the job ran.",
        remedy="Start the job again: its unchanged frames are reused.",
        scene=str(scene),
    )


def files_missing(
    scene: Path,
    missing: Iterable[str] | Mapping[str, str],
    remedy: str = "Put them in place on every node, or correct the names.",
) -> FilesMissing:
    """Return the error that a scene refers to files that don't exist.

    Parameters
    ----------
    missing
        Their paths, or each path with what refers to it.
    """
    foreign = next((path for path in missing if paths.is_foreign(path)), "")
    if foreign:
        remedy = (
            f"Paths such as {foreign} are of another system. Say where that folder is on this one "
            f"({paths.mapping_for(foreign)}), or send the scene from a machine that has its files."
        )
    by_path = dict(missing) if isinstance(missing, Mapping) else dict.fromkeys(missing, "")
    named = [f"{path} ({by})" if by else path for path, by in by_path.items()]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return FilesMissing(
        reason=f"The scene {scene.name} refers to files that don't exist: {', '.join(named[:NAMED])}{more}.",
        remedy=remedy,
        scene=str(scene),
        missing=by_path,
    )


def negative_frame(scene: Path, name: str, frame: int) -> SceneError:
    """Return the error that a program's flags have no negative frames: a minus sign is that of a range."""
    return SceneError(
        reason=f"{name}'s command line takes no negative frames, such as {frame}.",
        remedy="Ask for frames from 0 on, or move the animation.",
        scene=str(scene),
    )


def no_aovs(scene: Path, name: str) -> SceneError:
    """Return the error that a renderer can't deliver AOVs."""
    return SceneError(reason=f"{name} can't deliver extra channels.", remedy="Ask for no aovs.", scene=str(scene))
