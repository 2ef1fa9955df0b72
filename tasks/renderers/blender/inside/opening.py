"""Opens scene files: Blender's own, and those that it imports."""

from __future__ import annotations

from typing import Any

import bpy

from system import paths

from . import importing, pictures, sent_paths


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
    if tree or paths.table():
        sent_paths.lead_here(tree)
    if not source:
        return {}
    found = pictures.find_lost(source, tree)
    return {**imported, "pictures": pictures.names(), "notes": [*found, *imported["notes"]]}
