"""Scripts in an open file, drivers and registered texts: which of them weren't run, and what that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from . import baking
from .dependencies import used_data

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_NAMED = 3
_REMEDY = "If you trust the file, --allow-scripts runs them."


def notes(scene: Any, layer: Any) -> Iterator[str]:
    """Say which scripts the picture of a view layer needs that weren't run."""
    texts = [text.name for text in bpy.data.texts if text.use_module]
    drivers = _blocked(scene, layer)
    if drivers:
        also = f" Its texts {', '.join(texts)} aren't run either." if texts else ""
        yield f"Drivers that call Python aren't run, and give 0: {_named(drivers)}.{also} {_REMEDY}"
    elif texts:
        yield f"Its texts {_named(texts)} would run when it is opened, and aren't run. {_REMEDY}"


def _blocked(scene: Any, layer: Any) -> list[str]:
    """Name the drivers of what is rendered that lack Python. They fail when they are evaluated."""
    scripted = [each for each in _drivers() if each[2].type == "SCRIPTED" and not each[2].is_simple_expression]
    if any(driver.is_valid for *_, driver in scripted):  # what is hidden on the screen wasn't evaluated yet
        with baking.as_rendered(scene, layer):
            layer.update()
    failed = [(data, name, driver) for data, name, driver in scripted if _lacks_python(driver)]
    used = used_data(scene, layer) if failed else set()
    return [*dict.fromkeys(f"{name} ({driver.expression})" for data, name, driver in failed if data in used)]


def _named(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _lacks_python(driver: Any) -> bool:
    """Whether a driver failed since scripts aren't run, not since its expression is none."""
    if driver.is_valid:
        return False
    try:
        compile(driver.expression, "driver", "eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _drivers() -> Iterator[tuple[Any, str, Any]]:
    """Give each driver with its data and the name of what it drives."""
    for kind in dir(bpy.data):
        collection = getattr(bpy.data, kind)
        if not isinstance(collection, bpy.types.bpy_prop_collection):
            continue
        for data in collection:
            for holder in (data, getattr(data, "node_tree", None), getattr(data, "shape_keys", None)):
                animation = getattr(holder, "animation_data", None)
                for curve in animation.drivers if animation else ():
                    if not curve.mute:
                        yield data, f"{data.name}: {curve.data_path}", curve.driver
