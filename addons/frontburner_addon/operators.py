"""The operators of the buttons: save the file, render it on the farm, follow the run, and show its pictures."""

import os
import tempfile
import time
from pathlib import Path

import bpy

from . import pictures, preferences
from .run import Run, arguments

POLL_INTERVAL_S = 0.25

current = None
"""The present or last run: there is one at a time."""


class FRONTBURNER_OT_render(bpy.types.Operator):
    """The button that renders."""

    bl_idname = "frontburner.render"
    bl_label = "Render on Frontburner"
    bl_description = "Save the file and render it on Frontburner; the picture comes back into Blender"

    @classmethod
    def poll(cls, _context):
        """Only one run at a time."""
        return current is None or current.ended is not None

    def execute(self, context):
        """Start the run; in background mode, also wait for its end."""
        global current  # noqa: PLW0603 - the panel shows it, whichever operator started it
        setting, scheduler = preferences.command_and_scheduler(context)
        command = preferences.find_command(setting)
        if command is None:
            self.report(
                {"ERROR"},
                f"There is no command '{setting or 'frontburner'}' on this machine. "
                "Set its path in the preferences of the Frontburner add-on.",
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
            bpy.app.timers.register(lambda: _tick(job), first_interval=POLL_INTERVAL_S, persistent=True)
            return {"FINISHED"}
        while current.poll():
            time.sleep(POLL_INTERVAL_S)
        _show_pictures(job)
        if current.ended["exit_code"]:
            self.report({"ERROR"}, "\n".join(end_messages(current.ended)))
            return {"CANCELLED"}
        return {"FINISHED"}


class FRONTBURNER_OT_stop(bpy.types.Operator):
    """The button that stops."""

    bl_idname = "frontburner.stop"
    bl_label = "Stop"
    bl_description = "Stop rendering; what is finished is kept, and rendering again goes on from there"

    @classmethod
    def poll(cls, _context):
        """Only while a run goes on."""
        return current is not None and current.ended is None

    def execute(self, _context):
        """Stop the run."""
        current.stop()
        return {"FINISHED"}


class Job:
    """What to render: the arguments of the command."""

    def __init__(self, blend, scene, folder, *, temporary):
        settings = scene.frontburner
        out = settings.out if "://" in settings.out else str(Path(folder, _relative(settings.out)))
        if settings.what == "ANIMATION":
            step = f"x{scene.frame_step}" if scene.frame_step > 1 else ""
            frames = f"{scene.frame_start}-{scene.frame_end}{step}"
        else:
            frames = str(scene.frame_current)
        self.folder, self.temporary, self.opened = folder, temporary, bpy.data.filepath
        self.arguments = {
            "blend": blend,
            "frames": frames,
            "out": out,
            "samples": settings.samples,
            "nodes": settings.nodes,
        }
        if len(bpy.data.scenes) > 1:
            self.arguments["scene"] = scene.name


def end():
    """End the run: the add-on is disabled, or Blender quits."""
    if current is not None and current.ended is None:
        current.kill()


def end_messages(ended):
    """Return why a run failed, and what to do."""
    return [text for text in (ended["reason"], *ended["problems"], ended["remedy"]) if text]


def _saved(context):
    """Save the file, or a copy of it if it has no name yet, and return the job."""
    path = bpy.data.filepath
    if path:
        bpy.ops.wm.save_mainfile()  # also if Blender shows no changes: those of scripts aren't counted
        return Job(path, context.scene, str(Path(path).parent), temporary=False)
    folder = tempfile.mkdtemp(prefix="frontburner-")
    copy = str(Path(folder, "untitled.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True)
    return Job(copy, context.scene, folder, temporary=True)


def _relative(path):
    """Return a path of Blender relative to the file's folder: a leading // stands for that."""
    return path[2:] if path.startswith("//") else str(Path(path).expanduser())


def _tick(job):
    """Poll the run and redraw the panel; called by Blender's timer until the run has ended."""
    running = current.poll()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PROPERTIES":
                area.tag_redraw()
    if running:
        return POLL_INTERVAL_S
    _show_pictures(job)
    return None


def _show_pictures(job):
    """Show the pictures of the run, unless another file has been opened meanwhile."""
    if bpy.data.filepath != job.opened:
        return
    image = pictures.load(current.pictures, pack=job.temporary)
    if image is not None:
        current.image = image.name
        pictures.show(image, [frame for frame, _ in current.pictures])
