"""Conversion of jobs to Open Job Description templates (jobtemplate-2023-09), for other farms, and back. Pure.

Each frame is a task that runs ``frontburner render`` on the machine it is given; none needs our scheduler.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontburner.jobs.frames import format_frames, parse_frames
from frontburner.jobs.job import JobRefused, RenderJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

VERSION = "jobtemplate-2023-09"
STEP = "render"
FRAME = "{{Task.Param.Frame}}"
WHOLE_JOB_FIELDS = (
    "finish_by", "travel", "priority", "min_nodes", "max_nodes", "groups", "local",
    "movie", "fps", "contact_sheet", "checks", "notify",
)  # fmt: skip
"""Fields that concern a job as a whole or our own farm: a task that renders one frame has none of them."""
_PARAMETER_FIELDS = ("scene", "frames", "out", "name")
_REFERENCE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJdTemplate:
    """A template, and notes on what it omits, in sentences."""

    template: dict[str, Any]
    notes: tuple[str, ...]


def export(job: RenderJob, frames: Sequence[int], base: Path) -> OpenJdTemplate:
    """Return the template of a job.

    Parameters
    ----------
    frames
        The frames of the job: those it names, or else those of its scene.
    base
        Folder of the template, to which paths in it are relative, as Open Job Description demands.

    Raises
    ------
    JobRefused
        When a field has a value that can't be written on a command line.
    """
    still = not job.frames and len(frames) == 1
    fields = job.model_dump(mode="json", exclude_defaults=True, exclude=set(_PARAMETER_FIELDS))
    omitted = [name for name in fields if name in WHOLE_JOB_FIELDS]
    options = [word for name, value in fields.items() if name not in omitted for word in _option(name, value)]
    scene, out = _scene_parameter(job.scene, base), _out_parameter(job.out, base)
    frames_option = [] if still else ["--frames", FRAME]
    step: dict[str, Any] = {
        "name": STEP,
        "script": {
            "actions": {
                "onRun": {
                    "command": "{{Param.Frontburner}}",
                    "args": ["render", "{{Param.Scene}}", *frames_option, "--out", "{{Param.Out}}", "--name", job.title,
                             *options, "--nodes", "{{Param.Nodes}}"],
                }
            }
        },
    }  # fmt: skip
    parameters = [scene, out, _COMMAND, _NODES]
    if not still:
        parameters.insert(1, _frames_parameter(frames))
        frame = {"name": "Frame", "type": "INT", "range": "{{Param.Frames}}"}
        step["parameterSpace"] = {"taskParameterDefinitions": [frame]}
    template = {
        "specificationVersion": VERSION,
        "name": job.title,
        "description": f"{Path(job.scene).name}, rendered by Frontburner, one task a frame.",
        "parameterDefinitions": parameters,
        "steps": [step],
    }
    notes = [f"{name} is left out: a task renders one frame." for name in omitted]
    notes += [
        f"{parameter['name']} has no default: it is outside {base}. Name it where the template is submitted."
        for parameter in (scene, out)
        if "default" not in parameter
    ]
    return OpenJdTemplate(template=template, notes=tuple(notes))


def load(template: Mapping[str, Any], base: Path, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the job document of a template that `export` made.

    Parameters
    ----------
    base
        Folder the template is in.
    given
        Values of its parameters that override their defaults.

    Raises
    ------
    JobRefused
        When `export` didn't make it, or a parameter has no value.
    """
    words, ranges = _command(template)
    values = _values(template, base, given or {})
    texts = [_REFERENCE.sub(lambda match: _resolved(match[1], values, ranges), str(word)) for word in words]
    document: dict[str, Any] = {"scene": texts[1]}
    remaining = iter(texts[2:])
    for word in remaining:
        name = word.removeprefix("--").replace("-", "_")
        if not word.startswith("--") or (name != "nodes" and name not in RenderJob.model_fields):
            raise _refused(f"'{word}' is no option of `frontburner render`.")
        field = RenderJob.model_fields.get(name)
        value = "yes" if field and field.annotation is bool else next(remaining, "")
        document |= {} if name == "nodes" else {name: value}
    if "frames" in document:
        document["frames"] = from_range(document["frames"])
    return document


def to_range(frames: Sequence[int]) -> str:
    """Format frames as Open Job Description does: ``1-48,60,70-90:2``."""
    return format_frames(tuple(frames)).replace("x", ":")


