"""Mitsuba scenes with plug-ins of all kinds: a frame of sensor, light and shapes with one part exchanged.

One file over 300 lines: it is a list of scenes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.scenes import picture_file
from tests.scenes.case import Recipes

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = Recipes("mitsuba")
SAMPLES = 64
ONE: dict[str, Any] = {"job": {"samples": SAMPLES}, "direct": {"seeds": 6}}
PATH = '<integrator type="path"/>'
LENS = '<float name="fov" value="40"/>'
LOOK = '<transform name="to_world"><lookat origin="0,1.5,5" target="0,0,0" up="0,1,0"/></transform>'
FILTER = '<rfilter type="box"/>'
LAMP = """<emitter type="area" id="lamp"><rgb name="radiance" value="9,8,7"/></emitter>"""
SKY = '<emitter type="constant"><rgb name="radiance" value="0.3,0.35,0.5"/></emitter>'
GREY = '<bsdf type="diffuse"><rgb name="reflectance" value="0.6,0.6,0.6"/></bsdf>'


def film(content: str = "", kind: str = "hdrfilm", rfilter: str = FILTER) -> str:
    size = '<integer name="width" value="48"/><integer name="height" value="36"/>'
    return f'<film type="{kind}">{size}{content}{rfilter}</film>'


def sensor(
    content: str = LENS, kind: str = "perspective", *, film: str = film(), sampler: str = "", look: str = LOOK
) -> str:
    return f'<sensor type="{kind}">{content}{look}{film}{sampler}</sensor>'


def ball(bsdf: str = GREY, kind: str = "sphere", content: str = "") -> str:
    return f'<shape type="{kind}">{content}{bsdf}</shape>'


FLOOR = f'<shape type="rectangle"><transform name="to_world"><scale value="5"/><rotate x="1" angle="-90"/><translate y="-1"/></transform>{GREY}</shape>'
LIT = f'<shape type="rectangle"><transform name="to_world"><rotate x="1" angle="90"/><translate y="4"/></transform>{LAMP}</shape>'


def scene(folder: Path, *parts: str, integrator: str = PATH, camera: str = "", name: str = "scene.xml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join([integrator, camera or sensor(), *(parts or (ball(), FLOOR, LIT, SKY))])
    path.write_text(f'<scene version="3.0.0">\n{body}\n</scene>\n')
    return path


def picture(path: Path, *, bright: float = 1.0) -> Path:
    """Write a picture of stripes: PNG, EXR or HDR by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((16, 32, 3), np.float32)
    pixels[..., 0] = np.linspace(0.1, 1, 32)
    pixels[::4, :, 1] = 0.8
    pixels[..., 2] = 0.3
    picture_file.write(str(path), pixels * np.float32(bright))
    return path


def _add_all(
    prefix: str, kind: str, variants: dict[str, tuple[tuple[str, ...], dict[str, Any]]], **fields: Any
) -> None:
    """Add a case for each variant: the parts of its scene, and other arguments of `scene`."""
    for name, (parts, arguments) in variants.items():

        def make(folder: Path, parts: tuple[str, ...] = parts, arguments: dict[str, Any] = arguments) -> Path:
            return scene(folder, *parts, **arguments)

        make.__name__ = f"{prefix}_{name}"
        RECIPES.add(kind, **ONE | fields)(make)


