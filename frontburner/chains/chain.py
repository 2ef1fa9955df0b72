"""The chain document: jobs and commands that depend on each other, such as simulation, render and proof."""

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
    """Convert numbers in a list to text; a string isn't split, since no shell reads the arguments."""
    return [number_to_text(each) for each in value] if isinstance(value, list) else value


class Stage(BaseModel):
    """One part of a chain: a job to render, or a command to run on the machine the chain is given from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Its name, for the field after of other stages.", pattern=r"^\w[\w.+-]{0,99}$")
    after: Annotated[list[str], BeforeValidator(comma_list)] = Field(
        default=[], description="Stages that must be complete before it starts."
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
        "Files among its arguments always count.",
    )
    writes: Annotated[list[str], BeforeValidator(comma_list)] = Field(
        default=[], description="Files and folders the command makes: when one is missing, it runs again."
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
        misplaced = [name for name in ("folder", "time_limit", "reads", "writes") if self.job and getattr(self, name)]
        if misplaced:
            raise ValueError(f"{misplaced[0]} is for a command, and this is a job.")
        return self


class Chain(BaseModel):
    """Stages, each of which starts when those it depends on are complete."""

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
            unknown = next((name for name in stage.after if name not in known), None)
            if unknown:
                raise ValueError(f"{stage.name}: after '{unknown}': no such stage. There are {', '.join(known)}.")
        try:
            TopologicalSorter({stage.name: stage.after for stage in self.stages}).prepare()
        except CycleError as error:
            cycle = " after ".join(reversed(error.args[1]))
            raise ValueError(f"stages: they wait for each other: {cycle}. Take one of these out.") from None
        return self

    def in_order(self) -> tuple[Stage, ...]:
        """Return the stages, each behind those it depends on, otherwise in the order of the document."""
        ordered: list[Stage] = []
        waiting = list(self.stages)
        while waiting:
            done = {stage.name for stage in ordered}
            ready = next(stage for stage in waiting if done.issuperset(stage.after))
            waiting.remove(ready)
            ordered.append(ready)
        return tuple(ordered)

    def dependent_on(self, name: str) -> frozenset[str]:
        """Return all stages that depend on one, directly or not."""
        dependent = {name}
        for stage in self.in_order():
            if dependent.intersection(stage.after):
                dependent.add(stage.name)
        return frozenset(dependent - {name})


def is_chain(document: Mapping[str, Any]) -> bool:
    """Whether a job file's document is a chain."""
    return FIELD in document


def read_chain(path: Path, given: Mapping[str, Any]) -> Chain:
    """Read a chain from its file. Paths in it are relative to the file; fields given override those of its jobs.

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
    document = {"name": path.stem} | document | {FIELD: stages, "folder": str(folder.absolute())}
    try:
        return Chain.model_validate(document)
    except ValidationError as error:
        problems = problems_of(error, Chain, "a chain", name=lambda location: _place(location, stages))
        raise JobRefused(reason=f"The chain {path} was refused:", remedy="", problems=problems) from None


def _with_job(path: Path, stage: object, given: Mapping[str, Any]) -> object:
    """Return a stage with its job's document, with the fields given on the command line."""
    if not isinstance(stage, dict) or not isinstance(stage.get("job"), dict | str):
        return stage
    job = stage["job"]
    document = read_document(path.parent / job) if isinstance(job, str) else with_scene_beside(path, job)
    return stage | {"job": document | dict(given)}


def _place(location: tuple[int | str, ...], stages: object) -> str:
    """Name a place in a chain: a stage by its name."""
    parts: list[int | str] = list(location)
    if len(parts) > 1 and parts[0] == FIELD and isinstance(parts[1], int):
        stage = stages[parts[1]] if isinstance(stages, list) else None
        name = isinstance(stage, dict) and stage.get("name")
        parts[:2] = [str(name or f"stage {parts[1] + 1}")]
    return ": ".join(str(part) for part in parts)


def resolve_path(path: str, folder: str) -> Path:
    """Resolve a path of a command's stage, which is relative to the folder it runs in."""
    return Path(folder) / Path(path).expanduser()
