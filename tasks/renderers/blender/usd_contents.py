"""What is in a USD scene, and what Blender's importer leaves out of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHAPES = ("Capsule", "Cone", "Cube", "Cylinder", "Plane", "Sphere")
_POINT_LIGHTS = ("CylinderLight", "GeometryLight", "PortalLight")
_NAMED = 3
"""So many are named in a sentence."""


def prims(stage: Any) -> Iterator[Any]:  # noqa: ANN401 - usd-core has no types
    """List the prims that Blender imports: all that can be seen, and what isn't seen itself, such as materials."""
    from pxr import Usd, UsdGeom

    for root in (stage.GetPseudoRoot(), *stage.GetPrototypes()):
        walk = iter(Usd.PrimRange(root))
        for prim in walk:
            imageable = UsdGeom.Imageable(prim)
            if imageable and (_is_hidden(imageable) or imageable.ComputePurpose() in ("guide", "proxy")):
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


def dome(prims: Iterable[Any]) -> str:
    """Return the place of the light that surrounds the scene; empty if there is none."""
    return next((str(prim.GetPath()) for prim in prims if _is_dome(prim)), "")


def _is_dome(prim: Any) -> bool:  # noqa: ANN401
    from pxr import UsdLux

    return bool(prim.IsA(UsdLux.DomeLight) or prim.IsA(UsdLux.DomeLight_1))


def surfaces(prims: Iterable[Any]) -> list[Any]:
    """List the shaders of bound materials that Blender reads: only UsdPreviewSurface."""
    found = (_surface(material) for material in materials(prims).values())
    return [surface for surface in found if surface]


def materials(prims: Iterable[Any]) -> dict[str, Any]:
    """Return the materials that are bound to what is seen, by their places."""
    from pxr import UsdGeom, UsdShade

    bearers = [prim for prim in prims if prim.IsA(UsdGeom.Gprim) or prim.IsA(UsdGeom.Subset) or prim.IsInstance()]
    found = {}
    for prim in bearers:
        binding = UsdShade.MaterialBindingAPI(prim)
        for purpose in ("full", "preview"):  # in Blender's order
            material = binding.ComputeBoundMaterial(purpose)[0]
            if material:
                found[str(material.GetPath())] = material
                break
    return found


def _surface(material: Any) -> Any:  # noqa: ANN401
    shader = material.ComputeSurfaceSource()[0]
    return shader if shader and shader.GetIdAttr().Get() == "UsdPreviewSurface" else None


def notes(stage: Any, prims: Iterable[Any]) -> Iterator[str]:  # noqa: ANN401, ARG001
    """Say what Blender's importer leaves out."""
    yield from ()
