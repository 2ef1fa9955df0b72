"""Jobs that are as far as a test wants them to be: units of a null scene that is ``held`` wait until they are let."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tasks.renderers.null import RELEASE_ALL, held_folder
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Turnstile:
    """What a scene's units wait at."""

    scene: Path

    def holds(self, count: int) -> list[psutil.Process]:
        """Wait until so many units wait; returns the renderers that have them."""
        found: list[psutil.Process] = until(lambda: len(waiting := self._waiting()) >= count and waiting)
        return found

    def let(self, count: int) -> None:
        """Let so many units through, as they come."""
        for _ in range(count):
            (self._place / str(self.holds(1)[0].pid)).unlink()

    def open(self) -> None:
        """Let all through from now on."""
        self._place.mkdir(exist_ok=True)
        (self._place / RELEASE_ALL).touch()

    @property
    def _place(self) -> Path:
        return held_folder(self.scene)

    def _waiting(self) -> list[psutil.Process]:
        found = []
        for file in self._place.glob("[0-9]*"):
            with suppress(psutil.NoSuchProcess):  # it was killed
                found.append(psutil.Process(int(file.name)))
        return found
