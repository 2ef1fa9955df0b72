"""Opens scene files: Blender's own, and those that it imports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from . import importing, pictures

_KINDS = ("libraries", "images", "fonts", "volumes", "cache_files", "movieclips")
"""Of data that names files."""


def open_file(path: str, tree: str, source: str, *, allow_scripts: bool) -> dict[str, Any]:
    """Open a scene. A sent scene finds the files it names in its tree.

    Parameters
    ----------
    path
        The scene.
    tree
        The folder that mirrors the submitting machine's; empty if the scene wasn't sent.
    source
        The file to import instead; empty for Blender's own.
    allow_scripts
        Whether to run its scripts.

    Returns
    -------
    dict
        What `importing.import_file` returns, and the pictures that it read; nothing for Blender's own.
    """
    imported = importing.import_file(source) if source else {}
    if not source:
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=allow_scripts)
    if tree:
        _localise_paths(Path(tree))
    if not source:
        return {}
    found = pictures.find_lost(source, tree)
    return {**imported, "pictures": pictures.names(), "notes": [*found, *imported["notes"]]}


def restore_paths(tree: str) -> None:
    """Make absolute paths that lead into a tree those of the submitting machine again."""
    for kind in _KINDS if tree else ():
        for data in getattr(bpy.data, kind, ()):
            if Path(data.filepath).is_relative_to(tree):
                data.filepath = str("/" / Path(data.filepath).relative_to(tree))


def _localise_paths(tree: Path) -> None:
    """Make absolute paths of files lead into the tree, which mirrors the submitting machine's folders."""
    for kind in _KINDS:
        for data in getattr(bpy.data, kind, ()):
            path = Path(data.filepath)
            local = tree / path.relative_to(path.anchor) if path.is_absolute() else path
            if path.is_absolute() and not path.is_relative_to(tree) and local.exists():
                data.filepath = str(local)
                if hasattr(data, "reload"):
                    data.reload()
