"""A chain: jobs and commands that depend on each other, such as simulation, render and proof, in one document."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from frontburner.jobs.document_errors import problems_of
from frontburner.jobs.durations import parse_span
from frontburner.jobs.field_values import comma_list, number_to_text
from frontburner.jobs.job import JobRefused, RenderJob
from frontburner.jobs.job_files import read_document, with_scene_beside

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELD = "stages"
"""The field that makes a job file a chain."""


def _arguments(value: object) -> object:
    """Take numbers for their text; a line that a shell would split is no argument list."""
    return [number_to_text(each) for each in value] if isinstance(value, list) else value


class Stage(BaseModel):
    """One part of a chain: a job to render, or a command to run on the machine the chain is given from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="What others call it in after.", pattern=r"^\w[\w.+-]{0,99}$")
    after: Annotated[list[str], BeforeValidator(comma_list)] = Field(
        default=[], description="Stages that must be complete before it begins."
    )
    job: RenderJob | None = Field(None, description="The job to render.")
    run: Annotated[list[str], BeforeValidator(_arguments)] = Field(
        default=[], description="Or the command to run, as a list of the program and its arguments; no shell reads it."
    )
    folder: str = Field("", description="Where the command runs; empty is the chain's own folder.")
    time_limit: str = Field("", description="End the command after this time, such as 30m; empty is no limit.")
    reads: Annotated[list[str], BeforeValidator(comma_list)] = Field(
        default=[],
        description="Files and folders the command depends on: when one changes, it runs again. "
        "Files among its arguments count anyway.",
    )
    writes: Annotated[list[str], BeforeValidator(comma_list)] = Field(
        default=[], description="Files and folders the command makes: when one isn't there, it runs again."
    )

    @field_validator("time_limit")
    @classmethod
    def _time_limit_reads(cls, value: str) -> str:
        if value:
            parse_span(value)
        return value

    @model_validator(mode="after")
    def _renders_or_runs(self) -> Stage:
        if bool(self.run) == bool(self.job):
            raise ValueError("must have either a job to render or a command to run.")
        unfit = [name for name in ("folder", "time_limit", "reads", "writes") if self.job and getattr(self, name)]
        if unfit:
            raise ValueError(f"{unfit[0]} is for a command, and this is a job.")
        return self


class Chain(BaseModel):
    """Stages, each of which begins when those it comes after are complete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("chain", description="What it is called.", pattern=r"^\w[\w .+-]{0,99}$")
    folder: str = Field(".", description="Where its commands run, unless they say otherwise.")
    stages: list[Stage] = Field(description="The jobs and commands, in any order.", min_length=1)

    @model_validator(mode="after")
    def _stages_fit(self) -> Chain:
        known = [stage.name for stage in self.stages]
        twice = next((name for name in known if known.count(name) > 1), None)
        if twice:
            raise ValueError(f"stages: there are two called '{twice}'.")
        for stage in self.stages:
            strange = next((name for name in stage.after if name not in known), None)
            if strange:
                there = ", ".join(known)
                raise ValueError(f"{stage.name}: after '{strange}': no stage is called so. There are {there}.")
        try:
            TopologicalSorter({stage.name: stage.after for stage in self.stages}).prepare()
        except CycleError as error:
            circle = " after ".join(reversed(error.args[1]))
            raise ValueError(f"stages: they wait for each other: {circle}. Take one of these out.") from None
        return self

    def in_order(self) -> tuple[Stage, ...]:
        """Return the stages, each behind all it comes after, and else as they are written."""
        ordered: list[Stage] = []
        waiting = list(self.stages)
        while waiting:
            done = {stage.name for stage in ordered}
            ready = next(stage for stage in waiting if done.issuperset(stage.after))
            waiting.remove(ready)
            ordered.append(ready)
        return tuple(ordered)

    def behind(self, name: str) -> frozenset[str]:
        """Return all stages that come after one, directly or not."""
        found = {name}
        for stage in self.in_order():
            if found.intersection(stage.after):
                found.add(stage.name)
        return frozenset(found - {name})


def is_chain(document: Mapping[str, Any]) -> bool:
    """Whether a job file's document is a chain."""
    return FIELD in document


def read_chain(path: Path, given: Mapping[str, Any]) -> Chain:
    """Read a chain from its file. Paths in it are relative to that; its jobs take the fields given besides.

    Raises
    ------
    JobRefused
        With every problem, by stage and field.
    """
    document = read_document(path)
    stages = document.get(FIELD)
    if isinstance(stages, list):
        stages = [_with_job(path, stage, given) for stage in stages]
    folder = path.parent / str(document.get("folder") or ".")
    whole = {"name": path.stem} | document | {FIELD: stages, "folder": str(folder.absolute())}
    try:
        return Chain.model_validate(whole)
    except ValidationError as error:
        problems = problems_of(error, Chain, "a chain", name=lambda location: _where(location, stages))
        raise JobRefused(reason=f"The chain {path} was refused:", remedy="", problems=problems) from None


def _with_job(path: Path, stage: object, given: Mapping[str, Any]) -> object:
    """Have a stage's job be a document, with what the command line says of all of them."""
    if not isinstance(stage, dict) or not isinstance(stage.get("job"), dict | str):
        return stage
    job = stage["job"]
    whole = read_document(path.parent / job) if isinstance(job, str) else with_scene_beside(path, job)
    return stage | {"job": whole | dict(given)}


def _where(location: tuple[int | str, ...], stages: object) -> str:
    """Name a place in a chain: a stage by its name."""
    parts: list[int | str] = list(location)
    if len(parts) > 1 and parts[0] == FIELD and isinstance(parts[1], int):
        stage = stages[parts[1]] if isinstance(stages, list) else None
        named = isinstance(stage, dict) and stage.get("name")
        parts[:2] = [str(named or f"stage {parts[1] + 1}")]
    return ": ".join(str(part) for part in parts)


def expected(path: str, folder: str) -> Path:
    """Where a path of a command's stage is."""
    return Path(folder) / Path(path).expanduser()
