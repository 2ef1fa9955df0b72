"""The part that runs inside Blender, where only its own Python and `bpy` are available."""
