"""Errors of a node, each with reason and remedy."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import FrontburnerError


@dataclass(kw_only=True, eq=False)
class SceneError(FrontburnerError):
    """A scene is missing, unreadable, changed, or asks for something its renderer can't do.

    ``spoils_process`` says that what it left in the renderer's process would spoil the next scene there.
    """

    scene: str
    spoils_process: bool = False


@dataclass(kw_only=True, eq=False)
class NoRoomForScene(FrontburnerError):
    """The files of a scene can't be kept on a node's disk."""


@dataclass(kw_only=True, eq=False)
class NodeNotReady(FrontburnerError):
    """A node can't render with this renderer. ``absent`` says that it simply isn't installed there."""

    node: str
    renderer: str
    absent: bool = False


@dataclass(kw_only=True, eq=False)
class UnitFailed(FrontburnerError):
    """A unit could not be rendered in one attempt. Another attempt, elsewhere, may succeed.

    ``last_words`` are the last lines of the renderer's log; ``log`` is the whole log's path on the node.
    ``short_of_memory`` says that the node had too little memory: a smaller unit may succeed.
    """

    unit: str
    node: str
    last_words: str = ""
    log: str = ""
    short_of_memory: bool = False


@dataclass(kw_only=True, eq=False)
class ProgramFailed(FrontburnerError):
    """A renderer's program failed. ``killed`` says that SIGKILL ended it.

    The node turns it into a `UnitFailed`, with its log.
    """

    killed: bool = False


@dataclass(kw_only=True, eq=False)
class UnitCancelled(FrontburnerError):
    """A unit was cancelled before it was finished."""

    unit: str


@dataclass(kw_only=True, eq=False)
class UnitRecalled(FrontburnerError):
    """A unit was ended because the node's machine was given back to its owner. Nothing has failed."""

    node: str


@dataclass(kw_only=True, eq=False)
class BadTile(FrontburnerError):
    """Pixels that must not reach a picture: wrong shape, not finite, another build, missing or twice."""
