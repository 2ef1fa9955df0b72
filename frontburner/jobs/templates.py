"""Job templates: job documents with variables, kept by name in a folder of this machine and in a shared one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Template as Pattern
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from frontburner.jobs.document_errors import problems_of
from frontburner.jobs.field_values import number_to_text
from frontburner.jobs.job import JobRefused, RenderJob, make_job
from frontburner.jobs.job_files import with_scene_beside
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.files import replace
from tasks.yaml_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SUFFIX = ".yaml"
PLACEHOLDER_SCENE = "scene.xml"
"""Scene with which a template that names none is tried."""
_REFUSED = "The template was refused:"


@dataclass(kw_only=True, eq=False)
class TemplateRefused(JobRefused):
    """A template, or values for one, that make no job: each problem names its variable or field."""


def _with_default(given: object) -> object:
    """Take a value alone for a variable's default."""
    return given if isinstance(given, dict) else {"default": given}


def _default_text(given: object) -> object:
    return ",".join(map(str, given)) if isinstance(given, list) else number_to_text(given)


class Variable(BaseModel):
    """What may differ from one use of a template to the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: Annotated[str | None, BeforeValidator(_default_text)] = Field(
        None, description="Its value where none is given; without one, it must be given."
    )
    description: str = Field("", description="What it means, for those who use the template.")
    choices: list[str] = Field(default=[], description="The values it may have; empty allows any.")

    @model_validator(mode="after")
    def _default_is_a_choice(self) -> Variable:
        if self.choices and self.default is not None and self.default not in self.choices:
            raise ValueError(f"default '{self.default}' is none of its choices: {', '.join(self.choices)}.")
        return self


class JobTemplate(BaseModel):
    """A job document in which ``$name`` stands for a variable's value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = Field("", description="What it is for, in a sentence.")
    variables: dict[str, Annotated[Variable, BeforeValidator(_with_default)]] = Field(
        default={}, description="Each variable with its default, or with default, description and choices."
    )
    job: dict[str, Any] = Field(description="Fields of the job; $name or ${name} stands for a variable, $$ for a $.")

    @field_validator("variables")
    @classmethod
    def _names_are_identifiers(cls, variables: dict[str, Variable]) -> dict[str, Variable]:
        for name in variables:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"'{name}' can't name a variable. Use letters, digits and _, a letter first.")
        return variables

    @field_validator("job")
    @classmethod
    def _fields_are_known(cls, job: dict[str, Any]) -> dict[str, Any]:
        unknown = [name for name in job if name not in RenderJob.model_fields]
        if unknown:
            raise ValueError(f"{unknown[0]}: is not a field of a job. Fields are {', '.join(RenderJob.model_fields)}.")
        return job

    @model_validator(mode="after")
    def _variables_are_used(self) -> JobTemplate:
        used = dict(_references(self.job))
        for name, field in used.items():
            if name not in self.variables:
                raise ValueError(f"{field}: ${name} is not a variable of the template. Add it to its variables.")
        for name in self.variables:
            if name not in used:
                raise ValueError(f"variables: {name} is not used in the job. Write ${name} there, or take it out.")
        return self

    def fill(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Return the job document with these values of variables, and the defaults of all others.

        Raises
        ------
        TemplateRefused
            When a value is missing, isn't one of its choices, or belongs to no variable.
        """
        known = f"Variables are {', '.join(self.variables)}." if self.variables else "The template has none."
        problems = [f"{name}: is not a variable. {known}" for name in values if name not in self.variables]
        chosen: dict[str, str] = {}
        for name, variable in self.variables.items():
            value = values.get(name, variable.default)
            if value is None:
                meaning = f" It is {variable.description}" if variable.description else ""
                problems.append(f"{name}: has no default. Give it a value: --set {name}=…{meaning}")
            elif variable.choices and value not in variable.choices:
                problems.append(f"{name}: '{value}' is none of its choices: {', '.join(variable.choices)}.")
            else:
                chosen[name] = value
        if problems:
            raise TemplateRefused(reason=_REFUSED, remedy="", problems=tuple(problems))
        filled = _filled(self.job, chosen)
        assert isinstance(filled, dict)
        return filled

    def check(self) -> None:
        """Check that it makes a job, if each variable has a default or choices. Raises `JobRefused` if it doesn't."""
        values = {name: v.default or next(iter(v.choices), None) for name, v in self.variables.items()}
        if all(value is not None for value in values.values()):
            make_job({"scene": PLACEHOLDER_SCENE} | self.fill({name: str(value) for name, value in values.items()}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTemplate:
    """A template with its name and file."""

    name: str
    path: Path
    template: JobTemplate


def folders() -> list[Path]:
    """Folders of templates: this machine's first, then the shared one, if there is one."""
    settings = Settings()
    return [settings.home / "templates", *filter(None, [settings.templates])]


def names() -> list[str]:
    """Names of all templates; one of this machine hides a shared one of the same name."""
    return sorted({path.stem for folder in folders() if folder.is_dir() for path in folder.glob(f"*{SUFFIX}")})


def load(name: str) -> SavedTemplate:
    """Return the template of a name.

    Raises
    ------
    TemplateRefused
        When there is none, or it is malformed: each problem with its variable or field.
    """
    for folder in folders():
        path = folder / f"{name}{SUFFIX}"
        if path.is_file():
            return SavedTemplate(name=name, path=path, template=read_template(path))
    known = ", ".join(names())
    remedy = f"There are {known}." if known else "There is none yet: frontburner template save NAME JOB.yaml"
    problem = f"template: there is none called '{name}'. {remedy}"
    raise TemplateRefused(reason=_REFUSED, remedy="", problems=(problem,))


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
        document["job"] = with_scene_beside(path, document["job"])
    try:
        template = JobTemplate.model_validate(document)
    except ValidationError as error:
        raise _refused(path, *problems_of(error, JobTemplate, "a template", name=_place)) from None
    template.check()
    return template


def save(name: str, source: Path, *, shared: bool = False) -> Path:
    """Save a template, or a job file, under a name, replacing what had that name. Returns its file.

    Raises
    ------
    JobRefused
        When it makes no job.
    FrontburnerError
        When its folder doesn't exist and can't be made, or isn't writable.
    """
    if not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        problem = f"name: '{name}' can't name a file. Use letters, digits and . _ + - (a letter or digit first)."
        raise TemplateRefused(reason=_REFUSED, remedy="", problems=(problem,))
    template = read_template(source)
    if shared and Settings().templates is None:
        raise FrontburnerError(
            reason="There is no folder for shared templates.",
            remedy="Name one in FRONTBURNER_TEMPLATES, or leave --shared out.",
        )
    folder = folders()[-1 if shared else 0]
    path = folder / f"{name}{SUFFIX}"
    document = template.model_dump(mode="json", exclude_defaults=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100), encoding="utf-8")
        replace(temporary, path)
    except OSError as error:
        remedy = "Make its folder writable."
        raise FrontburnerError(reason=f"{path} can't be written: {error}.", remedy=remedy) from error
    return path


def _references(value: object, field: str = "") -> Iterator[tuple[str, str]]:
    """Variables a value refers to, each with the field it is used in."""
    match value:
        case str():
            pattern = Pattern(value)
            if not pattern.is_valid():
                raise ValueError(f"{field}: '{value}' has a $ that names no variable. Write $$ for a $.")
            yield from ((name, field) for name in pattern.get_identifiers())
        case dict():
            for name, each in value.items():
                yield from _references(each, field or str(name))
        case list():
            for each in value:
                yield from _references(each, field)


def _filled(value: object, chosen: Mapping[str, str]) -> object:
    match value:
        case str():
            return Pattern(value).substitute(chosen)
        case dict():
            return {name: _filled(each, chosen) for name, each in value.items()}
        case list():
            return [_filled(each, chosen) for each in value]
        case _:
            return value


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[location[:1] == ("job",) :])


def _refused(path: Path, *problems: str) -> TemplateRefused:
    return TemplateRefused(reason=f"The template {path} was refused:", remedy="", problems=problems)
