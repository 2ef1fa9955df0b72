"""Make scenes in a folder, and their descriptions in ``cases.json`` there: ``make.py -- GROUP FOLDER all|quick [PATTERN …]``."""

from __future__ import annotations

import os
import sys
import traceback
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.scenes.case import Case, Recipe

GROUPS = {
    "blender": (
        "blender_files",
        "blender_libraries",
        "blender_settings",
        "blender_colours",
        "blender_objects",
        "blender_odd",
    ),
    "imports": ("import_scenes",),
    "mitsuba": ("mitsuba_scenes",),
    "povray": ("povray_scenes",),
}


def recipes(group: str) -> list[Recipe]:
    """Return how the scenes of a group are made."""
    return [recipe for name in GROUPS[group] for recipe in import_module(f"tests.scenes.{name}").RECIPES]


def made(recipe: Recipe, folder: Path, *, skips: bool) -> list[Case]:
    """Make a case. An older Blender lacks what some need: those are skipped."""
    try:
        return [recipe.case(folder)]
    except Exception:
        if not skips:
            raise
        traceback.print_exc()
        return []


def main(group: str, folder: Path, *, quick: bool, skips: bool, patterns: list[str]) -> None:
    """Make the scenes whose names match a pattern, or all; of these all, or those that are quick."""
    from tests.scenes.case import to_json

    chosen = [
        recipe
        for recipe in recipes(group)
        if (recipe.fields.get("quick") or not quick)
        and (not patterns or any(fnmatch(recipe.name, pattern) for pattern in patterns))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(
        to_json([case for recipe in chosen for case in made(recipe, folder, skips=skips)])
    )


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :]
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(given[0], Path(given[1]), quick=given[2] == "quick", skips="--python" in sys.argv, patterns=given[3:])
    sys.stdout.flush()
    os._exit(0)  # Blender's own exit takes seconds
