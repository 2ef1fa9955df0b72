"""A job template: a job document with variables, each with a default. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Template as Text
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from frontburner.jobs.field_values import plain
from frontburner.jobs.job import JobRefused, RenderJob, make_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANY_SCENE = "scene.xml"
"""Stands for the scene where a template is tried that names none."""


@dataclass(kw_only=True, eq=False)
class TemplateRefused(JobRefused):
    """A template, or values for one, that make no job: each problem names its variable or field."""


def _value(given: object) -> object:
    """Take a value alone for a variable's default."""
    return given if isinstance(given, dict) else {"default": given}


def _text(given: object) -> object:
    return ",".join(map(str, given)) if isinstance(given, list) else plain(given)


class Variable(BaseModel):
    """What may differ from one use of a template to the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: Annotated[str | None, BeforeValidator(_text)] = Field(
        None, description="Its value where none is given; without one, it must be given."
    )
    description: str = Field("", description="What it means, for those who use the template.")
    choices: list[str] = Field(default=[], description="The values it may have; none named is any.")

    @model_validator(mode="after")
    def _default_is_a_choice(self) -> Variable:
        if self.choices and self.default is not None and self.default not in self.choices:
            raise ValueError(f"default '{self.default}' is none of its choices: {', '.join(self.choices)}.")
        return self


class JobTemplate(BaseModel):
    """A job document in which ``$name`` stands for a variable's value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = Field("", description="What it is for, in a sentence.")
    variables: dict[str, Annotated[Variable, BeforeValidator(_value)]] = Field(
        default={}, description="Each variable with its default, or with default, description and choices."
    )
    job: dict[str, Any] = Field(description="Fields of the job; $name or ${name} stands for a variable, $$ for a $.")

    @field_validator("variables")
    @classmethod
    def _names_read(cls, variables: dict[str, Variable]) -> dict[str, Variable]:
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
        used = dict(_uses(self.job))
        for name, field in used.items():
            if name not in self.variables:
                raise ValueError(f"{field}: ${name} is not a variable of the template. Add it to its variables.")
        for name in self.variables:
            if name not in used:
                raise ValueError(f"variables: {name} stands nowhere in the job. Write ${name} there, or take it out.")
        return self

    def fill(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Return the job document with these values of variables, and the defaults of all others.

        Raises
        ------
        TemplateRefused
            When a value is missing, isn't one of its choices, or belongs to no variable.
        """
        problems = [f"{name}: is not a variable. {self._known()}" for name in values if name not in self.variables]
        chosen: dict[str, str] = {}
        for name, variable in self.variables.items():
            value = values.get(name, variable.default)
            if value is None:
                means = f" It is {variable.description}" if variable.description else ""
                problems.append(f"{name}: has no default. Give it a value: --set {name}=…{means}")
            elif variable.choices and value not in variable.choices:
                problems.append(f"{name}: '{value}' is none of its choices: {', '.join(variable.choices)}.")
            else:
                chosen[name] = value
        if problems:
            raise TemplateRefused(reason="The template was refused:", remedy="", problems=tuple(problems))
        filled = _filled(self.job, chosen)
        assert isinstance(filled, dict)
        return filled

    def prove(self) -> None:
        """Prove that it makes a job, where all its variables have a value.

        Raises
        ------
        JobRefused
            When it doesn't.
        """
        tried = {name: v.default or next(iter(v.choices), None) for name, v in self.variables.items()}
        if all(value is not None for value in tried.values()):
            make_job({"scene": ANY_SCENE} | self.fill({name: str(value) for name, value in tried.items()}))

    def _known(self) -> str:
        return f"Variables are {', '.join(self.variables)}." if self.variables else "The template has none."


def _uses(value: object, field: str = "") -> Iterator[tuple[str, str]]:
    """Variables that stand in a value, each with the field it stands in."""
    match value:
        case str():
            pattern = Text(value)
            if not pattern.is_valid():
                raise ValueError(f"{field}: '{value}' has a $ that names no variable. Write $$ for a $.")
            yield from ((name, field) for name in pattern.get_identifiers())
        case dict():
            for name, own in value.items():
                yield from _uses(own, field or str(name))
        case list():
            for own in value:
                yield from _uses(own, field)


def _filled(value: object, chosen: Mapping[str, str]) -> object:
    match value:
        case str():
            return Text(value).substitute(chosen)
        case dict():
            return {name: _filled(own, chosen) for name, own in value.items()}
        case list():
            return [_filled(own, chosen) for own in value]
        case _:
            return value
