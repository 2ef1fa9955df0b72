"""Errors that all renderer adapters raise alike."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.errors import NodeNotReady, SceneError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def not_ready(renderer: str, reason: str, remedy: str, *, absent: bool = False) -> NodeNotReady:
    """Return the error that this node can't render with a renderer."""
    node = os.environ.get("FRONTBURNER_NODE", "")
    return NodeNotReady(reason=reason, remedy=remedy, node=node, renderer=renderer, absent=absent)


def require_build(renderer: str, name: str, installed: str, wanted: str) -> None:
    """Raise `NodeNotReady` if the installed build of a program isn't the job's."""
    if installed != wanted:
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
    scene: Path, missing: Iterable[str], remedy: str = "Put them in place on every node, or correct the names."
) -> SceneError:
    """Return the error that a scene refers to files that don't exist."""
    return SceneError(
        reason=f"The scene {scene.name} refers to files that don't exist: {', '.join(dict.fromkeys(missing))}.",
        remedy=remedy,
        scene=str(scene),
    )


def no_aovs(scene: Path, name: str) -> SceneError:
    """Return the error that a renderer can't deliver AOVs."""
    return SceneError(reason=f"{name} can't deliver extra channels.", remedy="Ask for no aovs.", scene=str(scene))
