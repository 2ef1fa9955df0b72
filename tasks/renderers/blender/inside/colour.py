"""A scene's colour management, as plain values that can be applied without Blender."""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Color, Matrix, Vector

NEW = bpy.app.version >= (5, 0)
REC709 = "lin_rec709_scene"
BASIS = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
BRADFORD = Matrix(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))
"""From XYZ to the response of the eye's cones: Lam, 1985."""
SPACES = {
    "Linear Rec.709": REC709,
    "scene_linear": REC709,  # the role, before Blender 5: there was no other
    "Linear Rec.2020": "lin_rec2020_scene",
    "ACEScg": "lin_ap1_scene",
}
HDR = "Rec.2100"
"""How displays of high dynamic range begin, for which there are no PNG files."""
STEPS = 256
"""Of the tables in which Blender keeps curves."""
FAR = 1e4
"""Curves are straight beyond their tables: this far away is another point."""


def view_of(scene: Any) -> dict[str, Any]:
    """Return the colour management of a scene, with the names and units of `storage.scene_view.SceneView`."""
    files, space = scene.render.image_settings, working_space()
    owner = files if getattr(files, "color_management", "") == "OVERRIDE" else scene
    settings, display = owner.view_settings, owner.display_settings.display_device
    return {
        "space": space,
        "interop_id": SPACES.get(space, ""),
        "to_rec709": () if SPACES.get(space) == REC709 else _values(_matrix("from_scene_linear_to_rec709_linear")),
        "display": "" if display.startswith(HDR) else display,
        "view": settings.view_transform,
        "look": "" if settings.look == "None" else settings.look,
        "exposure_stops": settings.exposure,
        "gamma": settings.gamma,
        "balance": _values(_balance(settings)) if getattr(settings, "use_white_balance", False) else (),
        "curves": _curves(settings.curve_mapping) if settings.use_curve_mapping else None,
        "dither": scene.render.dither_intensity,
        "dither_by_sines": not NEW,
    }


def working_space() -> str:
    """Return the colour space of the open file's light."""
    return bpy.data.colorspace.working_space if hasattr(bpy.data, "colorspace") else "scene_linear"


def _matrix(conversion: str) -> Matrix:
    """Return the matrix of a conversion of colours."""
    return Matrix([getattr(Color(unit), conversion)() for unit in BASIS]).transposed()


def _balance(settings: Any) -> Matrix:
    """Return the matrix that makes the chosen white the white of the working space: Bradford's adaptation."""
    to_xyz = _matrix("from_scene_linear_to_xyz_d65")
    seen, wanted = (
        BRADFORD @ (xyz / xyz.y)
        for xyz in (to_xyz @ Vector(settings.white_balance_whitepoint), to_xyz @ Vector((1.0, 1.0, 1.0)))
    )
    scale = Matrix.Diagonal([wanted[i] / seen[i] for i in range(3)])
    return to_xyz.inverted() @ BRADFORD.inverted() @ scale @ BRADFORD @ to_xyz


def _values(matrix: Matrix) -> tuple[float, ...]:
    return tuple(value for row in matrix for value in row)


def _curves(mapping: Any) -> dict[str, Any]:
    """Return tone curves, the combined one included."""
    mapping.initialize()
    combined = mapping.curves[3]
    keeps_hue = mapping.tone == "FILMLIKE"
    alone = keeps_hue and NEW
    channels = [combined] * 3 if alone else mapping.curves[:3]
    return {
        "points": tuple(_points(mapping, each, None if alone else combined) for each in channels),
        "black": tuple(mapping.black_level),
        "white": tuple(mapping.white_level),
        "keeps_hue": keeps_hue,
    }


def _points(mapping: Any, curve: Any, combined: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return x and y of the points of a curve, after which the combined one is applied, as Blender tabulates them."""
    low = min(mapping.clip_min_x, curve.points[0].location[0])
    high = max(mapping.clip_max_x, curve.points[-1].location[0])

    def at(x: float) -> float:
        y: float = mapping.evaluate(curve, x)
        return y if combined is None else mapping.evaluate(combined, y)

    def slope(each: Any, x: float, step: float) -> float:
        return 1.0 if each is None else (mapping.evaluate(each, x + step) - mapping.evaluate(each, x)) / step

    xs = [low + (high - low) * step / STEPS for step in range(STEPS + 1)]
    ys = [at(x) for x in xs]
    first = ys[0] - FAR * slope(curve, low, -1.0) * slope(combined, mapping.clip_min_x, -1.0)
    last = ys[-1] + FAR * slope(curve, high, 1.0) * slope(combined, mapping.clip_max_x, 1.0)
    return (low - FAR, *xs, high + FAR), (first, *ys, last)
