"""POV-Ray scenes: those shipped with it, and some of kinds that are missing there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from tests.scenes import picture_file
from tests.scenes.case import Recipes

RECIPES = Recipes("povray")
EXAMPLES = Path("/usr/share/doc/povray/examples")
SIZE = "48x36"
SHIPPED = {
    "advanced/glasschess/glasschess.pov": 1,
    "advanced/landscape.pov": 1,
    "advanced/pawns.pov": 2,
    "advanced/teapot/teapot.pov": 2,
    "advanced/crater/crater.pov": 2,
    "camera/focalblur.pov": 1,
    "camera/mesh_camera/ess/persp-camera.pov": 3,
    "camera/normal.pov": 2,
    "incdemo/circletext.pov": 2,
    "incdemo/metals/golds.pov": 2,
    "incdemo/shapes2.pov": 2,
    "incdemo/sundial.pov": 3,
    "incdemo/woods/bubinga_37.pov": 2,
    "interior/fog_f.pov": 2,
    "interior/media/hollow1.pov": 2,
    "interior/media/media2.pov": 1,
    "language/arrays/array2.pov": 2,
    "language/macros/macro2.pov": 2,
    "language/splinefunction.pov": 2,
    "lights/projected_through.pov": 2,
    "lights/spotlite.pov": 3,
    "objectmods/no_reflection.pov": 2,
    "objects/blob.pov": 3,
    "objects/chesmsh.pov": 2,
    "objects/csg/hfclip.pov": 2,
    "objects/isosurfaces.pov": 2,
    "objects/quartic/helix.pov": 1,
    "textures/normals/slopemap.pov": 2,
    "textures/pigments/matmap.pov": 2,
    "textures/pigments/transmitfx.pov": 2,
}
"""Rays along a pixel's side for each scene."""
LIGHT = "light_source { <-3, 5, -4> rgb 1 }\ncamera { location <0, 1, -4> look_at 0 }\n"
BALL = "sphere { 0, 1 pigment { rgb <0.8, 0.2, 0.1> } }\nplane { y, -1 pigment { checker rgb 1, rgb 0.3 } }\n"


def _ship(name: str, grid: int) -> None:
    def make(folder: Path) -> Path:
        shutil.copytree((EXAMPLES / name).parent, folder / "shipped", symlinks=False)
        return folder / "shipped" / Path(name).name

    make.__name__ = f"shipped_{Path(name).stem.replace('-', '_')}"
    RECIPES.add(
        "shipped", job={"size": SIZE, "samples": grid**2}, direct={"grid": grid}, quick=name.endswith("blob.pov")
    )(make)


if EXAMPLES.is_dir():
    for _name, _grid in SHIPPED.items():
        _ship(_name, _grid)

ONE = {"job": {"size": SIZE, "samples": 4}, "direct": {"grid": 2}}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def picture(path: Path, values: tuple[float, float, float] = (0.1, 0.8, 0.2)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0.3, 1.0, 16, dtype=np.float32)[:, None, None] * np.array(values, np.float32)
    picture_file.write(str(path), np.broadcast_to(ramp, (16, 16, 3)))
    return path


def mapped(name: str) -> str:
    return f'box {{ -1, 1 pigment {{ image_map {{ png "{name}" }} }} }}\n'


@RECIPES.add("image map", sent=True, quick=True, **ONE)
def image_map_beside(folder: Path) -> Path:
    picture(folder / "tex/a.png")
    return write(folder / "scene.pov", LIGHT + mapped("tex/a.png"))


@RECIPES.add("image map", sent=True, **ONE)
def image_map_absolute(folder: Path) -> Path:
    return write(folder / "scene.pov", LIGHT + mapped(str(picture(folder / "else where/a.png"))))


@RECIPES.add("missing file", refused=r"gone\.png", **ONE)
def image_map_gone(folder: Path) -> Path:
    return write(folder / "scene.pov", LIGHT + mapped("gone.png"))


