"""``frontburner export`` and ``import``: jobs in the formats of other farms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import App, Parameter

from frontburner.cli.command import OK, Flag, Values, guarded_with_farm, print_err
from storage.errors import FrontburnerError

export_app = App(name="export", help="Write a job in the format of other farms.")
import_app = App(name="import", help="Read a job that was exported.")
To = Annotated[
    Path | None, Parameter(help="File to write: JSON if its name ends in .json, else YAML. Default: standard output.")
]


@export_app.command(name="openjd")
@guarded_with_farm
def export_openjd(job: str, *, to: To = None, json: Flag = False) -> int:
    """Write a job as a template of Open Job Description (jobtemplate-2023-09), with a task for each frame.

    Each task runs `frontburner render` on its machine and needs no Frontburner farm. Paths are relative to the
    template's folder; without --to, to the current folder.

    Parameters
    ----------
    job
        A job file, or a scene.
    json
        Write JSON rather than YAML.
    """
    from frontburner.control.intake import document_of
    from frontburner.jobs.job import JobRefused, make_job
    from frontburner.jobs.openjd import export
    from frontburner.jobs.scenes import frame_numbers, frame_scenes
    from tasks.scene.frame_scenes import FrameNumbers

    document = make_job(document_of(job))
    frames = [each.frame for each in frame_scenes(document)]
    if frame_numbers(document) is FrameNumbers.OWN:
        problem = f"frames '{document.frames}': only the renderer can read them. Give their numbers."
        raise JobRefused(reason="The job can't be exported:", remedy="", problems=(problem,))
    base = (to.parent if to else Path()).absolute()
    exported = export(document, frames, base)
    for note in exported.notes:
        print_err(note)
    _write(exported.template, to, as_json=json)
    return OK


@import_app.command(name="openjd")
@guarded_with_farm
def import_openjd(
    template: Path,
    *,
    to: To = None,
    values: Values = None,
    json: Flag = False,
) -> int:
    """Write the job file of a template that `frontburner export openjd` made.

    Parameters
    ----------
    template
        The template, YAML or JSON.
    values
        A value for one of its parameters, as Name=value; repeat it for several.
    json
        Write JSON rather than YAML.
    """
    from frontburner.control.intake import parse_values
    from frontburner.jobs.job import make_job
    from frontburner.jobs.job_files import read_document
    from frontburner.jobs.openjd import load

    document = load(read_document(template), template.absolute().parent, parse_values(values or ()))
    make_job(document)
    _write(document, to, as_json=json)
    return OK


def _write(document: dict[str, Any], to: Path | None, *, as_json: bool) -> None:
    if as_json or (to is not None and to.suffix.lower() == ".json"):
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    else:
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    if to is None:
        print(text, end="")
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FrontburnerError(reason=f"{to} can't be written: {error}.", remedy="Choose another file.") from error
