"""The libraries that used data is linked from, and what they don't have any more."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import bpy

from .file_use import FileUse, kind_of, located

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def files(used: Iterable[Any]) -> list[FileUse]:
    """Return the files of libraries that data is linked or overridden from, and of those that led to them."""
    found: dict[Path, FileUse] = {}
    for library in _libraries(used):
        if not library.packed_file and not getattr(library, "is_archive", False):
            path = _path(library)
            found[path] = FileUse(path, f"the library {library.name!r}")
    return list(found.values())


def lost(used: Iterable[Any]) -> list[str]:
    """Return linked data that isn't in its library any more, as sentences name it."""
    if "is_missing" in bpy.types.ID.bl_rna.properties:
        missing = [data for data in used if data.is_missing]
    else:
        missing = list(_not_listed(used))
    return sorted(f"the {kind_of(data)} {data.name!r} of {_path(data.library)}" for data in missing)


def _libraries(used: Iterable[Any]) -> set[Any]:
    waiting = {data.library for data in used}
    waiting |= {data.override_library.reference.library for data in used if _overrides(data)}
    found: set[Any] = set()
    while waiting:
        found |= waiting
        waiting = {library.parent for library in waiting if library is not None} - found
    return found - {None}


def _overrides(data: Any) -> bool:
    return bool(data.override_library and data.override_library.reference)


def _path(library: Any) -> Path:
    return located(library, library.filepath)


def _not_listed(used: Iterable[Any]) -> Iterator[Any]:
    """List data whose library, if it exists, doesn't have it: older versions don't say."""
    linked = defaultdict(list)
    for data in used:
        if data.library is not None and not data.library.packed_file:
            linked[data.library].append(data)
    for library, all_data in linked.items():
        try:
            with bpy.data.libraries.load(str(_path(library))) as (there, _):
                names = {kind: set(getattr(there, kind)) for kind in dir(there)}
        except OSError:  # a missing library is reported as a file
            continue
        for kind, known in names.items():
            of_kind = set(getattr(bpy.data, kind, ()))
            yield from (data for data in all_data if data in of_kind and data.name not in known)
