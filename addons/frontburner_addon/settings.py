"""What is to be rendered: kept with each scene, in the file."""

import bpy


class FrontburnerSettings(bpy.types.PropertyGroup):
    """The fields of the panel."""

    what: bpy.props.EnumProperty(
        name="Render",
        description="What of the scene is rendered",
        items=(
            ("STILL", "Still", "The current frame", "IMAGE_DATA", 0),
            ("ANIMATION", "Animation", "All frames of the scene's range", "RENDER_ANIMATION", 1),
        ),
    )
    samples: bpy.props.IntProperty(
        name="Samples", description="Samples a pixel; 0 takes the scene's own", default=0, min=0, max=1_048_576
    )
    nodes: bpy.props.IntProperty(
        name="Nodes",
        description="Nodes to start on this machine where no farm runs; with a farm, the most nodes it gives. "
        "0 leaves it to Frontburner",
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
