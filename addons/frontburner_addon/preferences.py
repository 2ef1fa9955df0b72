"""What is the same for all files: where the command and the farm are."""

import os
import shutil
from pathlib import Path

import bpy


class FrontburnerPreferences(bpy.types.AddonPreferences):
    """The add-on's part of Blender's preferences."""

    bl_idname = __package__

    command: bpy.props.StringProperty(
        name="Command",
        description="Path of the frontburner command; empty looks for it on the PATH",
        default="",
        subtype="FILE_PATH",
    )
    scheduler: bpy.props.StringProperty(
        name="Scheduler",
        description="Address of the farm's scheduler, such as tcp://10.0.0.5:8786; empty takes what the variable "
        "FRONTBURNER_SCHEDULER says, or starts nodes on this machine",
        default="",
    )

    def draw(self, _context):
        """Draw both, and say whether the command is there."""
        self.layout.prop(self, "command")
        self.layout.prop(self, "scheduler")
        found = find_command(self.command)
        self.layout.label(
            text=f"Found: {found}" if found else "There is no frontburner command here.",
            icon="CHECKMARK" if found else "ERROR",
        )


def chosen(context):
    """Return the command as it is written, and the scheduler."""
    addon = context.preferences.addons.get(__package__)
    return (addon.preferences.command, addon.preferences.scheduler) if addon else ("", "")


def find_command(written):
    """Return the path of the command, or None where there is none."""
    if not written:
        return shutil.which("frontburner")
    path = Path(bpy.path.abspath(written)).expanduser()
    return str(path) if path.is_file() and os.access(path, os.X_OK) else shutil.which(written)
