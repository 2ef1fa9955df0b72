"""Small scenes in formats that Blender imports, and Blender's own pictures of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO

from tasks.spec import Size
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES, Bench
from tests.renderers.test_blender import of, told

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

SIZE = Size(width=32, height=24)
HEADER = '#usda 1.0\n(\n    defaultPrim = "W"\n    upAxis = "Z"\n    metersPerUnit = 1\n)\n'
CAMERA = """
    def Camera "Cam" {
        double3 xformOp:translate = (0, 0, 8)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }"""
SUN = """
    def DistantLight "Sun" {
        float inputs:intensity = 20000
    }"""


def usd(path: Path, *things: str, header: str = HEADER) -> Path:
    """Write a USD scene of these prims."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{header}\ndef Xform "W"\n{{{"".join(things)}\n}}\n')
    return path


def prim(kind: str, name: str, *lines: str, at: tuple[float, float, float] = (0, 0, 0), arcs: str = "") -> str:
    """Write a prim with these properties."""
    place = f"double3 xformOp:translate = {at}", 'uniform token[] xformOpOrder = ["xformOp:translate"]'
    body = "\n        ".join([*lines, *place])
    return f'\n    def {kind} "{name}" ( {arcs} ) {{\n        {body}\n    }}'


def quad(name: str = "P", *, material: str = "") -> str:
    """Write a textured square."""
    binding = f"rel material:binding = </W/{material}>" if material else ""
    return prim(
        "Mesh",
        name,
        "int[] faceVertexCounts = [4]",
        "int[] faceVertexIndices = [0, 1, 2, 3]",
        "point3f[] points = [(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]",
        'texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] ( interpolation = "vertex" )',
        binding,
        arcs='prepend apiSchemas = ["MaterialBindingAPI"]' if material else "",
    )


def material(name: str, file: str) -> str:
    """Write a material that shines in the colours of a picture."""
    return f"""
    def Material "{name}" {{
        token outputs:surface.connect = </W/{name}/S.outputs:surface>
        def Shader "S" {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor = (0, 0, 0)
            color3f inputs:emissiveColor.connect = </W/{name}/T.outputs:rgb>
            token outputs:surface
        }}
        def Shader "T" {{
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @{file}@
            float3 outputs:rgb
        }}
    }}"""


def paint(path: Path, colour: tuple[float, float, float] = (1, 0, 0)) -> Path:
    """Write a picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(4, 4, 3, "uint8"))
    OpenImageIO.ImageBufAlgo.fill(picture, colour)
    assert picture.write(str(path))
    return path


def directly(folder: Path, scene: Path, frame: int = 1) -> npt.NDArray[np.float32]:
    """The picture that Blender itself makes of a file that it imports."""
    picture = folder / "direct.exr"
    asked = json.dumps([[str(scene), str(picture), SIZE.width, SIZE.height, frame]])
    command = [sys.executable, str(SCENES / "import_directly.py"), asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    source = OpenImageIO.ImageInput.open(str(picture))
    assert source is not None
    pixels = np.asarray(source.read_image(format=OpenImageIO.FLOAT), np.float32)
    source.close()
    return pixels


def ours(bench: Bench, scene: Path, **changes: Any) -> npt.NDArray[np.float32]:
    means = of(bench, scene, size=SIZE, **{"samples": 4, **changes}).means()
    return means.astype(np.float32)


def names(bench: Bench, scene: Path) -> list[str]:
    """The files of a scene, relative to it."""
    return sorted(os.path.relpath(file, scene.parent) for file in told(bench, scene).files)
