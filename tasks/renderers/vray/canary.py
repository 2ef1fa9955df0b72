"""Renders a small scene with V-Ray and exits with 0 if its pixels are plausible. Run as ``python -m``."""

from __future__ import annotations

from tasks.renderers.program.picture import read
from tasks.renderers.program.run import run
from tasks.renderers.program.workspace import workspace
from tasks.renderers.vray.adapter import command_for, installation, program
from tasks.renderers.vray.scene import read as read_scene
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec

_SCENE = """SettingsOutput output { img_width=16; img_height=16; }
RenderView view { fov=0.785; }
SettingsEnvironment sky { bg_color=Color(0.5, 0.5, 0.5); }
"""
_SIZE = Size(width=16, height=16)


def main() -> None:
    """Render the scene and check the picture."""
    flags, executable = installation()
    with workspace() as folder:
        scene, output = folder / "canary.vrscene", folder / "canary.exr"
        scene.write_text(_SCENE, encoding="utf-8")
        frame = FrameSpec(
            renderer="vray", build="", scene=str(scene), scene_digest="", frame=1, size=_SIZE, samples=1
        )  # fmt: skip
        unit = UnitSpec(frame=frame, region=_SIZE.whole, samples=SampleRange(start=0, stop=1))
        command = command_for(flags, executable, unit, output, read_scene(scene, 1), scene=scene, threads=1)
        run(program(command, folder, flags, scene=str(scene)))
        picture = read(output, "V-Ray")
        mean = float(picture[..., :3].mean())
        if picture.shape[:2] != (_SIZE.height, _SIZE.width) or not 0 < mean < 1e3:
            raise SystemExit(f"error: the canary is {picture.shape[1]}x{picture.shape[0]} with a mean of {mean}")


if __name__ == "__main__":
    main()
