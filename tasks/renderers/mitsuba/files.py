"""Which files Mitsuba opens for a scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mitsuba as mi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.renderers.mitsuba.document import Document

_MITSUBA = Path(mi.__file__).parent
_METAL = ("data/ior/{}.eta.spd", "data/ior/{}.k.spd")
"""Files of a metal by its name. Mitsuba brings many; a scene may have its own in such a folder."""


def dependencies(document: Document) -> tuple[Path, ...]:
    """Return all files of a scene, the scene file first.

    Raises
    ------
    SceneError
        When files are missing.
    """
    files = dict.fromkeys([document.path, *document.read_by_parser])
    missing: dict[str, str] = {}
    for name, place in _named_files(document):
        path = document.resolve(name)
        if not path.is_file():
            missing.setdefault(name, place)
        elif not path.is_relative_to(_MITSUBA):
            files[path] = None
    if missing:
        names = ", ".join(f"{name} (named in {place})" for name, place in missing.items())
        raise document.refuse(f"refers to files that don't exist: {names}", "Put them in place, or correct the names.")
    return tuple(files)


def _named_files(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the names of files that Mitsuba's objects open, each with its place."""
    for node in document.below(0):
        props = document.state.nodes[node].props
        for key in props.keys():  # noqa: SIM118
            if props.type(key) != mi.Properties.Type.String:
                continue
            value = str(props[key])
            if "filename" in key.lower() and value:
                yield value, document.where(node)
            elif key == "material" and document.plugin(node).endswith("conductor") and value != "none":
                for name in _METAL:
                    yield name.format(value), document.where(node)
