"""What the buttons do: save the file, have it rendered, follow that, and show what came of it."""

import os
import tempfile
import time
from pathlib import Path

import bpy

from . import pictures, preferences
from .run import Run, arguments

LOOK_EVERY_S = 0.25

current = None
"""The run that goes on, or the last one: there is one at a time."""


class FRONTBURNER_OT_render(bpy.types.Operator):
    """The button that renders."""

    bl_idname = "frontburner.render"
    bl_label = "Render on Frontburner"
    bl_description = "Save the file and render it on Frontburner; the picture comes back into Blender"

    @classmethod
    def poll(cls, _context):
        """One at a time."""
        return current is None or current.ended is not None

    def execute(self, context):
        """Begin; in the background, where nobody could press anything meanwhile, also wait for the end."""
        global current  # noqa: PLW0603 - the panel shows it, whichever operator began it
        written, scheduler = preferences.chosen(context)
        command = preferences.find_command(written)
        if command is None:
            self.report(
                {"ERROR"},
                f"There is no command '{written or 'frontburner'}' on this machine. "
                "Name it in the preferences of the Frontburner add-on.",
            )
            return {"CANCELLED"}
        job = _saved(context)
        environment = {"FRONTBURNER_SCHEDULER": scheduler} if scheduler else {}
        current = Run(
            [command, *arguments(**job.arguments, farm=bool(scheduler or os.environ.get("FRONTBURNER_SCHEDULER")))],
            environment=environment,
            folder=job.folder,
        )
        if not bpy.app.background:
            bpy.app.timers.register(lambda: _tick(job), first_interval=LOOK_EVERY_S, persistent=True)
            return {"FINISHED"}
        while current.poll():
            time.sleep(LOOK_EVERY_S)
        _finish(job)
        if current.ended["exit_code"]:
            self.report({"ERROR"}, "\n".join(sentences(current.ended)))
            return {"CANCELLED"}
        return {"FINISHED"}


class FRONTBURNER_OT_stop(bpy.types.Operator):
    """The button that stops."""

    bl_idname = "frontburner.stop"
    bl_label = "Stop"
    bl_description = "Stop rendering; what is finished is kept, and the same button goes on from there"

    @classmethod
    def poll(cls, _context):
        """Only while something is rendered."""
        return current is not None and current.ended is None

    def execute(self, _context):
        """Ask it to end."""
        current.stop()
        return {"FINISHED"}


class Job:
    """What is rendered, as the command is told."""

    def __init__(self, blend, scene, folder, *, passing):
        own = scene.frontburner
        out = own.out if "://" in own.out else str(Path(folder, _relative(own.out)))
        if own.what == "ANIMATION":
            step = f"x{scene.frame_step}" if scene.frame_step > 1 else ""
            frames = f"{scene.frame_start}-{scene.frame_end}{step}"
        else:
            frames = str(scene.frame_current)
        self.folder, self.passing, self.opened = folder, passing, bpy.data.filepath
        self.arguments = {"blend": blend, "frames": frames, "out": out, "samples": own.samples, "nodes": own.nodes}
        if len(bpy.data.scenes) > 1:
            self.arguments["scene"] = scene.name


def end():
    """End what is being rendered: the add-on, or Blender, ends."""
    if current is not None and current.ended is None:
        current.kill()


def sentences(ended):
    """Say why a run ended as it did, and what to do."""
    return [text for text in (ended["reason"], *ended["problems"], ended["remedy"]) if text]


def _saved(context):
    """Save the file as it is now, or a copy of one that has no name yet, and return the job."""
    path = bpy.data.filepath
    if path:
        bpy.ops.wm.save_mainfile()  # Blender doesn't know of all that changed: what scripts do leaves it clean
        return Job(path, context.scene, str(Path(path).parent), passing=False)
    folder = tempfile.mkdtemp(prefix="frontburner-")
    copy = str(Path(folder, "untitled.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True)
    return Job(copy, context.scene, folder, passing=True)


def _relative(path):
    """Return a path of Blender's, in which // is beside the file, for a folder to be put before it."""
    return path[2:] if path.startswith("//") else str(Path(path).expanduser())


def _tick(job):
    """Look at the run, and have the panel drawn anew; called by Blender's timer until it has ended."""
    goes_on = current.poll()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PROPERTIES":
                area.tag_redraw()
    if goes_on:
        return LOOK_EVERY_S
    _finish(job)
    return None


def _finish(job):
    """Show the pictures there are, and note the image's name; in another file, opened meanwhile, they have no place."""
    if bpy.data.filepath != job.opened:
        return
    image = pictures.load(current.pictures, pack=job.passing)
    if image is not None:
        current.image = image.name
        pictures.show(image, [frame for frame, _ in current.pictures])
