"""Scripts in an open file, drivers and registered texts: which of them weren't run, and what that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_NAMED = 3
_REMEDY = "If you trust the file, allow_scripts runs them."


def notes() -> Iterator[str]:
    """Say which scripts the picture needs that weren't run. Drivers have to have been evaluated."""
    texts = [text.name for text in bpy.data.texts if text.use_module]
    drivers = [*dict.fromkeys(f"{name} ({driver.expression})" for name, driver in _drivers() if _lacks_python(driver))]
    if drivers:
        also = f" Its texts {', '.join(texts)} aren't run either." if texts else ""
        yield f"Drivers that call Python aren't run, and give 0: {_named(drivers)}.{also} {_REMEDY}"
    elif texts:
        yield f"Its texts {_named(texts)} would run when it is opened, and aren't run. {_REMEDY}"


def _named(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _lacks_python(driver: Any) -> bool:
    """Whether a driver failed since scripts aren't run, not since its expression is none."""
    if driver.type != "SCRIPTED" or driver.is_valid or driver.is_simple_expression:
        return False
    try:
        compile(driver.expression, "driver", "eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _drivers() -> Iterator[tuple[str, Any]]:
    """Give each driver with the name of what it drives."""
    for kind in dir(bpy.data):
        collection = getattr(bpy.data, kind)
        if not isinstance(collection, bpy.types.bpy_prop_collection):
            continue
        for data in collection:
            for holder in (data, getattr(data, "node_tree", None), getattr(data, "shape_keys", None)):
                animation = getattr(holder, "animation_data", None)
                for curve in animation.drivers if animation else ():
                    if not curve.mute:
                        yield f"{data.name}: {curve.data_path}", curve.driver
