"""A program's flags: a table of which a node's owner may change any line, for programs we couldn't test ourselves."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import string
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from system.software import find
from tasks.renderers.errors import not_ready

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION_TIMEOUT_S = 120.0
VALUES = (
    "scene", "output", "width", "height", "frame", "camera", "threads",
    "x0", "y0", "x1", "y1", "last_x", "last_y", "name", "value",
)  # fmt: skip
"""Values that a flag may use. ``x1`` and ``y1`` are beyond the region, ``last_x`` and ``last_y`` its last pixels."""

_ADDED = ("no_region",)
"""Flags that came later: unchanged, they don't count in a build's tag, so that builds keep their names."""


class Flags(BaseModel):
    """How a program is called on this node: its defaults, changed by the YAML file that a variable names.

    Parameters
    ----------
    program, places
        The program, by name or path, and patterns of where its installers put it.
    flags
        The flags by name, in order; values are in braces. Empty ones are left out.
    version
        Flag with which it prints its version; empty where ``is_version`` has to be set.
    is_version
        The version, where the program doesn't print it.
    regions
        Whether regions were verified to fit together exactly.
    blank
        Whether a whole frame may be empty.
    still_s
        Seconds without any processor time after which it is ended.
    logs
        Pattern of the paths of logs it writes besides its output.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    program: str
    places: tuple[str, ...] = ()
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
                    raise ValueError(f"{name}: {{{value}}} isn't known; known are {', '.join(VALUES)}")
        return flags

    def arguments(self, *names: str, **values: object) -> list[str]:
        """Return the flags of these names, or all, with their values filled in."""
        return [self.flags[name].format_map(values) for name in names or tuple(self.flags) if self.flags[name]]

    def tag(self, defaults: Flags) -> str:
        """Return a tag for a build's name if flags were changed, since that may change pixels; else empty."""
        if self.flags == defaults.flags:
            return ""
        flags = {name: flag for name, flag in self.flags.items() if name not in _ADDED or flag != defaults.flags[name]}
        return "+" + hashlib.sha256(json.dumps(flags, sort_keys=True).encode()).hexdigest()[:6]

    def path(self, *, variable: str, renderer: str, name: str) -> Path:
        """Return where the program is.

        Raises
        ------
        NodeNotReady
            When it isn't found.
        """
        program = os.environ.get(variable) or self.program
        named = [] if os.environ.get(variable) else sorted(find(*self.places), reverse=True)
        found = shutil.which(program) or next(iter(named), None)
        if not found:
            raise not_ready(
                renderer,
                f"{name} isn't here: there is no program {program}.",
                f"Install it, or name its program in {variable}.",
            )
        return Path(found)


def node_flags(variable: str, defaults: Flags, *, renderer: str) -> Flags:
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


def _error_text(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error).rstrip(".")
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


@cache
def ask_version(program: Path, flag: str, pattern: str) -> str:
    """Run a program with its version flag and return the version; empty if it doesn't print one."""
    try:
        done = subprocess.run(
            [program, flag], stdin=subprocess.DEVNULL, capture_output=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(pattern, (done.stdout + done.stderr).decode(errors="replace"))
    return found[1] if found else ""


def region_values(x0: int, y0: int, x1: int, y1: int) -> Mapping[str, object]:
    """Return the values of a region that flags may use."""
    return {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "last_x": x1 - 1, "last_y": y1 - 1}
