"""The files of a USD scene as it is composed: its layers, value clips and textures."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from system import paths
from tasks.errors import SceneError
from tasks.extras import require
from tasks.renderers.blender import usd_contents
from tasks.renderers.blender.imported_scene import ImportedScene
from tasks.renderers.blender.naming import listed
from tasks.renderers.blender.usd_copies import write_copies
from tasks.renderers.sent_scenes import tree_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_UNOPENED = re.compile(r"Could not (?:open asset|load sublayer) @(.+?)@")
_MESSAGE = re.compile(r"in file \S+ : '(.*?)'\s*(?=Error in|$)", re.DOTALL)
_TILED = "<UDIM>"
_TEXTURED = (
    "diffuseColor", "emissiveColor", "specularColor", "metallic", "roughness", "clearcoat", "clearcoatRoughness",
    "opacity", "ior", "normal",
)  # fmt: skip
"""Inputs of a UsdPreviewSurface whose textures Blender reads."""


def read(scene: Path, folder: Path) -> ImportedScene:
    """Return what a USD scene refers to.

    Parameters
    ----------
    folder
        Holds copies of layers of a sent scene.

    Raises
    ------
    NotInstalled
        When there is no usd-core here.
    SceneError
        When the file, or a layer it is composed of, can't be read.
    """
    require("pxr", "A USD scene")
    tree = tree_of(scene)
    copies = write_copies(scene, tree=tree, folder=folder) if tree or paths.table() else {}
    originals = {copy: layer for layer, copy in copies.items()}
    source = copies.get(scene, scene)
    stage = _open_stage(scene, source)
    prims = list(usd_contents.prims(stage))
    materials = usd_contents.materials(prims)
    names = [*_layers(scene, stage), *_clips(prims), *_textures(scene, prims, materials)]
    files = sorted({originals.get(path, path) for name in names for path in _on_disk(name)})
    return ImportedScene(
        source=source,
        files=tuple(files),
        shown=usd_contents.shown(prims),
        painted=usd_contents.painted(prims),
        dome=next((str(prim.GetPath()) for prim in usd_contents.domes(prims)), ""),
        notes=(*usd_contents.notes(stage, prims, materials), *_notes_on_materialx(files)),
    )


def composed_of(scene: Path, cache: Path) -> list[Path]:
    """Return the layers and value clips that a cache of USD in a scene is composed of. Raises as `read` does."""
    require("pxr", "A scene with a USD cache")
    stage = _open_stage(scene, cache)
    names = (*_layers(scene, stage), *_clips(usd_contents.prims(stage)))
    return sorted({path for name in names for path in _on_disk(name)} - {cache})


def _notes_on_materialx(files: list[Path]) -> Iterator[str]:
    documents = [path.name for path in files if path.suffix.lower() == ".mtlx"]
    if documents:
        yield f"Blender's importer leaves the materials of MaterialX files plain: {listed(documents)}."


def _open_stage(scene: Path, source: Path) -> Any:  # noqa: ANN401 - usd-core has no types
    from pxr import Tf, Usd

    try:
        return Usd.Stage.Open(str(source))
    except Tf.ErrorException as error:
        raise _unreadable(scene, str(error)) from error


def _unreadable(scene: Path, text: str) -> SceneError:
    """Return the error that a layer can't be read, with the first message in USD's own account."""
    messages = [" ".join(message.split()) for message in _MESSAGE.findall(text)] or [" ".join(text.split())]
    placed = [message for message in messages if re.search(r":\d+:\d+: ", message)]  # file, line and column
    return SceneError(
        reason=f"The scene {scene.name} can't be opened: {(placed or messages)[0].rstrip(' .')}.",
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
            path = Path(stage.GetRootLayer().realPath).parent / name
            if path.exists() and path.suffix.lower() != ".mtlx":  # usd-core can't read MaterialX; Blender can
                try:
                    Sdf.Layer.FindOrOpen(str(path))
                except Tf.ErrorException as cause:
                    raise _unreadable(scene, str(cause)) from cause
            yield str(path)


def _clips(prims: Iterable[Any]) -> Iterator[str]:
    from pxr import Usd

    for prim in prims:
        if prim.HasMetadata("clips"):
            clips = Usd.ClipsAPI(prim)
            for name in clips.GetClips():
                manifest = clips.GetClipManifestAssetPath(name)
                for asset in (*clips.ComputeClipAssetPaths(name), *([manifest] if manifest and manifest.path else [])):
                    yield asset.resolvedPath or _anchored(prim.GetPrimStack()[0].layer, asset.path)


def _textures(scene: Path, prims: list[Any], materials: dict[str, Any]) -> Iterator[str]:
    """List the pictures and volumes that Blender reads: of bound materials, of the dome light, and of volumes."""
    from pxr import Usd, UsdVol

    files = [file for surface in usd_contents.surfaces(materials) for file in _of_surface(surface)]
    files += [prim.GetAttribute("inputs:texture:file") for prim in usd_contents.domes(prims)[:1]]
    for file in files:
        if file and file.GetNumTimeSamples() and not file.Get():
            raise _changing(scene, file)
        yield from _named_by(file, [Usd.TimeCode.Default()])
    for prim in prims:
        if prim.IsA(UsdVol.OpenVDBAsset):
            file = UsdVol.OpenVDBAsset(prim).GetFilePathAttr()
            yield from _named_by(file, file.GetTimeSamples() or [Usd.TimeCode.Default()])


def _changing(scene: Path, file: Any) -> SceneError:  # noqa: ANN401
    return SceneError(
        reason=f"In the scene {scene.name}, the picture of {file.GetPrim().GetPath()} changes over time. Blender's "
        "importer doesn't read that: its surface would be magenta.",
        remedy=f"Give {file.GetName()} a value that doesn't change.",
        scene=str(scene),
    )


def _of_surface(surface: Any) -> Iterator[Any]:  # noqa: ANN401
    """List the attributes that name the textures of a surface."""
    for name in _TEXTURED:
        yield from _of_input(surface.GetInput(name))


def _of_input(shader_input: Any) -> Iterator[Any]:  # noqa: ANN401
    """List the attributes that name the textures which a chain of shaders reads into an input."""
    from pxr import UsdShade

    for attribute in shader_input.GetValueProducingAttributes() if shader_input else ():
        shader = UsdShade.Shader(attribute.GetPrim())
        if UsdShade.Utils.GetType(attribute.GetName()) != UsdShade.AttributeType.Output or not shader:
            continue
        if shader.GetIdAttr().Get() == "UsdUVTexture":
            yield from shader.GetInput("file").GetValueProducingAttributes() if shader.GetInput("file") else ()
        else:
            for other in shader.GetInputs():
                yield from _of_input(other)


def _named_by(attribute: Any, times: Iterable[Any]) -> Iterator[str]:  # noqa: ANN401
    """List the files that an attribute names at these times."""
    for time in times:
        asset = attribute.Get(time) if attribute else None
        if asset and asset.path:
            yield asset.resolvedPath or _anchored(attribute.GetPropertyStack(time)[0].layer, asset.path)


def _anchored(layer: Any, name: str) -> str:  # noqa: ANN401
    """Return where a file should be that a layer names."""
    from pxr import Sdf

    # Names without ./ are looked for in search paths as well, and stay as they are where nothing is found.
    return str(Path(layer.realPath).parent / (Sdf.ComputeAssetPathRelativeToLayer(layer, name) or name))


def _on_disk(name: str) -> list[Path]:
    """Return the files that a name stands for: the package that has it in it, or the tiles of a texture."""
    from pxr import Ar

    if Ar.IsPackageRelativePath(name) and not Ar.GetResolver().Resolve(name):
        return [Path(name)]  # the package isn't enough
    path = Path(os.path.normpath(Ar.SplitPackageRelativePathOuter(name)[0]))
    if _TILED not in path.name:
        return [path]
    before, _, after = path.name.partition(_TILED)
    tiles = (each for each in path.parent.glob("*") if each.name.startswith(before) and each.name.endswith(after))
    return sorted(each for each in tiles if each.name[len(before) : len(each.name) - len(after)].isdigit()) or [path]