@RECIPES.add("include", command=True, sent=True, **ONE)
def includes_of_includes(folder: Path) -> Path:
    picture(folder / "parts/a.png")
    write(folder / "parts/box.inc", mapped("parts/a.png"))
    write(folder / "all.inc", f'#include "parts/box.inc"\n{BALL}')
    return write(folder / "scene.pov", f'#include "colors.inc"\n#include "all.inc"\n{LIGHT}')


@RECIPES.add("missing file", refused=r"gone\.inc", **ONE)
def include_gone(folder: Path) -> Path:
    return write(folder / "scene.pov", f'#include "gone.inc"\n{LIGHT}{BALL}')


@RECIPES.add("include", sent=True, **ONE)
def include_in_a_branch_that_is_not_taken(folder: Path) -> Path:
    return write(folder / "scene.pov", f'#if (0)\n#include "gone.inc"\n#end\n{LIGHT}{BALL}')


@RECIPES.add("include", sent=True, **ONE)
def include_in_a_comment(folder: Path) -> Path:
    return write(folder / "scene.pov", f'// #include "gone.inc"\n/* #include "also.inc" /* nested */ */\n{LIGHT}{BALL}')


@RECIPES.add("height field", sent=True, **ONE)
def height_field(folder: Path) -> Path:
    picture(folder / "h.png")
    field = 'height_field { png "h.png" smooth translate -0.5 scale <3, 1, 3> pigment { rgb <0.4, 0.7, 0.3> } }\n'
    return write(folder / "scene.pov", LIGHT + field)


@RECIPES.add("font", sent=True, **ONE)
def text_in_a_shipped_font(folder: Path) -> Path:
    text = 'text { ttf "timrom.ttf" "Ab" 0.2, 0 scale 1.6 translate <-1, -0.5, 0> pigment { rgb <1, 0.6, 0> } }\n'
    return write(folder / "scene.pov", LIGHT + text)


@RECIPES.add("computed name", sent=True, said="|", **ONE)
def computed_name(folder: Path) -> Path:
    picture(folder / "map3.png")
    return write(
        folder / "scene.pov",
        LIGHT + 'box { -1, 1 pigment { image_map { png concat("map", str(3, 0, 0), ".png") } } }\n',
    )


@RECIPES.add("odd names", sent=True, **ONE)
def odd_names(folder: Path) -> Path:
    picture(folder / "Bild ü 100%.png")
    return write(folder / "Szene ü #1 'q'.pov", LIGHT + mapped("Bild ü 100%.png"))


@RECIPES.add("data file", sent=True, **ONE)
def reads_a_data_file(folder: Path) -> Path:
    write(folder / "points.txt", "-1.2, 0, 1.2\n")
    read = '#fopen F "points.txt" read\n#read (F, A, B, C)\n#fclose F\nsphere { <A, B, C>, 0.8 pigment { rgb 1 } }\n'
    return write(folder / "scene.pov", LIGHT + read)


@RECIPES.add("data file", spare=("out.txt",), **ONE)
def writes_a_data_file(folder: Path) -> Path:
    text = '#fopen F "out.txt" write\n#write (F, "x")\n#fclose F\n'
    return write(folder / "scene.pov", text + LIGHT + BALL)


@RECIPES.add("whole frames", said="adiosity", job={"size": SIZE, "samples": 1}, direct={"grid": 1})
def radiosity(folder: Path) -> Path:
    return write(folder / "scene.pov", "global_settings { radiosity { count 20 } }\n" + LIGHT + BALL)


@RECIPES.add("photons", said="photons", job={"size": SIZE, "samples": 1}, direct={"grid": 1})
def photons(folder: Path) -> Path:
    glass = "sphere { 0, 1 pigment { rgbt 1 } interior { ior 1.5 } photons { target refraction on } }\n"
    floor = "plane { y, -1 pigment { rgb 0.8 } }\n"
    return write(folder / "scene.pov", "global_settings { photons { count 2000 } }\n" + LIGHT + glass + floor)