def from_range(text: str) -> str:
    """Convert frames from Open Job Description's syntax to ours."""
    try:
        return format_frames(parse_frames(text.replace(":", "x")))
    except ValueError as error:
        raise _refused(f"Frames: {error}") from None


_COMMAND = {"name": "Frontburner", "type": "STRING", "default": "frontburner", "description": "The command."}
_NODES = {
    "name": "Nodes", "type": "INT", "default": 1, "minValue": 1,
    "description": "Nodes a task starts on its machine; they share its cores.",
}  # fmt: skip


def _frames_parameter(frames: Sequence[int]) -> dict[str, Any]:
    return {"name": "Frames", "type": "STRING", "default": to_range(frames), "description": "Frames to render."}


def _scene_parameter(scene: str, base: Path) -> dict[str, Any]:
    return {"name": "Scene", "type": "PATH", "objectType": "FILE", "dataFlow": "IN",
            "description": "The scene.", **_default(scene, base)}  # fmt: skip


def _out_parameter(out: str, base: Path) -> dict[str, Any]:
    common = {"name": "Out", "description": "Where the pictures go."}
    if "://" in out:
        return {**common, "type": "STRING", "default": out}
    return {**common, "type": "PATH", "objectType": "DIRECTORY", "dataFlow": "OUT", **_default(out, base)}


def _default(path: str, base: Path) -> dict[str, str]:
    absolute = Path(path).expanduser().absolute()
    return {"default": str(absolute.relative_to(base))} if absolute.is_relative_to(base) else {}


def _option(name: str, value: object) -> Iterator[str]:
    """Return a field as words of the command line."""
    if value is False:
        return
    yield f"--{name.replace('_', '-')}"
    match value:
        case True:
            return
        case list():
            yield _word(name, ",".join(map(str, value)))
        case dict():
            bad = next((each for each in value.values() if "," in str(each)), None)
            if bad is not None:
                raise _refused(f"{name}: '{bad}' has a comma, which separates values on the command line.")
            yield _word(name, ",".join(f"{key}={each}" for key, each in value.items()))
        case _:
            yield _word(name, str(value))


def _word(name: str, text: str) -> str:
    if "{{" in text:
        raise _refused(f"{name}: '{text}' has {{{{, which Open Job Description reads as a reference.")
    return text


def _command(template: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the words of a template's only command, and the ranges of its task parameters."""
    if template.get("specificationVersion") != VERSION:
        raise _refused(f"specificationVersion: it must be {VERSION}.")
    steps = template.get("steps") or []
    try:
        (step,) = steps
        words = [str(word) for word in step["script"]["actions"]["onRun"]["args"]]
        space = step.get("parameterSpace", {}).get("taskParameterDefinitions", [])
        ranges = {str(parameter["name"]): str(parameter["range"]) for parameter in space}
    except (ValueError, KeyError, TypeError):
        words, ranges = [], {}
    if len(words) < 2 or words[0] != "render":
        raise _refused("steps: there must be one, which runs `frontburner render`, as `frontburner export` makes it.")
    return words, ranges


def _values(template: Mapping[str, Any], base: Path, given: Mapping[str, str]) -> dict[str, str]:
    definitions: Iterable[Mapping[str, Any]] = template.get("parameterDefinitions") or ()
    known = {str(definition["name"]): definition for definition in definitions}
    unknown = next((name for name in given if name not in known), None)
    if unknown:
        raise _refused(f"{unknown}: is not a parameter. Parameters are {', '.join(known)}.")
    values: dict[str, str] = {}
    for name, definition in known.items():
        default = definition.get("default")
        if name in given:
            values[name] = given[name]
        elif default is not None:
            values[name] = str(base / default) if definition["type"] == "PATH" else str(default)
    return values


def _resolved(name: str, values: Mapping[str, str], ranges: Mapping[str, str]) -> str:
    """Return the value of a reference; that of a task's parameter is its whole range."""
    scope, _, parameter = name.rpartition(".")
    if scope == "Task.Param" and parameter in ranges:
        return _REFERENCE.sub(lambda match: _resolved(match[1], values, {}), ranges[parameter])
    if scope in ("Param", "RawParam") and parameter in values:
        return values[parameter]
    raise _refused(f"{parameter}: has no value. Give it one: --set {parameter}=…")


def _refused(problem: str) -> JobRefused:
    return JobRefused(reason="Open Job Description was refused:", remedy="", problems=(problem,))
