"""Jobs as templates of Open Job Description (jobtemplate-2023-09), for other farms, and back. Pure.

Each frame is a task of its own that runs ``frontburner render`` on whatever machine it is given: none of them needs our
scheduler.
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
OF_THE_WHOLE = (
    "finish_by", "travel", "priority", "min_nodes", "max_nodes", "groups", "local",
    "movie", "fps", "contact_sheet", "checks", "notify",
)  # fmt: skip
"""Fields that are for a job as a whole or for our own farm: a task that renders one frame has none of them."""
_OWN = ("scene", "frames", "out", "name")
_REFERENCE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJdTemplate:
    """A template, and what it leaves out, in sentences."""

    template: dict[str, Any]
    notes: tuple[str, ...]


def export(job: RenderJob, frames: Sequence[int], base: Path) -> OpenJdTemplate:
    """Make a template of a job.

    Parameters
    ----------
    frames
        The frames of the job; those it names itself, or those of its scene.
    base
        Folder the template is put in: paths in it are relative to that, as Open Job Description wants them.

    Raises
    ------
    JobRefused
        When a field has a value no command line can hold.
    """
    still = not job.frames and len(frames) == 1
    told = job.model_dump(mode="json", exclude_defaults=True, exclude=set(_OWN))
    left_out = [name for name in told if name in OF_THE_WHOLE]
    options = [word for name, value in told.items() if name not in left_out for word in _option(name, value)]
    scene, out = _scene_parameter(job.scene, base), _out_parameter(job.out, base)
    of_frame = [] if still else ["--frames", FRAME]
    step: dict[str, Any] = {
        "name": STEP,
        "script": {
            "actions": {
                "onRun": {
                    "command": "{{Param.Frontburner}}",
                    "args": ["render", "{{Param.Scene}}", *of_frame, "--out", "{{Param.Out}}", "--name", job.title,
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
        "description": f"{Path(job.scene).name}, rendered by Frontburner: a task a frame.",
        "parameterDefinitions": parameters,
        "steps": [step],
    }
    notes = [f"{name} is left out: a task renders one frame." for name in left_out]
    notes += [
        f"{each['name']} has no default: it lies outside {base}. Name it where the template is submitted."
        for each in (scene, out)
        if "default" not in each
    ]
    return OpenJdTemplate(template=template, notes=tuple(notes))


def load(template: Mapping[str, Any], base: Path, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Make a job document of a template that `export` made.

    Parameters
    ----------
    base
        Folder the template is in.
    given
        Values of its parameters that go before their defaults.

    Raises
    ------
    JobRefused
        When it is another template, or a parameter has no value.
    """
    words, ranges = _command(template)
    values = _values(template, base, given or {})
    texts = [_REFERENCE.sub(lambda found: _resolved(found[1], values, ranges), str(word)) for word in words]
    document: dict[str, Any] = {"scene": texts[1]}
    rest = iter(texts[2:])
    for word in rest:
        name = word.removeprefix("--").replace("-", "_")
        if not word.startswith("--") or (name != "nodes" and name not in RenderJob.model_fields):
            raise _refused(f"'{word}' is no option of `frontburner render`.")
        value = "yes" if RenderJob.model_fields.get(name) and _is_flag(name) else next(rest, "")
        document |= {} if name == "nodes" else {name: value}
    if "frames" in document:
        document["frames"] = from_range(document["frames"])
    return document


def to_range(frames: Sequence[int]) -> str:
    """Write frames as Open Job Description does: ``1-48,60,70-90:2``."""
    return format_frames(tuple(frames)).replace("x", ":")


def from_range(text: str) -> str:
    """Read frames as Open Job Description writes them."""
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
    means = {"name": "Out", "description": "Where the pictures go."}
    if "://" in out:
        return {**means, "type": "STRING", "default": out}
    return {**means, "type": "PATH", "objectType": "DIRECTORY", "dataFlow": "OUT", **_default(out, base)}


def _default(path: str, base: Path) -> dict[str, str]:
    whole = Path(path).expanduser().absolute()
    return {"default": str(whole.relative_to(base))} if whole.is_relative_to(base) else {}


def _option(name: str, value: object) -> Iterator[str]:
    """Write a field as words of the command line."""
    if value is False:
        return
    yield f"--{name.replace('_', '-')}"
    match value:
        case True:
            return
        case list():
            yield _word(name, ",".join(map(str, value)))
        case dict():
            bad = next((own for own in value.values() if "," in str(own)), None)
            if bad is not None:
                raise _refused(f"{name}: '{bad}' has a comma, which no command line can hold here.")
            yield _word(name, ",".join(f"{key}={own}" for key, own in value.items()))
        case _:
            yield _word(name, str(value))


def _word(name: str, text: str) -> str:
    if "{{" in text:
        raise _refused(f"{name}: '{text}' has {{{{, which Open Job Description takes for a reference.")
    return text


def _command(template: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the words of a template's one command, and the ranges of its task parameters."""
    if template.get("specificationVersion") != VERSION:
        raise _refused(f"specificationVersion: it must be {VERSION}.")
    steps = template.get("steps") or []
    try:
        (step,) = steps
        words = [str(word) for word in step["script"]["actions"]["onRun"]["args"]]
        space = step.get("parameterSpace", {}).get("taskParameterDefinitions", [])
        ranges = {str(each["name"]): str(each["range"]) for each in space}
    except (ValueError, KeyError, TypeError):
        words, ranges = [], {}
    if len(words) < 2 or words[0] != "render":
        raise _refused("steps: there must be one, which runs `frontburner render`, as `frontburner export` makes it.")
    return words, ranges


def _values(template: Mapping[str, Any], base: Path, given: Mapping[str, str]) -> dict[str, str]:
    definitions: Iterable[Mapping[str, Any]] = template.get("parameterDefinitions") or ()
    known = {str(each["name"]): each for each in definitions}
    strange = next((name for name in given if name not in known), None)
    if strange:
        raise _refused(f"{strange}: is not a parameter. Parameters are {', '.join(known)}.")
    values: dict[str, str] = {}
    for name, each in known.items():
        if name in given:
            values[name] = given[name]
        elif "default" in each:
            values[name] = str(base / each["default"]) if each["type"] == "PATH" else str(each["default"])
    return values


def _resolved(name: str, values: Mapping[str, str], ranges: Mapping[str, str]) -> str:
    """Return the value of a reference; that of a task's parameter is its whole range."""
    where, _, own = name.rpartition(".")
    if where == "Task.Param" and own in ranges:
        return _REFERENCE.sub(lambda found: _resolved(found[1], values, {}), ranges[own])
    if where in ("Param", "RawParam") and own in values:
        return values[own]
    raise _refused(f"{own}: has no value. Give it one: --set {own}=…")


def _is_flag(name: str) -> bool:
    return RenderJob.model_fields[name].annotation is bool


def _refused(problem: str) -> JobRefused:
    return JobRefused(reason="Open Job Description was refused:", remedy="", problems=(problem,))