@RECIPES.add("area light", **ONE)
def area_light(folder: Path) -> Path:
    lamp = "light_source { <2, 5, -4> rgb 1 area_light <2, 0, 0>, <0, 0, 2>, 4, 4 adaptive 1 }\n"
    return write(folder / "scene.pov", lamp + LIGHT.split("\n")[1] + "\n" + BALL)


def animated(folder: Path, options: str) -> Path:
    write(folder / "turn.pov", LIGHT + "box { -0.7, 0.7 rotate y * 90 * clock pigment { rgb <0.2, 0.4, 1> } }\n")
    return write(folder / "turn.ini", f"Input_File_Name=turn.pov\nWidth=48\nHeight=36\n{options}")


@RECIPES.add("animation", sent=True, frames=(1, 2, 3), direct={"options": []})
def ini_with_frames(folder: Path) -> Path:
    return animated(folder, "Initial_Frame=1\nFinal_Frame=3\nInitial_Clock=0\nFinal_Clock=1\nAntialias=off\n")


@RECIPES.add("animation", job={"frames": "2"}, frames=(2,))
def cyclic_ini(folder: Path) -> Path:
    return animated(folder, "Initial_Frame=1\nFinal_Frame=4\nCyclic_Animation=on\nAntialias=off\n")


@RECIPES.add("alpha", frames=(1,))
def ini_with_alpha(folder: Path) -> Path:
    write(folder / "ball.pov", LIGHT + "sphere { 0, 1 pigment { rgb <1, 0.5, 0> } }\n")
    return write(folder / "ball.ini", "Input_File_Name=ball.pov\nWidth=48\nHeight=36\nOutput_Alpha=on\nAntialias=off\n")


@RECIPES.add("library path", sent=True, frames=(1,))
def ini_with_a_library(folder: Path) -> Path:
    write(folder / "lib/ball.inc", BALL)
    write(folder / "scene.pov", f'#include "ball.inc"\n{LIGHT}')
    return write(
        folder / "scene.ini", "Input_File_Name=scene.pov\nWidth=48\nHeight=36\nLibrary_Path=lib\nAntialias=off\n"
    )


@RECIPES.add("version", **ONE)
def old_language_version(folder: Path) -> Path:
    return write(folder / "scene.pov", f"#version 3.1;\n{LIGHT}{BALL}")


@RECIPES.add(
    "parameter",
    job={"size": SIZE, "samples": 4, "parameters": "Lift=0.7"},
    direct={"grid": 2, "options": ["Declare=Lift=0.7"]},
)
def declared_value(folder: Path) -> Path:
    return write(
        folder / "scene.pov",
        f"#ifndef (Lift) #declare Lift = 0; #end\n{LIGHT}sphere {{ <0, Lift, 0>, 1 pigment {{ rgb 1 }} }}\n",
    )


@RECIPES.add("size", job={"size": "17x61", "samples": 1}, direct={"grid": 1})
def odd_size(folder: Path) -> Path:
    return write(folder / "scene.pov", LIGHT + BALL)


@RECIPES.add("focal blur", **ONE)
def focal_blur(folder: Path) -> Path:
    lens = "camera { location <0, 1, -4> look_at 0 aperture 0.4 blur_samples 12 focal_point <0, 0, 0> }\n"
    return write(folder / "scene.pov", LIGHT.split("\n", maxsplit=1)[0] + "\n" + lens + BALL)


@RECIPES.add("line ends", sent=True, **ONE)
def windows_line_ends(folder: Path) -> Path:
    picture(folder / "tex/a.png")
    path = folder / "scene.pov"
    path.write_bytes((LIGHT + mapped("tex/a.png")).replace("\n", "\r\n").encode())
    return path


@RECIPES.add("subfolder", sent=True, **ONE)
def image_in_a_folder_above(folder: Path) -> Path:
    picture(folder / "tex/a.png")
    return write(folder / "shots/scene.pov", LIGHT + mapped("../tex/a.png"))
