"""The canonical form of records, of which digests are made: stable over versions, so that an upgrade finds stored data.

It always has the fields of `ORIGINAL_FIELDS`. A field that was added later is in it only where its value isn't the
default. So the default of such a field must mean what was done before the field existed, and must never change.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from dataclasses import Field

    from _typeshed import DataclassInstance

ORIGINAL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Encoding": ("exr_half", "png_bits", "view", "exposure_stops"),
    "Footage": ("frames", "encoding"),
    "FrameFiles": ("frame", "files"),
    "FrameScene": ("frame", "path", "parameters"),
    "FrameSpec": (
        "renderer", "build", "scene_digest", "frame", "size", "samples", "seed", "parameters", "camera", "aovs",
    ),
    "Limits": ("time_s", "noise"),
    "Manifest": ("common", "own"),
    "PictureOrder": ("region", "passes", "encoding"),
    "Recipe": ("encoder", "pixels", "suffix", "options", "tag"),
    "Region": ("x0", "y0", "x1", "y1"),
    "SampleRange": ("start", "stop"),
    "SceneFile": ("path", "size_bytes", "sha256"),
    "Size": ("width", "height"),
    "UnitSpec": ("region", "samples"),
}  # fmt: skip
"""Fields that the digests of each record were first made of. Never change them: that would change the identity of all
stored data."""


def canonical(record: DataclassInstance, *, exclude: Collection[str] = ()) -> dict[str, Any]:
    """Return the canonical form of a record, and of records within it, as values for JSON.

    Parameters
    ----------
    exclude
        Fields that aren't part of the record's identity. Those of `ORIGINAL_FIELDS` can't be excluded.
    """
    names = (kind.__name__ for kind in type(record).__mro__)
    original = next((ORIGINAL_FIELDS[name] for name in names if name in ORIGINAL_FIELDS), ())
    later = [field for field in fields(record) if field.name not in (*original, *exclude)]
    included = [*original, *(field.name for field in later if getattr(record, field.name) != _default(field))]
    return {name: _canonical_value(getattr(record, name)) for name in included}


def _canonical_value(value: object) -> object:
    match value:
        case list() | tuple():
            return [_canonical_value(each) for each in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return canonical(value)
        case _:
            return value


def _default(field: Field[Any]) -> object:
    """Return a field's default, or something that equals no value where it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()