def _on_ball(bsdf: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    return (ball(bsdf), FLOOR, LIT, SKY), {}


_add_all("bsdf", "BSDF", {
    "dielectric": _on_ball('<bsdf type="dielectric"/>'),
    "roughdielectric": _on_ball('<bsdf type="roughdielectric"><float name="alpha" value="0.2"/></bsdf>'),
    "thindielectric": _on_ball('<bsdf type="thindielectric"/>'),
    "conductor": _on_ball('<bsdf type="conductor"><string name="material" value="Au"/></bsdf>'),
    "roughconductor": _on_ball('<bsdf type="roughconductor"><string name="material" value="Al"/></bsdf>'),
    "plastic": _on_ball('<bsdf type="plastic"/>'),
    "roughplastic": _on_ball('<bsdf type="roughplastic"/>'),
    "principled": _on_ball('<bsdf type="principled"><float name="roughness" value="0.3"/></bsdf>'),
    "twosided": _on_ball(f'<bsdf type="twosided">{GREY}</bsdf>'),
    "mask": _on_ball(f'<bsdf type="mask"><float name="opacity" value="0.5"/>{GREY}</bsdf>'),
    "blend": _on_ball(f'<bsdf type="blendbsdf"><float name="weight" value="0.4"/>{GREY}<bsdf type="plastic"/></bsdf>'),
    "checkerboard": _on_ball('<bsdf type="diffuse"><texture name="reflectance" type="checkerboard"/></bsdf>'),
})  # fmt: skip
_add_all("light", "emitter", {
    "point": ((ball(), FLOOR, '<emitter type="point"><point name="position" value="2,3,2"/><rgb name="intensity" value="20,18,16"/></emitter>'), {}),
    "spot": ((ball(), FLOOR, '<emitter type="spot"><transform name="to_world"><lookat origin="0,4,2" target="0,0,0" up="0,1,0"/></transform><rgb name="intensity" value="60,60,60"/></emitter>'), {}),
    "directional": ((ball(), FLOOR, '<emitter type="directional"><vector name="direction" value="1,-2,-1"/></emitter>'), {}),
    "sunsky": ((ball(), FLOOR, '<emitter type="sunsky"><float name="sun_scale" value="0.1"/></emitter>'), {}),
    "none_but_sky": ((ball(), FLOOR, SKY), {}),
})  # fmt: skip
_add_all("camera", "sensor", {
    "thinlens": ((), {"camera": sensor(LENS + '<float name="aperture_radius" value="0.3"/><float name="focus_distance" value="5"/>', "thinlens")}),
    "orthographic": ((), {"camera": sensor("", "orthographic", look='<transform name="to_world"><scale x="3" y="3"/><lookat origin="0,1.5,5" target="0,0,0" up="0,1,0"/></transform>')}),
    "narrow": ((), {"camera": sensor('<float name="fov" value="20"/><string name="fov_axis" value="y"/><float name="principal_point_offset_x" value="0.2"/>')}),
})  # fmt: skip
_add_all("film", "film", {
    "gaussian": ((), {"camera": sensor(film=film(rfilter=""))}),
    "mitchell": ((), {"camera": sensor(film=film(rfilter='<rfilter type="mitchell"/>'))}),
    "rgb": ((ball(), SKY), {"camera": sensor(film=film('<string name="pixel_format" value="rgb"/>'))}),
    "luminance": ((), {"camera": sensor(film=film('<string name="pixel_format" value="luminance"/>'))}),
    "half": ((), {"camera": sensor(film=film('<string name="component_format" value="float16"/>'))}),
})  # fmt: skip
_add_all("integrator", "integrator", {
    "direct": ((), {"integrator": '<integrator type="direct"/>'}),
    "short_path": ((), {"integrator": '<integrator type="path"><integer name="max_depth" value="2"/></integrator>'}),
    "hidden_emitters": ((), {"integrator": '<integrator type="path"><boolean name="hide_emitters" value="true"/></integrator>'}),
    "depth": ((), {"integrator": '<integrator type="depth"/>'}),
    "volpath": ((ball('<bsdf type="null"/><medium name="interior" type="homogeneous"><rgb name="albedo" value="0.9,0.7,0.5"/><float name="sigma_t" value="2"/></medium>'), FLOOR, LIT, SKY), {"integrator": '<integrator type="volpath"/>'}),
})  # fmt: skip
_add_all("integrator", "integrator", {
    "particles": ((), {"integrator": '<integrator type="ptracer"/>'}),
}, said="ntegrator")  # fmt: skip
_add_all("integrator", "integrator", {
    "none": ((), {"integrator": ""}),
}, said="ntegrator", direct={"seeds": 6, "integrator": {"type": "path"}})  # fmt: skip
_add_all("integrator", "integrator", {
    "aov": ((), {"integrator": f'<integrator type="aov"><string name="aovs" value="nn:sh_normal,dd:depth">{""}</string>{PATH}</integrator>'}),
}, said="AOV|aov|channel|")  # fmt: skip
_add_all("sampler", "sampler", {
    "multijitter": ((), {"camera": sensor(sampler='<sampler type="multijitter"><integer name="sample_count" value="64"/></sampler>')}),
}, said="sampler")  # fmt: skip
_add_all("shape", "shape", {
    "cube": ((ball(kind="cube"), FLOOR, LIT, SKY), {}),
    "cylinder": ((ball(kind="cylinder"), FLOOR, LIT, SKY), {}),
    "disk": ((ball(f'<bsdf type="twosided">{GREY}</bsdf>', "disk"), FLOOR, LIT, SKY), {}),
    "instances": (('<shape type="shapegroup" id="group">' + ball() + "</shape>", *(f'<shape type="instance"><ref id="group"/><transform name="to_world"><scale value="0.5"/><translate x="{x}"/></transform></shape>' for x in (-1.2, 0, 1.2)), FLOOR, LIT, SKY), {}),
})  # fmt: skip


@RECIPES.add("no samples given", direct={"seeds": 6})
def samples_of_the_scene(folder: Path) -> Path:
    return scene(
        folder, camera=sensor(sampler='<sampler type="independent"><integer name="sample_count" value="16"/></sampler>')
    )


def mapped(name: str) -> str:
    return f'<bsdf type="diffuse"><texture type="bitmap" name="reflectance"><string name="filename" value="{name}"/></texture></bsdf>'


@RECIPES.add("bitmap", sent=True, quick=True, **ONE)
def bitmap_png(folder: Path) -> Path:
    picture(folder / "tex/a.png")
    return scene(folder, ball(mapped("tex/a.png")), FLOOR, LIT, SKY)


@RECIPES.add("bitmap", sent=True, **ONE)
def bitmap_exr_absolute(folder: Path) -> Path:
    return scene(folder, ball(mapped(str(picture(folder / "else where/ü.exr")))), FLOOR, LIT, SKY)


@RECIPES.add("bitmap", refused=r"gone\.png", **ONE)
def bitmap_gone(folder: Path) -> Path:
    return scene(folder, ball(mapped("gone.png")), SKY)


@RECIPES.add("environment", quick=True, command=True, sent=True, **ONE)
def environment_exr(folder: Path) -> Path:
    picture(folder / "sky.exr", bright=2)
    return scene(folder, ball(), FLOOR, '<emitter type="envmap"><string name="filename" value="sky.exr"/></emitter>')


@RECIPES.add("environment", sent=True, **ONE)
def environment_hdr(folder: Path) -> Path:
    picture(folder / "sky.hdr", bright=2)
    return scene(folder, ball(), FLOOR, '<emitter type="envmap"><string name="filename" value="sky.hdr"/></emitter>')


@RECIPES.add("projector", sent=True, **ONE)
def projector(folder: Path) -> Path:
    picture(folder / "slide.png")
    light = '<emitter type="projector"><texture type="bitmap" name="irradiance"><string name="filename" value="slide.png"/></texture><float name="fov" value="50"/><transform name="to_world"><lookat origin="0,3,4" target="0,0,0" up="0,1,0"/></transform><float name="scale" value="10"/></emitter>'
    return scene(folder, ball(), FLOOR, light)


@RECIPES.add("<path>", sent=True, **ONE)
def searched_folder(folder: Path) -> Path:
    picture(folder / "lib/t.png")
    return scene(folder, '<path value="lib"/>', ball(mapped("t.png")), FLOOR, LIT, SKY)


@RECIPES.add("<path>", sent=True, **ONE)
def searched_folder_absolute(folder: Path) -> Path:
    picture(folder / "lib/t.png")
    return scene(folder, f'<path value="{folder / "lib"}"/>', ball(mapped("t.png")), FLOOR, LIT, SKY)


@RECIPES.add("include", sent=True, **ONE)
def includes(folder: Path) -> Path:
    picture(folder / "parts/a.png")
    (folder / "parts/ball.xml").write_text(f'<scene version="3.0.0">{ball(mapped("parts/a.png"))}</scene>')
    return scene(folder, '<include filename="parts/ball.xml"/>', FLOOR, LIT, SKY)


@RECIPES.add("include", sent=True, **ONE)
def include_named_by_a_variable(folder: Path) -> Path:
    (folder / "small.xml").write_text(f'<scene version="3.0.0">{ball()}</scene>')
    return scene(folder, '<default name="part" value="small"/>', '<include filename="$part.xml"/>', FLOOR, LIT, SKY)


@RECIPES.add(
    "parameter", job={"samples": SAMPLES, "parameters": "red=0.9"}, direct={"seeds": 6, "parameters": {"red": 0.9}}
)
def parameter(folder: Path) -> Path:
    bsdf = '<bsdf type="diffuse"><rgb name="reflectance" value="$red,0.2,0.2"/></bsdf>'
    return scene(folder, '<default name="red" value="0.1"/>', ball(bsdf), FLOOR, LIT, SKY)


@RECIPES.add("parameter", refused="spp", **ONE)
def parameter_without_a_value(folder: Path) -> Path:
    return scene(
        folder,
        ball(),
        SKY,
        camera=sensor(sampler='<sampler type="independent"><integer name="sample_count" value="$spp"/></sampler>'),
    )


@RECIPES.add("spectrum", sent=True, **ONE)
def spectrum_in_a_file(folder: Path) -> Path:
    (folder / "red.spd").write_text("400 0.05\n550 0.1\n650 0.9\n700 0.9\n")
    bsdf = '<bsdf type="diffuse"><spectrum name="reflectance" filename="red.spd"/></bsdf>'
    return scene(folder, ball(bsdf), FLOOR, LIT, SKY)


@RECIPES.add("mesh", sent=True, **ONE)
def mesh_obj(folder: Path) -> Path:
    (folder / "m").mkdir()
    (folder / "m/tri.obj").write_text("v -1 -1 0\nv 1 -1 0\nv 0 1 0\nf 1 2 3\n")
    mesh = '<string name="filename" value="m/tri.obj"/><boolean name="face_normals" value="true"/>'
    return scene(folder, ball(f'<bsdf type="twosided">{GREY}</bsdf>', "obj", mesh), FLOOR, LIT, SKY)


@RECIPES.add("mesh", sent=True, **ONE)
def mesh_ply(folder: Path) -> Path:
    head = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    (folder / "tri.ply").write_text(
        f"{head}element face 1\nproperty list uchar int vertex_indices\nend_header\n-1 -1 0\n1 -1 0\n0 1 0\n3 0 1 2\n"
    )
    return scene(
        folder,
        ball(f'<bsdf type="twosided">{GREY}</bsdf>', "ply", '<string name="filename" value="tri.ply"/>'),
        FLOOR,
        LIT,
        SKY,
    )


@RECIPES.add("curves", sent=True, **ONE)
def curves_in_a_file(folder: Path) -> Path:
    points = [f"{x} {y} 0 0.1" for y in (-1, -0.3, 0.3, 1) for x in (-1,)]
    (folder / "hair.txt").write_text("\n".join([*points, "", *(line.replace("-1 ", "0.5 ", 1) for line in points), ""]))
    return scene(folder, ball(GREY, "bsplinecurve", '<string name="filename" value="hair.txt"/>'), FLOOR, LIT, SKY)


@RECIPES.add("volume", sent=True, **ONE)
def volume_in_a_file(folder: Path) -> Path:
    import struct

    values = np.linspace(0.2, 2, 64, dtype=np.float32)
    head = b"VOL\x03" + struct.pack("<iiiii6f", 1, 4, 4, 4, 1, -1, -1, -1, 1, 1, 1)
    (folder / "smoke.vol").write_bytes(head + values.tobytes())
    grid = '<volume name="sigma_t" type="gridvolume"><string name="filename" value="smoke.vol"/><transform name="to_world"><scale value="2"/><translate x="-1" y="-1" z="-1"/></transform></volume>'
    medium = f'<medium name="interior" type="heterogeneous"><rgb name="albedo" value="0.9,0.8,0.7"/>{grid}</medium>'
    return scene(
        folder, ball(f'<bsdf type="null"/>{medium}', "cube"), FLOOR, LIT, SKY, integrator='<integrator type="volpath"/>'
    )


@RECIPES.add("normal map", sent=True, **ONE)
def normal_map(folder: Path) -> Path:
    picture(folder / "n.png")
    bsdf = f'<bsdf type="normalmap"><texture name="normalmap" type="bitmap"><boolean name="raw" value="true"/><string name="filename" value="n.png"/></texture>{GREY}</bsdf>'
    return scene(folder, ball(bsdf), FLOOR, LIT, SKY)


@RECIPES.add("odd names", sent=True, **ONE)
def odd_names(folder: Path) -> Path:
    picture(folder / "Bild 'ü' #1 100%.png")
    return scene(folder, ball(mapped("Bild 'ü' #1 100%.png")), FLOOR, LIT, SKY, name="Szene ü #1.xml")


@RECIPES.add("several sensors", job={"samples": SAMPLES, "camera": "B"}, direct={"seeds": 6, "sensor": 1})
def second_sensor(folder: Path) -> Path:
    first = sensor().replace('type="perspective"', 'type="perspective" id="A"', 1)
    second = sensor(film=film().replace("48", "24")).replace('type="perspective"', 'type="perspective" id="B"', 1)
    return scene(folder, second, ball(), FLOOR, LIT, SKY, camera=first)


@RECIPES.add("alias", **ONE)
def alias_and_reference(folder: Path) -> Path:
    grey = GREY.replace('type="diffuse"', 'type="diffuse" id="a"')
    return scene(folder, grey, '<alias id="a" as="b"/>', ball('<ref id="b"/>'), FLOOR, LIT, SKY)


@RECIPES.add("polarised", refused="polari", **ONE)
def needs_another_build(folder: Path) -> Path:
    return scene(folder, integrator=f'<integrator type="stokes">{PATH}</integrator>')


@RECIPES.add("no camera", refused="camera|sensor", **ONE)
def no_camera(folder: Path) -> Path:
    return scene(folder, ball(), SKY, camera="<!-- none -->")


@RECIPES.add("crop", **ONE)
def crop(folder: Path) -> Path:
    window = '<integer name="crop_width" value="20"/><integer name="crop_height" value="36"/>'
    return scene(
        folder,
        ball(),
        FLOOR,
        LIT,
        SKY,
        camera=sensor(film=film(window)),
        integrator='<default name="crop" value="20"/>' + PATH,
    )
