"""Print the files that caches read at frames, whose simulations no Blender without a window can bake."""

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[3]))

from tasks.renderers.blender.inside import caches
from tasks.renderers.blender.inside.file_use import Moment

OWNER = SimpleNamespace(library=None)
folder = Path(tempfile.mkdtemp())
ocean = {"frame_start": 1, "frame_end": 4, "use_foam": True, "use_normals": False, "use_spray": False}
domain = {"cache_frame_start": 1, "cache_frame_end": 3, "cache_frame_offset": 1}
for name in (
    "config/config_0002.uni",
    "config/config_0003.uni",
    "data/fluid_data_0002.vdb",
    "mesh/fluid_mesh_0001.bobj.gz",
):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()


def listed(kind: str, frame: int, **settings: object) -> list[str]:
    holder = SimpleNamespace(filepath=str(folder), cache_directory=str(folder), **settings)
    uses = getattr(caches, kind)(OWNER, holder, "it", Moment(frame=frame, time=frame))
    return [use.path.relative_to(folder).as_posix() for use in uses if use.needed or use.path.exists()]


print(
    json.dumps({
        "ocean": [listed("ocean", frame, **ocean) for frame in (0, 3, 9)],
        "fluid": [listed("fluid", frame, has_cache_baked_data=True, **domain) for frame in (1, 2, 3, 4, 5)],
        "unbaked": listed("fluid", 4, has_cache_baked_data=False, **domain),
    })
)  # fmt: skip
