"""Settings for all files: where the command and the farm are."""

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
        description="Address of the farm's scheduler, such as tcp://10.0.0.5:8786; empty uses the variable "
        "FRONTBURNER_SCHEDULER, or starts nodes on this machine",
        default="",
    )

    def draw(self, _context):
        """Draw the settings, and whether the command was found."""
        self.layout.prop(self, "command")
        self.layout.prop(self, "scheduler")
        found = find_command(self.command)
        self.layout.label(
            text=f"Found: {found}" if found else "The frontburner command was not found.",
            icon="CHECKMARK" if found else "ERROR",
        )


def command_and_scheduler(context):
    """Return both settings."""
    addon = context.preferences.addons.get(__package__)
    return (addon.preferences.command, addon.preferences.scheduler) if addon else ("", "")


def find_command(setting):
    """Return the path of the command; None if there is none."""
    if not setting:
        return shutil.which("frontburner") or _installed()
    path = Path(bpy.path.abspath(setting)).expanduser()
    return str(path) if path.is_file() and os.access(path, os.X_OK) else shutil.which(setting)


def _installed():
    """Return where the installation puts the command; a Blender that isn't started from a shell may lack its PATH."""
    places = [Path.home() / ".local" / "bin" / "frontburner"]
    if "LOCALAPPDATA" in os.environ:
        places.append(Path(os.environ["LOCALAPPDATA"]) / "Microsoft" / "WindowsApps" / "frontburner.exe")
    return next((str(place) for place in places if place.is_file()), None)
