"""What records are known by: the same for every version that asks, so that an upgrade finds again what was kept before.

A digest is made of a record's canonical form. That always has the fields of `FIRST`, each as it is. A field that came
later is in it only where it isn't its default, which stands for all that was made before there was a choice. So the
default of such a field must mean what was done without it, and never changes.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from dataclasses import Field

    from _typeshed import DataclassInstance

FIRST: Mapping[str, tuple[str, ...]] = {
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
"""Fields that the digests of each record were first made of. Nothing is ever added or taken away: that would rename all
that is kept."""


def canonical(record: DataclassInstance, *, but: Collection[str] = ()) -> dict[str, Any]:
    """Return what a record is known by, as values for JSON; those within it, likewise.

    Parameters
    ----------
    but
        Fields that it isn't known by.
    """
    first = next((FIRST[kind.__name__] for kind in type(record).__mro__ if kind.__name__ in FIRST), ())
    later = [own for own in fields(record) if own.name not in (*first, *but)]
    told = [*first, *(own.name for own in later if getattr(record, own.name) != _default(own))]
    return {name: _value(getattr(record, name)) for name in told}


def _value(value: object) -> object:
    match value:
        case list() | tuple():
            return [_value(each) for each in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return canonical(value)
        case _:
            return value


def _default(field: Field[Any]) -> object:
    """Return a field's default; what equals nothing where it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()
