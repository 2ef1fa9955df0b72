"""What a job is known by: the same for every version that asks, so that an upgrade finds its record and wishes again.

That is a digest of what its document says is to be rendered. It always has the fields of `FIRST`; a field that came
later counts only where it isn't its default. What is left at its default is written as the default of that time, also
when another has taken its place.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

DIGITS = 8
HOW_FIELDS = (
    "travel", "priority", "min_nodes", "max_nodes", "groups", "local", "attempts", "unit_timeout_s",
    "movie", "fps", "contact_sheet", "checks", "notify",
)  # fmt: skip
"""Fields that may be changed without making it another job: they change no picture."""
FIRST: Mapping[str, Any] = {
    "scene": None, "renderer": "auto", "frames": "", "size": "", "region": "", "samples": None, "noise": None,
    "time_limit": "", "finish_by": "", "camera": "", "parameters": {}, "aovs": [], "denoise": False, "seed": 0,
    "mode": "auto", "out": "renders", "name": "", "formats": ["exr", "png"], "exr": "half", "png_bits": 8,
    "view": "srgb", "exposure": 0.0, "keep_units": False,
}  # fmt: skip
"""Fields that the digests of jobs were first made of, in their order, with the defaults of that time. Nothing is ever
added, taken away or changed: that would rename all jobs."""


def digest_of(job: BaseModel) -> str:
    """Return the digest by which a job is known."""
    document = job.model_dump(mode="json", exclude=set(HOW_FIELDS))
    chosen = job.model_dump(mode="json", exclude=set(HOW_FIELDS), exclude_defaults=True)
    first = {
        name: was if name not in chosen and document.get(name) != was else document.get(name)
        for name, was in FIRST.items()
    }
    later = {name: chosen[name] for name in sorted(chosen.keys() - FIRST.keys())}
    return hashlib.sha256(to_json(first | later)).hexdigest()[:DIGITS]
