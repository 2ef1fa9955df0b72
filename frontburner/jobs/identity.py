"""The digest that identifies a job, the same in every version, so that an upgrade finds the job's record again.

It is computed from the fields that say what is rendered. The fields of `FIRST` always count; a field added later counts
only where it isn't its default. A field of `FIRST` that is left at its default counts as the default of that time, even
if the default has changed since.
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
    "movie", "fps", "contact_sheet", "checks", "notify", "overwrite", "bake",
)  # fmt: skip
"""Fields that change how a job is rendered, but no picture: changing them doesn't make it another job."""
FIRST: Mapping[str, Any] = {
    "scene": None, "renderer": "auto", "frames": "", "size": "", "region": "", "samples": None, "noise": None,
    "time_limit": "", "finish_by": "", "camera": "", "parameters": {}, "aovs": [], "denoise": False, "seed": 0,
    "mode": "auto", "out": "renders", "name": "", "formats": ["exr", "png"], "exr": "half", "png_bits": 8,
    "view": "srgb", "exposure": 0.0, "keep_units": False,
}  # fmt: skip
"""Fields of the first digests, in their order, with the defaults of that time. Never add, remove or change any: that
would rename all jobs."""

SINCE: Mapping[str, tuple[Any, ...]] = {"view": ("scene",)}
"""Defaults that fields of `FIRST` had later. Records have all values, so one of these means that it was left alone."""


def digest_of(job: BaseModel) -> str:
    """Return the digest that identifies a job."""
    document = job.model_dump(mode="json", exclude=set(HOW_FIELDS))
    changed = job.model_dump(mode="json", exclude=set(HOW_FIELDS), exclude_defaults=True)

    def left_alone(name: str) -> bool:
        return name not in changed or document.get(name) in SINCE.get(name, ())

    first = {
        name: default if left_alone(name) and document.get(name) != default else document.get(name)
        for name, default in FIRST.items()
    }
    later = {name: changed[name] for name in sorted(changed.keys() - FIRST.keys())}
    return hashlib.sha256(to_json(first | later)).hexdigest()[:DIGITS]
