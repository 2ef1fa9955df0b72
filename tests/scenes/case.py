"""A scene to render both ways, and what is right for it. Plain Python only: it is imported inside Blender, too."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scene.

    Parameters
    ----------
    kind
        What it is an example of.
    scene
        The scene file.
    job
        Fields of the job besides scene and output.
    frames
        The frames that the job renders.
    sent
        Whether it is rendered from a copy that was sent, while the folder of the original is out of sight.
    refused
        If it must be refused: a pattern that the sentence matches. Empty: it must be rendered.
    said
        A pattern that one of the notes before the start matches. Empty: nothing need be said.
    direct
        How the renderer is called directly: what ``direct_blender`` and its like understand.
    colours
        By frame, the colour in the middle of the picture, as a second judge.
    spare
        Names of files that may be listed although the renderer doesn't open them for the frame, or the other way round.
    quick
        Whether it is one of the few that every run of the tests renders.
    command
        Whether it is rendered with the real command, too.
    """

    name: str
    kind: str
    renderer: str
    scene: str
    job: dict[str, Any] = field(default_factory=dict)
    frames: tuple[int, ...] = (1,)
    sent: bool = False
    refused: str = ""
    said: str = ""
    direct: dict[str, Any] = field(default_factory=dict)
    colours: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    spare: tuple[str, ...] = ()
    quick: bool = False
    command: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a case is made: ``make`` writes the scene into a folder and returns its path."""

    make: Callable[[Path], Path]
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.fields["name"])

    def case(self, folder: Path) -> Case:
        """Make the scene in a folder of its own."""
        place = folder / self.name
        place.mkdir(parents=True)
        scene = self.make(place)
        return Case(scene=str(scene), **{"sent": zlib.crc32(self.name.encode()) % 2 == 0} | self.fields)


class Recipes(list[Recipe]):
    """The recipes of one renderer, collected by decorating functions."""

    def __init__(self, renderer: str) -> None:
        super().__init__()
        self.renderer = renderer

    def add(self, kind: str, **fields: Any) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
        """Decorate a function that makes a scene; the case has its name."""

        def note(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
            own = {"name": make.__name__, "kind": kind, "renderer": self.renderer}
            self.append(Recipe(make=make, fields=own | fields))
            return make

        return note


def to_json(cases: list[Case]) -> str:
    """Return cases as text."""
    return json.dumps([asdict(case) for case in cases])


def from_json(text: str) -> list[Case]:
    """Return the cases in a text."""
    tuples = ("frames", "spare")
    return [Case(**document | {name: tuple(document[name]) for name in tuples}) for document in json.loads(text)]
