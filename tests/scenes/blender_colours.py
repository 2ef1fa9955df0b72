"""Blender scenes with settings of colour management: the PNG must be Blender's own. Runs inside Blender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from tests.scenes.blender_stage import ball, cube, glow, plane, save, studio, surface
from tests.scenes.case import Recipes

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = Recipes("blender")
VIEWS: dict[str, dict[str, Any]] = {
    "standard": {"view_transform": "Standard"},
    "agx_brighter": {"view_transform": "AgX", "exposure": 1.0},
    "agx_punchy": {"view_transform": "AgX", "look": "AgX - Punchy"},
    "filmic": {"view_transform": "Filmic"},
    "filmic_contrast": {"view_transform": "Filmic", "look": "High Contrast"},
    "false_colour": {"view_transform": "False Color"},
    "raw": {"view_transform": "Raw"},
    "khronos": {"view_transform": "Khronos PBR Neutral"},
    "gamma": {"view_transform": "Standard", "gamma": 1.6},
    "white_balance": {"view_transform": "Standard", "use_white_balance": True, "white_balance_temperature": 4000.0},
    "curves": {"view_transform": "Standard", "use_curve_mapping": True},
    "p3": {"view_transform": "Standard", "display": "Display P3"},
    "no_dither": {"view_transform": "AgX", "dither": 0.0},
}


def colourful(scene: Any) -> None:
    """Colours and brightnesses from dark to far above one."""
    plane(scene, surface("Grey", Base_Color=(0.4, 0.4, 0.42, 1)))
    cube(scene, glow((0.9, 0.3, 0.05), strength=2.0), size=1, at=(-1.5, 0, 0))
    ball(scene, surface("Blue", Base_Color=(0.05, 0.1, 0.9, 1)), size=1.2)
    cube(scene, glow((0.1, 0.8, 0.2), strength=0.3), size=1, at=(1.5, 0, 0))


def coloured(folder: Path, settings: dict[str, Any]) -> Path:
    scene = studio()
    colourful(scene)
    for name, value in settings.items():
        if name == "display":
            scene.display_settings.display_device = value
        elif name == "dither":
            scene.render.dither_intensity = value
        else:
            setattr(scene.view_settings, name, value)
    if settings.get("use_curve_mapping"):
        curve = scene.view_settings.curve_mapping.curves[3]
        curve.points.new(0.3, 0.6)
        scene.view_settings.curve_mapping.update()
    return save(folder / "shot.blend")


def _add(name: str, settings: dict[str, Any]) -> None:
    def make(folder: Path) -> Path:
        return coloured(folder, settings)

    make.__name__ = f"view_{name}"
    RECIPES.add("view transform", quick=name in ("standard", "agx_brighter"))(make)


for _name, _settings in VIEWS.items():
    _add(_name, _settings)


def working_space(folder: Path, space: str) -> Path:
    scene = studio()
    bpy.ops.wm.set_working_color_space(working_space=space)
    cube(scene, glow((0.2, 0.6, 0.2)))
    return save(folder / "shot.blend")


@RECIPES.add("working space", said="|")
def rec2020(folder: Path) -> Path:
    return working_space(folder, "Linear Rec.2020")


@RECIPES.add("working space", said="|")
def acescg(folder: Path) -> Path:
    return working_space(folder, "ACEScg")
