"""The panel in the render properties."""

import textwrap

import bpy

from . import operators

CHARACTER_PX = 7.0


class FRONTBURNER_PT_render(bpy.types.Panel):
    """What to render, the button, and how far it is."""

    bl_label = "Frontburner"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"

    def draw(self, context):
        """Draw it."""
        layout, settings = self.layout, context.scene.frontburner
        layout.use_property_split = True
        layout.use_property_decorate = False
        run = operators.current
        busy = run is not None and run.ended is None
        fields = layout.column()
        fields.enabled = not busy
        fields.row().prop(settings, "what", expand=True)
        for name in ("samples", "nodes", "out"):
            fields.prop(settings, name)
        if busy:
            _progress(layout, run)
            layout.operator(operators.FRONTBURNER_OT_stop.bl_idname, icon="CANCEL")
            return
        button = layout.row()
        button.scale_y = 1.4
        button.operator(operators.FRONTBURNER_OT_render.bl_idname, icon="RENDER_STILL")
        if run is not None:
            _end(layout, run, context.region.width)


def _progress(layout, run):
    """Say how far it is: a bar where Blender has one (4.0 and newer), else in words."""
    words = f"{run.stage[:1].upper()}{run.stage[1:]}"
    if run.done is not None:
        words = f"{run.done:.0%}"
        if run.frames > 1:
            words += f", {run.written} of {run.frames} frames"
        words += f", {run.nodes} node{'' if run.nodes == 1 else 's'}"
        if run.seconds_left is not None:
            minutes, seconds = divmod(round(run.seconds_left), 60)
            words += f", {minutes}:{seconds:02} left"
    if hasattr(layout, "progress"):
        layout.progress(factor=run.done or 0.0, text=words)
    else:
        layout.label(text=words, icon="TIME")
    if run.said:
        layout.label(text=run.said[-1], icon="INFO")


def _end(layout, run, width_px):
    """Say how the last run ended."""
    box = layout.box().column(align=True)
    if run.ended["exit_code"] == 0:
        many = len(run.pictures)
        box.label(text=f"{many} picture{'' if many == 1 else 's'} in {run.took:.0f} s", icon="CHECKMARK")
        return
    columns = max(20, int(width_px / (CHARACTER_PX * bpy.context.preferences.system.ui_scale)))
    icon = "ERROR"
    for sentence in operators.sentences(run.ended):
        for line in textwrap.wrap(sentence, columns):
            box.label(text=line, icon=icon)
            icon = "BLANK1"
