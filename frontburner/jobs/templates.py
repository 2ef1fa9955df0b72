"""Where job templates are kept: by name, in a folder of this machine and in one that is shared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

from frontburner.jobs.document_errors import sentences
from frontburner.jobs.files import beside
from frontburner.jobs.template import JobTemplate, TemplateRefused
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from tasks.yaml_files import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTemplate:
    """A template with its name and the file it is kept in."""

    name: str
    path: Path
    template: JobTemplate


def folders() -> list[Path]:
    """Folders templates are kept in: this machine's own first, then the one that is shared, where there is one."""
    settings = Settings()
    return [settings.home / "templates", *filter(None, [settings.templates])]


def names() -> list[str]:
    """Names of all templates; one of this machine hides a shared one of its name."""
    return sorted({path.stem for folder in folders() if folder.is_dir() for path in folder.glob(f"*{SUFFIX}")})


def load(name: str) -> SavedTemplate:
    """Return the template of a name.

    Raises
    ------
    TemplateRefused
        When there is none, or it isn't as a template must be: each problem with its variable or field.
    """
    for folder in folders():
        path = folder / f"{name}{SUFFIX}"
        if path.is_file():
            return SavedTemplate(name=name, path=path, template=read_template(path))
    known = ", ".join(names())
    there = f"There are {known}." if known else "There is none yet: frontburner template save NAME JOB.yaml"
    problem = f"template: there is none called '{name}'. {there}"
    raise TemplateRefused(reason="The template was refused:", remedy="", problems=(problem,))


def read_template(path: Path) -> JobTemplate:
    """Read a template, or a job file as a template without variables.

    Raises
    ------
    JobRefused
        When it is neither: each problem with its variable or field.
    """
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _refused(path, " ".join(str(error).split())) from None
    if not isinstance(document, dict):
        raise _refused(path, "it must have a field `job`, or be a job file.")
    if "job" not in document:
        document = {"job": document}
    if isinstance(document["job"], dict):
        document["job"] = beside(path, document["job"])
    try:
        template = JobTemplate.model_validate(document)
    except ValidationError as error:
        raise _refused(path, *sentences(error, JobTemplate, "a template", where=_where)) from None
    template.prove()
    return template


def save(name: str, source: Path, *, shared: bool = False) -> Path:
    """Keep a template, or a job file, under a name; what had that name is replaced. Returns its file.

    Raises
    ------
    JobRefused
        When it makes no job.
    FrontburnerError
        When there is no place for it.
    """
    if not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        raise TemplateRefused(
            reason="The template was refused:",
            remedy="",
            problems=(f"name: '{name}' can't name a file. Use letters, digits and . _ + - (a letter or digit first).",),
        )
    template = read_template(source)
    if shared and Settings().templates is None:
        raise FrontburnerError(
            reason="There is no folder for templates that are shared.",
            remedy="Name one in FRONTBURNER_TEMPLATES, or leave --shared out.",
        )
    folder = folders()[-1 if shared else 0]
    path = folder / f"{name}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        passing = path.with_suffix(".new")
        passing.write_text(_written(template), encoding="utf-8")
        passing.replace(path)
    except OSError as error:
        raise FrontburnerError(reason=f"{path} can't be written: {error}.", remedy="Give yourself leave.") from error
    return path


def _written(template: JobTemplate) -> str:
    document = template.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[location[:1] == ("job",) :])


def _refused(path: Path, *problems: str) -> TemplateRefused:
    return TemplateRefused(reason=f"The template {path} was refused:", remedy="", problems=problems)
