"""What a scene file in another format than Blender's own refers to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScene:
    """What was read in a scene file before Blender imports it.

    Parameters
    ----------
    source
        The file to import: the scene, or a copy of it whose absolute paths lead to where its files are here.
    files
        Files it refers to, whether they exist or not.
    shown
        The names of what should be seen. Blender makes an object of each, or leaves it out.
    painted
        The names of those that have a material.
    dome
        The place of the light that surrounds the scene; empty if there is none.
    notes
        Sentences on what is rendered differently than the scene asks.
    """

    source: Path
    files: tuple[Path, ...] = ()
    shown: Counter[str] = field(default_factory=Counter)
    painted: Counter[str] = field(default_factory=Counter)
    dome: str = ""
    notes: tuple[str, ...] = ()
