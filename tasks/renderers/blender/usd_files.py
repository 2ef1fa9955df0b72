"""The files of a USD scene as it is composed: its layers, value clips and textures."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import SceneError
from tasks.extras import require
from tasks.renderers.blender import usd_contents
from tasks.renderers.blender.imported_scene import ImportedScene

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_UNOPENED = re.compile(r"Could not (?:open asset|load sublayer) @(.+?)@")
_TILED = "<UDIM>"
_TEXTURED = (
    "diffuseColor", "emissiveColor", "specularColor", "metallic", "roughness", "clearcoat", "clearcoatRoughness",
    "opacity", "ior", "normal",
)  # fmt: skip
"""Inputs of a UsdPreviewSurface whose textures Blender reads."""


def read(scene: Path, source: Path) -> ImportedScene:
    """Return what a USD scene refers to.

    Parameters
    ----------
    scene
        The scene file.
    source
        The file to open: the scene or a copy.

    Raises
    ------
    NotInstalled
        When there is no usd-core here.
    SceneError
        When the file, or a layer it is composed of, can't be read.
    """
    require("pxr", "A USD scene")
    stage = _open_stage(scene, source)
    prims = list(usd_contents.prims(stage))
    names = [*_layers(scene, stage), *_clips(prims), *_textures(prims)]
    return ImportedScene(
        source=source,
        files=tuple(dict.fromkeys(path for name in names for path in _on_disk(name))),
        shown=usd_contents.shown(prims),
        dome=usd_contents.dome(prims),
        notes=tuple(usd_contents.notes(stage, prims)),
    )


def _open_stage(scene: Path, source: Path) -> Any:  # noqa: ANN401 - usd-core has no types
    from pxr import Tf, Usd

    try:
        return Usd.Stage.Open(str(source))
    except Tf.ErrorException as error:
        raise _unreadable(scene, str(error)) from error


def _unreadable(scene: Path, text: str) -> SceneError:
    """Return the error that a layer can't be read, with the first message in USD's own account."""
    said = re.search(r"' : '(.+?)'?\s*(?:\n|$)", text)
    return SceneError(
        reason=f"The scene {scene.name} can't be opened: {said[1] if said else ' '.join(text.split())}.",
        remedy="Correct that file, or export it again: usdchecker tells what is wrong in it.",
        scene=str(scene),
    )


def _layers(scene: Path, stage: Any) -> Iterator[str]:  # noqa: ANN401
    """List the layers that the stage is composed of, and those that it lacks."""
    from pxr import Sdf, Tf

    for layer in stage.GetUsedLayers():
        if not layer.anonymous:
            yield layer.realPath or layer.identifier
    for error in stage.GetCompositionErrors():
        for name in _UNOPENED.findall(str(error)):
            path = Path(name)
            if path.exists() and path.suffix.lower() != ".mtlx":  # usd-core can't read MaterialX; Blender can
                try:
                    Sdf.Layer.FindOrOpen(name)
                except Tf.ErrorException as cause:
                    raise _unreadable(scene, str(cause)) from error
            yield name


def _clips(prims: Iterable[Any]) -> Iterator[str]:
    from pxr import Usd

    for prim in prims:
        if prim.HasMetadata("clips"):
            clips = Usd.ClipsAPI(prim)
            for name in clips.GetClips():
                manifest = clips.GetClipManifestAssetPath(name)
                for asset in (*clips.ComputeClipAssetPaths(name), *([manifest] if manifest and manifest.path else [])):
                    yield asset.resolvedPath or _anchored(prim.GetPrimStack()[0].layer, asset.path)


def _textures(prims: Iterable[Any]) -> Iterator[str]:
    """List the pictures and volumes that Blender reads: of bound materials, of dome lights, and of volumes."""
    from pxr import UsdLux, UsdVol

    for surface in usd_contents.surfaces(prims):
        for name in _TEXTURED:
            yield from _of_input(surface.GetInput(name))
    for prim in prims:
        if prim.IsA(UsdLux.DomeLight) or prim.IsA(UsdLux.DomeLight_1):
            yield from _named_by(prim.GetAttribute("inputs:texture:file"))
        if prim.IsA(UsdVol.OpenVDBAsset):
            yield from _named_by(UsdVol.OpenVDBAsset(prim).GetFilePathAttr(), every_time=True)


def _of_input(shader_input: Any) -> Iterator[str]:  # noqa: ANN401
    """List the textures that a chain of shaders reads into an input."""
    from pxr import UsdShade

    if not shader_input:
        return
    for attribute in shader_input.GetValueProducingAttributes():
        shader = UsdShade.Shader(attribute.GetPrim())
        if UsdShade.Utils.GetType(attribute.GetName()) != UsdShade.AttributeType.Output or not shader:
            continue
        if shader.GetIdAttr().Get() == "UsdUVTexture":
            file = shader.GetInput("file")
            for source in file.GetValueProducingAttributes() if file else ():
                yield from _named_by(source)
        else:
            for other in shader.GetInputs():
                yield from _of_input(other)


def _named_by(attribute: Any, *, every_time: bool = False) -> Iterator[str]:  # noqa: ANN401
    """List the files that an attribute names: its default, or those of all times."""
    from pxr import Usd

    times = attribute.GetTimeSamples() if attribute and every_time else []
    for time in times or [Usd.TimeCode.Default()]:
        asset = attribute.Get(time) if attribute else None
        if asset and asset.path:
            yield asset.resolvedPath or _anchored(attribute.GetPropertyStack(time)[0].layer, asset.path)


def _anchored(layer: Any, name: str) -> str:  # noqa: ANN401
    """Return where a file should be that a layer names."""
    from pxr import Sdf

    return str(Sdf.ComputeAssetPathRelativeToLayer(layer, name) or name)


def _on_disk(name: str) -> list[Path]:
    """Return the files that a name stands for: the package that has it in it, or the tiles of a texture."""
    from pxr import Ar

    path = Path(os.path.normpath(Ar.SplitPackageRelativePathOuter(name)[0]))
    if _TILED not in path.name:
        return [path]
    before, _, after = path.name.partition(_TILED)
    tiles = (each for each in path.parent.glob("*") if each.name.startswith(before) and each.name.endswith(after))
    return sorted(each for each in tiles if each.name[len(before) : len(each.name) - len(after)].isdigit()) or [path]
