"""The panel in the render properties."""

import textwrap

import bpy

from . import operators

CHARACTER_PX = 7.0


class FRONTBURNER_PT_render(bpy.types.Panel):
    """The settings, the button, and the progress."""

    bl_label = "Frontburner"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"

    def draw(self, context):
        """Draw the panel."""
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
            _draw_progress(layout, run)
            layout.operator(operators.FRONTBURNER_OT_stop.bl_idname, icon="CANCEL")
            return
        button = layout.row()
        button.scale_y = 1.4
        button.operator(operators.FRONTBURNER_OT_render.bl_idname, icon="RENDER_STILL")
        if run is not None:
            _draw_result(layout, run, context.region.width)


def _draw_progress(layout, run):
    """Draw the progress: a bar if Blender has one (4.0 and newer), else text."""
    text = f"{run.stage[:1].upper()}{run.stage[1:]}"
    if run.done is not None:
        text = f"{run.done:.0%}"
        if run.frames > 1:
            text += f", {run.written} of {run.frames} frames"
        text += f", {run.nodes} node{'' if run.nodes == 1 else 's'}"
        if run.seconds_left is not None:
            minutes, seconds = divmod(round(run.seconds_left), 60)
            text += f", {minutes}:{seconds:02} left"
    if hasattr(layout, "progress"):
        layout.progress(factor=run.done or 0.0, text=text)
    else:
        layout.label(text=text, icon="TIME")
    if run.messages:
        layout.label(text=run.messages[-1], icon="INFO")


def _draw_result(layout, run, width_px):
    """Draw how the last run ended."""
    box = layout.box().column(align=True)
    if run.ended["exit_code"] == 0:
        count = len(run.pictures)
        box.label(text=f"{count} picture{'' if count == 1 else 's'} in {run.took:.0f} s", icon="CHECKMARK")
        return
    columns = max(20, int(width_px / (CHARACTER_PX * bpy.context.preferences.system.ui_scale)))
    icon = "ERROR"
    for message in operators.end_messages(run.ended):
        for line in textwrap.wrap(message, columns):
            box.label(text=line, icon=icon)
            icon = "BLANK1"
