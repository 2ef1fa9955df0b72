"""What can go wrong on a node, each with its cause and remedy."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import FrontburnerError


@dataclass(kw_only=True, eq=False)
class SceneError(FrontburnerError):
    """A scene is missing, unreadable, changed, or asks for something its renderer can't do."""

    scene: str


@dataclass(kw_only=True, eq=False)
class NoRoomForScene(FrontburnerError):
    """A node's disk doesn't take the files of a scene."""


@dataclass(kw_only=True, eq=False)
class NodeNotReady(FrontburnerError):
    """A node can't render with this renderer, and why. ``absent`` says that it simply isn't installed there."""

    node: str
    renderer: str
    absent: bool = False


@dataclass(kw_only=True, eq=False)
class UnitFailed(FrontburnerError):
    """A unit could not be rendered in one attempt. Another attempt, elsewhere, may succeed.

    ``last_words`` are the last lines of the renderer's log; ``log`` is the whole log's path on the node.
    ``short_of_memory`` says that the node's memory was too short: of a smaller unit it might come to something.
    """

    unit: str
    node: str
    last_words: str = ""
    log: str = ""
    short_of_memory: bool = False


@dataclass(kw_only=True, eq=False)
class ProgramFailed(FrontburnerError):
    """A renderer's program failed. ``killed`` says that the system's own signal ended it, SIGKILL.

    Its node adds what it knows, and makes a `UnitFailed` of it.
    """

    killed: bool = False


@dataclass(kw_only=True, eq=False)
class UnitCancelled(FrontburnerError):
    """A unit was called back before it was finished."""

    unit: str


@dataclass(kw_only=True, eq=False)
class BadTile(FrontburnerError):
    """Pixels that must not reach a picture: wrong shape, not finite, another build, missing or twice."""
