"""Settings of a scene, saved in the file."""

import bpy


class FrontburnerSettings(bpy.types.PropertyGroup):
    """The settings in the panel."""

    what: bpy.props.EnumProperty(
        name="Render",
        description="What to render of the scene",
        items=(
            ("STILL", "Still", "The current frame", "IMAGE_DATA", 0),
            ("ANIMATION", "Animation", "All frames of the scene's range", "RENDER_ANIMATION", 1),
        ),
    )
    samples: bpy.props.IntProperty(
        name="Samples", description="Samples per pixel; 0 uses the scene's setting", default=0, min=0, max=1_048_576
    )
    nodes: bpy.props.IntProperty(
        name="Nodes",
        description="Nodes to start on this machine if no farm runs; with a farm, the maximum number of nodes. "
        "0 chooses",
        default=0,
        min=0,
        max=10_000,
    )
    out: bpy.props.StringProperty(
        name="Pictures",
        description="Folder the pictures go to, or s3://bucket/prefix; // is beside the file",
        default="//renders/",
        subtype="DIR_PATH",
    )
