"""The flags of a program that can't be tried here: one table, of which a node's owner may change any line."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from tasks.errors import NodeNotReady

if TYPE_CHECKING:
    from collections.abc import Mapping

VALUES = (
    "scene", "output", "width", "height", "frame", "camera", "threads",
    "x0", "y0", "x1", "y1", "last_x", "last_y", "name", "value",
)  # fmt: skip
"""What a flag may name. ``x1`` and ``y1`` lie beyond the region, ``last_x`` and ``last_y`` are its last pixels."""


class Flags(BaseModel):
    """How a program is called on this node: its defaults, changed by the YAML file that a variable names.

    Parameters
    ----------
    program
        The program, by name or path.
    flags
        A flag each, in order; values stand in braces. Empty is left out.
    version
        What it is called with to say its version; empty where it has to be said here.
    is_version
        The version, where the program doesn't say it.
    regions
        Whether regions were seen to fit together exactly.
    blank
        Whether a whole frame may be empty.
    still_s
        Seconds without any processor time after which it is given up.
    logs
        Pattern of the paths of logs it keeps besides its output.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    program: str
    flags: dict[str, str]
    version: str = ""
    is_version: str = ""
    regions: bool = False
    blank: bool = False
    still_s: float = 300.0
    logs: str = ""

    @field_validator("flags")
    @classmethod
    def _values_are_known(cls, flags: dict[str, str]) -> dict[str, str]:
        for name, flag in flags.items():
            for _, value, _, _ in string.Formatter().parse(flag):
                if value is not None and value not in VALUES:
                    raise ValueError(f"{name}: {{{value}}} is nothing that is known; known are {', '.join(VALUES)}")
        return flags

    def words(self, *names: str, **values: object) -> list[str]:
        """Return the flags of these names; all flags that don't name what isn't given, without any."""
        chosen = names or tuple(self.flags)
        return [self.flags[name].format_map(values) for name in chosen if self.flags[name]]

    def tag(self, defaults: Flags) -> str:
        """Return a mark of what was changed of the flags, empty if nothing: it may change pixels."""
        if self.flags == defaults.flags:
            return ""
        return "+" + hashlib.sha256(json.dumps(self.flags, sort_keys=True).encode()).hexdigest()[:6]

    def path(self, *, variable: str, renderer: str, name: str) -> Path:
        """Return where the program is.

        Raises
        ------
        NodeNotReady
            When it is nowhere.
        """
        wanted = os.environ.get(variable) or self.program
        found = shutil.which(wanted)
        if not found:
            raise not_ready(
                renderer,
                f"{name} isn't here: there is no program {wanted}.",
                f"Install it, or name its program in {variable}.",
            )
        return Path(found)


def flags_of(variable: str, defaults: Flags, *, renderer: str) -> Flags:
    """Return the flags of this node.

    Raises
    ------
    NodeNotReady
        When the file that changes them is wrong.
    """
    file = os.environ.get(variable)
    if not file:
        return defaults
    try:
        return _changed(defaults, yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {})
    except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError) as error:
        raise not_ready(
            renderer, f"{file} is wrong: {_error_text(error)}.", f"Correct it, or unset {variable}."
        ) from error


def _changed(defaults: Flags, changes: dict[str, Any]) -> Flags:
    """Return the defaults with these changes. Raises `ValueError`."""
    unknown = set(changes.get("flags", {})) - set(defaults.flags)
    if unknown:
        raise ValueError(f"flags: there is no {', '.join(sorted(unknown))}; there are {', '.join(defaults.flags)}")
    return Flags(**{**defaults.model_dump(), **changes, "flags": defaults.flags | changes.get("flags", {})})


def not_ready(renderer: str, reason: str, remedy: str) -> NodeNotReady:
    """Say why this node can't render."""
    return NodeNotReady(reason=reason, remedy=remedy, node=os.environ.get("FRONTBURNER_NODE", ""), renderer=renderer)


def _error_text(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error).rstrip(".")
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def region_values(x0: int, y0: int, x1: int, y1: int) -> Mapping[str, object]:
    """Return what flags may say of a region."""
    return {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "last_x": x1 - 1, "last_y": y1 - 1}
