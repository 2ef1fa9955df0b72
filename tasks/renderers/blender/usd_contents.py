"""What is in a USD scene, and what Blender's importer leaves out of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tasks.renderers.blender.naming import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_POINT_LIGHTS = ("CylinderLight", "GeometryLight", "PortalLight")
_SHAPES = ("Capsule", "Cone", "Cube", "Cylinder", "Plane", "Sphere")
_SIZES = ("size", "radius", "height", "width", "length")
_OTHER_DOMES = ("mirroredBall", "angular")
_UNSEEN = ("guide", "proxy")
"""Purposes that aren't rendered."""


def prims(stage: Any) -> Iterator[Any]:  # noqa: ANN401 - usd-core has no types
    """List the prims that Blender imports: all that can be seen, and what isn't seen itself, such as materials."""
    from pxr import Usd, UsdGeom

    for root in (stage.GetPseudoRoot(), *stage.GetPrototypes()):
        walk = iter(Usd.PrimRange(root))
        for prim in walk:
            imageable = UsdGeom.Imageable(prim)
            if imageable and (_is_hidden(imageable) or imageable.ComputePurpose() in _UNSEEN):
                walk.PruneChildren()
                continue
            yield prim


def _is_hidden(imageable: Any) -> bool:  # noqa: ANN401
    attribute = imageable.GetVisibilityAttr()
    return attribute.Get() == "invisible" and not attribute.ValueMightBeTimeVarying()


def shown(prims: Iterable[Any]) -> Counter[str]:
    """Return how many prims of each name should be seen or give light."""
    from pxr import UsdGeom, UsdLux

    return Counter(
        prim.GetName()
        for prim in prims
        if (prim.IsA(UsdGeom.Gprim) or prim.HasAPI(UsdLux.LightAPI)) and not _is_dome(prim)
    )


def painted(prims: Iterable[Any]) -> Counter[str]:
    """Return how many prims of each name have a material."""
    from pxr import UsdGeom

    return Counter(prim.GetName() for prim in prims if prim.IsA(UsdGeom.Gprim) and _bound_material(prim))


def domes(prims: Iterable[Any]) -> list[Any]:
    """List the lights that surround the scene."""
    return [prim for prim in prims if _is_dome(prim)]


def _is_dome(prim: Any) -> bool:  # noqa: ANN401
    from pxr import UsdLux

    return bool(prim.IsA(UsdLux.DomeLight) or prim.IsA(UsdLux.DomeLight_1))


def surfaces(materials: Mapping[str, Any]) -> list[Any]:
    """List the shaders of materials that Blender reads: only UsdPreviewSurface."""
    found = (_surface(material) for material in materials.values())
    return [surface for surface in found if surface]


def materials(prims: Iterable[Any]) -> dict[str, Any]:
    """Return the materials that Blender reads, by their places: those of meshes."""
    from pxr import UsdGeom

    bearers = (prim for prim in prims if prim.IsA(UsdGeom.Mesh) or prim.IsA(UsdGeom.Subset) or prim.IsInstance())
    bound = (_bound_material(prim) for prim in bearers)
    return {str(material.GetPath()): material for material in bound if material}


def _bound_material(prim: Any) -> Any:  # noqa: ANN401
    from pxr import UsdShade

    binding = UsdShade.MaterialBindingAPI(prim)
    found = (binding.ComputeBoundMaterial(purpose)[0] for purpose in ("full", "preview"))  # in Blender's order
    return next((material for material in found if material), None)


def _surface(material: Any) -> Any:  # noqa: ANN401
    shader = material.ComputeSurfaceSource()[0]
    return shader if shader and shader.GetIdAttr().Get() == "UsdPreviewSurface" else None


def notes(stage: Any, prims: Iterable[Any], materials: Mapping[str, Any]) -> Iterator[str]:  # noqa: ANN401
    """Say what Blender's importer renders differently than the scene asks, beyond what it leaves out."""
    from pxr import UsdGeom, UsdLux

    lights = [prim for prim in prims if prim.HasAPI(UsdLux.LightAPI)]
    rules = {
        "Blender's importer converts UsdPreviewSurface only, and leaves other materials plain: {}.": [
            material.GetPrim() for material in materials.values() if not _surface(material)
        ],
        "Blender's importer doesn't animate visibility; always seen: {}.": [
            prim for prim in prims if UsdGeom.Imageable(prim) and _blinks(prim)
        ],
        "Blender's importer doesn't animate lights, materials and the sizes of shapes: {}.": [
            prim for prim in prims if _changes_in_place(prim)
        ],
        "Blender's importer leaves out render settings: {}.": [
            prim for prim in prims if prim.GetTypeName() == "RenderSettings"
        ],
        "Blender's importer makes points of the lights: {}.": [
            prim for prim in lights if prim.GetTypeName() in _POINT_LIGHTS
        ],
        "Blender's importer leaves out the light of surfaces: {}.": [
            prim for prim in lights if prim.IsA(UsdGeom.Gprim)
        ],
        "Blender's importer leaves out the pictures and profiles of lights: {}.": [
            prim for prim in lights if not _is_dome(prim) and _names_file(prim)
        ],
        "Blender's importer reads one dome light, and leaves out others: {}.": domes(prims)[1:],
        "Blender's importer takes the dome's picture for one in latitude and longitude: {}.": [
            prim for prim in domes(prims)[:1] if prim.GetAttribute("inputs:texture:format").Get() in _OTHER_DOMES
        ],
        "What is there for viewports only, of the purposes guide and proxy, is left out: {}.": _for_viewports(stage),
    }
    for sentence, those in rules.items():
        if those:
            yield sentence.format(listed([prim.GetName() for prim in those]))


def _blinks(prim: Any) -> bool:  # noqa: ANN401
    from pxr import UsdGeom

    return bool(UsdGeom.Imageable(prim).GetVisibilityAttr().ValueMightBeTimeVarying())


def _changes_in_place(prim: Any) -> bool:  # noqa: ANN401
    """Whether a light, a shader or a shape changes over time in what Blender reads once."""
    from pxr import UsdLux, UsdShade

    if prim.GetTypeName() in _SHAPES:
        attributes = [prim.GetAttribute(name) for name in _SIZES if prim.HasAttribute(name)]
    elif prim.HasAPI(UsdLux.LightAPI) or prim.IsA(UsdShade.Shader):
        attributes = [each for each in prim.GetAuthoredAttributes() if each.GetName().startswith("inputs:")]
    else:
        return False
    return any(attribute.ValueMightBeTimeVarying() for attribute in attributes)


def _names_file(light: Any) -> bool:  # noqa: ANN401
    attributes = (light.GetAttribute(name) for name in ("inputs:texture:file", "inputs:shaping:ies:file"))
    return any(attribute and attribute.Get() for attribute in attributes)


def _for_viewports(stage: Any) -> list[Any]:  # noqa: ANN401
    from pxr import UsdGeom

    found = []
    walk = iter(stage.Traverse())
    for prim in walk:
        imageable = UsdGeom.Imageable(prim)
        hidden = imageable and _is_hidden(imageable)
        if hidden or (imageable and imageable.ComputePurpose() in _UNSEEN):
            found += [] if hidden else [prim]
            walk.PruneChildren()
    return found
