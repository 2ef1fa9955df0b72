"""Copies of a USD scene's layers: their absolute paths lead to where its files are on this machine."""

from __future__ import annotations

import ntpath
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from system import paths
from tasks.renderers.sent_scenes import local_path, place_of_copy

if TYPE_CHECKING:
    from collections.abc import Callable

_LAYERS = (".usd", ".usda", ".usdc")
_PATTERN = re.compile("<UDIM>|#")
"""Of names that stand for several files: tiles and value clips."""


def write_copies(scene: Path, *, tree: Path | None, folder: Path) -> dict[Path, Path]:
    """Copy the layers that name files by absolute paths, and those that lead to them; returns where each copy is.

    Parameters
    ----------
    scene
        The scene file.
    tree
        The folder that mirrors the submitting machine's, if the scene was sent.
    folder
        Holds the copies.
    """
    names: dict[Path, dict[str, Path]] = {}
    _collect(scene, scene, names)
    copied = {layer for layer, named in names.items() if any(_is_elsewhere(name, path) for name, path in named.items())}
    while leading := {each for each, named in names.items() if copied & {*named.values()}} - copied:
        copied |= leading
    copies = {
        layer: place_of_copy(layer, tree=tree, folder=folder)
        for layer in copied
        if tree is None or layer.is_relative_to(tree)
    }
    for copy in copies.values():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    for layer, copy in copies.items():
        _write(layer, copy, {name: copies.get(path, path) for name, path in names[layer].items()})
    return copies


def _is_elsewhere(name: str, path: Path) -> bool:
    return paths.absolute_of(name) is not None and Path(name) != path


def _collect(layer: Path, scene: Path, names: dict[Path, dict[str, Path]]) -> None:
    """Note what each name in a layer, and in those it is composed of, leads to here."""
    if layer in names or layer.suffix.lower() not in _LAYERS or not layer.exists():
        return
    named = names[layer] = {}

    def note(name: str) -> str:
        folder, file = ntpath.split(name)  # by either slash
        here = f"{local_path(folder, scene=scene)}/{file}" if folder else file  # the name may be a pattern
        named[name] = Path(os.path.normpath(layer.parent / here))
        return name

    _modify(layer, note)
    for path in named.values():
        _collect(path, scene, names)


def _write(layer: Path, copy: Path, paths: dict[str, Path]) -> None:
    """Write a copy of a layer with these paths for its names; names that lead nowhere stay as they are."""

    def place(name: str) -> str:
        path = paths[name]
        return str(path) if path.exists() or _PATTERN.search(path.name) else name

    _modify(layer, place).Export(str(copy))


def _modify(layer: Path, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - usd-core has no types
    """Return a copy of a layer in memory with its names of files changed."""
    from pxr import Sdf, UsdUtils

    copy = Sdf.Layer.OpenAsAnonymous(str(layer))
    UsdUtils.ModifyAssetPaths(copy, change)
    return copy
