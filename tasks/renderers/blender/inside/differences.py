"""Says what of a file's settings is rendered otherwise than Blender would render it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import colour

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = ("PNG", "OPEN_EXR", "OPEN_EXR_MULTILAYER")
"""Formats that the job's own stand for."""
DELIVERED = ("use_pass_combined", "use_pass_normal", "use_pass_grease_pencil")
"""Passes that are always there, that the job's AOVs deliver, or that Cycles doesn't render."""


def in_scene(scene: Any) -> Iterator[str]:
    """Say what of a scene's settings is left out or replaced, in sentences."""
    render, cycles = scene.render, scene.cycles
    if render.engine not in ("CYCLES", "FRONTBURNER_CYCLES"):
        yield f"It is made for {render.engine.replace('BLENDER_', '').title()}; it is rendered with Cycles."
    notes = {
        "Its own denoising isn't used; with --denoise finished pictures are denoised.": cycles.use_denoising,
        "Path guiding is off: with it, regions would not fit together.": getattr(cycles, "use_guiding", False),
        "Its render region is ignored: the job's region counts.": render.use_border,
        "Its compositor is left out: pictures are what Cycles renders.": _composites(scene),
        "Its video sequencer is left out.": render.use_sequencer and _strips(scene),
        "Its grease pencil drawings are left out: Cycles doesn't render them.": _draws(scene),
        "Its Freestyle lines are left out.": render.use_freestyle,
        "Its stereo views are left out: one picture is rendered.": render.use_multiview,
        "Its time limit is left out: the job's time_limit counts.": getattr(cycles, "time_limit", 0.0) > 0,
        "Its range of samples is left out: all samples are rendered.": getattr(cycles, "use_sample_subset", False),
        "Its stamp isn't drawn into the pictures.": render.use_stamp,
    }
    yield from (sentence for sentence, applies in notes.items() if applies)
    yield from _of_files(scene)


def _of_files(scene: Any) -> Iterator[str]:
    """Say which of the settings of files aren't used."""
    settings = scene.render.image_settings
    if settings.file_format not in FILES:
        name = settings.bl_rna.properties["file_format"].enum_items[settings.file_format].name
        yield f"Its pictures are written in the job's formats instead of {name}."
    if scene.display_settings.display_device.startswith(colour.HDR):
        yield f"Its display is {scene.display_settings.display_device}: PNG files and previews are plain sRGB instead."
    if settings.color_mode == "BW":
        yield "Its pictures are written in colour instead of black and white."
    if settings.color_mode == "RGB" and scene.render.film_transparent and settings.file_format == "PNG":
        yield "Its PNG files keep their transparency, though it asks for none."
    if settings.file_format.startswith("OPEN_EXR") and getattr(settings, "color_management", "") == "OVERRIDE":
        yield "Its EXR files have the colours of the working space instead of an output colour space."


def in_layer(layer: Any) -> Iterator[str]:
    """Say which passes of a view layer aren't in the EXR."""
    switches = [(each, each.bl_rna.properties) for each in (layer, layer.cycles)]
    passes = [
        properties[name].name
        for owner, properties in switches
        for name in properties.keys()  # noqa: SIM118 - Blender's own collection
        if name.startswith(("use_pass_", "pass_debug_", "pass_render_time")) and name not in DELIVERED
        if name != "use_pass_cryptomatte_accurate" and getattr(owner, name) is True
    ]
    passes += [f"AOV {aov.name}" for aov in layer.aovs]
    passes += [f"light group {group.name}" for group in getattr(layer, "lightgroups", ())]
    if passes:
        yield f"Its passes aren't in the EXR ({', '.join(passes)}): the job's aovs are depth, normal and albedo."


def _draws(scene: Any) -> bool:
    return any("PENCIL" in thing.type and not thing.hide_render for thing in scene.objects)


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
