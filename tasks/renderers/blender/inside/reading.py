"""What an open file says of itself: scenes, cameras, size, samples, the files it refers to, and what is replaced."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_NOISE = 0.01
"""What Cycles' own automatic threshold comes to for most numbers of samples."""


class NotThere(Exception):
    """A file hasn't what was asked for."""


class Original:
    """What a scene of a file said when the file was opened.

    Parameters
    ----------
    path
        The file.
    scene
        One of its scenes.
    """

    def __init__(self, path: str, scene: Any) -> None:
        cameras = sorted((o for o in scene.objects if o.type == "CAMERA"), key=lambda o: str(o.name))
        self.scene = scene
        self.seed: int = scene.cycles.seed
        self.camera = scene.camera
        self.cameras = sorted(cameras, key=lambda camera: bool(camera != scene.camera))
        self.properties = {name: value for name, value in scene.items() if isinstance(value, (int, float))}
        self.layer: str = next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0]).name
        described = self._described(path)
        self.told: dict[str, dict[str, Any]] = {
            layer.name: {**described, "notes": [*described["notes"], *_notes_on_choice(path, scene, layer)]}
            for layer in scene.view_layers
        }

    def _described(self, path: str) -> dict[str, Any]:
        """Return what is to be known before rendering, as plain values."""
        render, cycles = self.scene.render, self.scene.cycles
        scale = render.resolution_percentage / 100
        return {
            "size": [max(1, int(render.resolution_x * scale)), max(1, int(render.resolution_y * scale))],
            "samples": cycles.samples,
            "cameras": [camera.name for camera in self.cameras],
            "frames": _own_frames(path, self.scene),
            "files": [path, *_files(Path(path))],
            "noise": (cycles.adaptive_threshold or DEFAULT_NOISE) if cycles.use_adaptive_sampling else None,
            "notes": [*_notes_on_picture(self.scene)],
            "properties": list(self.properties),
        }


def _files(path: Path) -> list[str]:
    """List files the scene refers to, whether they exist or not; those inside the file itself are left out."""
    names = [Path(bpy.path.abspath(name)) for name in bpy.utils.blend_paths(absolute=True) if name]
    return sorted({str(found) for name in (*names, *_beside(path)) for found in _all_of(name)})


def _beside(path: Path) -> list[Path]:
    """List what an imported file names that Blender doesn't keep: a glTF's buffers, an OBJ's materials."""
    pattern = {".gltf": r'"uri"\s*:\s*"(?!data:)([^"]+)"', ".obj": r"(?m)^mtllib\s+(.+?)\s*$"}.get(path.suffix.lower())
    return [path.parent / name for name in re.findall(pattern, path.read_text(errors="replace"))] if pattern else []


def _all_of(path: Path) -> list[Path]:
    """Return the files of a name: a texture in tiles has many, and so has a folder of caches."""
    if re.search("<UDIM>|<UVTILE>", path.name):
        return sorted(path.parent.glob(re.sub("<UDIM>|<UVTILE>", "*", path.name))) or [path]
    return sorted(own for own in path.rglob("*") if own.is_file()) if path.is_dir() else [path]


def _notes_on_picture(scene: Any) -> Iterator[str]:
    """Say what is rendered otherwise than the file asks."""
    render, cycles = scene.render, scene.cycles
    if render.engine not in ("CYCLES", "FRONTBURNER_CYCLES"):
        yield f"It is made for {render.engine.replace('BLENDER_', '').title()}; it is rendered with Cycles."
    said = {
        "Its denoising is left out: nodes render raw pixels.": cycles.use_denoising,
        "Path guiding is off: with it, regions would not fit together.": getattr(cycles, "use_guiding", False),
        "Its render region is ignored: the job's region counts.": render.use_border,
        "Its compositor is left out: pictures are what Cycles renders.": _composites(scene),
        "Its video sequencer is left out.": render.use_sequencer and _strips(scene),
        "Its Freestyle lines are left out.": render.use_freestyle,
        "Its stereo views are left out: one picture is rendered.": render.use_multiview,
    }
    yield from (sentence for sentence, applies in said.items() if applies)


def _notes_on_choice(path: str, scene: Any, layer: Any) -> Iterator[str]:
    """Say what was chosen of several, and how to choose otherwise."""
    others = [other.name for other in scene.view_layers if other.use and other != layer]
    if others:
        yield (
            f"Only its view layer {layer.name} is rendered; it also has {', '.join(others)}: "
            "name one in the parameter view_layer."
        )
    if len(bpy.data.scenes) > 1:
        names = ", ".join(other.name for other in bpy.data.scenes)
        yield f"Its scene {scene.name} is rendered, of {names}: name another in the parameter scene."
    if _own_frames(path, scene):
        yield f"Its own frames are {_own_frames(path, scene)}."


def _own_frames(path: str, scene: Any) -> str:
    """Frames a file was made for; an imported one doesn't say."""
    own = scene.frame_start != scene.frame_end and path.endswith(".blend")
    return f"{scene.frame_start}-{scene.frame_end}" if own else ""


def _composites(scene: Any) -> bool:
    if not scene.render.use_compositing:
        return False
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group is not None
    tree = scene.node_tree if scene.use_nodes else None
    return tree is not None and any(node.type not in ("R_LAYERS", "COMPOSITE", "VIEWER") for node in tree.nodes)


def _strips(scene: Any) -> bool:
    editor = scene.sequence_editor
    return bool(editor and len(editor.strips if hasattr(editor, "strips") else editor.sequences))
