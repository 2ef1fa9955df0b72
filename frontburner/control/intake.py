"""Job intake: a job is read from what a user gives, and checked as far as possible before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontburner.control.taken_outputs import refuse_taken_early
from frontburner.jobs.job import JobRefused, RenderJob, make_job
from frontburner.jobs.job_files import is_job_file, read_document
from frontburner.jobs.scenes import frame_scenes
from frontburner.jobs.templates import load
from frontburner.settings import Settings
from storage.objects import open_store
from system import paths
from tasks.notify_targets import read_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REFUSED = "The job was refused before anything started:"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """The name of a template to fill, and values of its variables as people write them: ``name=value``."""

    template: str = ""
    values: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """Return the fields of the filled template; none if no template is named.

        Raises
        ------
        FrontburnerError
            When there is no such template, or a variable is wrong.
        """
        values = parse_values(self.values)
        if values and not self.template:
            problem = f"set: {next(iter(values))} belongs to no template. Name one: --template NAME"
            raise JobRefused(reason=REFUSED, remedy="", problems=(problem,))
        return load(self.template).template.fill(values) if self.template else {}


def parse_values(values: Iterable[str]) -> dict[str, str]:
    """Read values as people write them after ``--set``: ``name=value``.

    Raises
    ------
    JobRefused
        When one isn't written so.
    """
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not (name.strip() and equals):
            raise JobRefused(reason=REFUSED, remedy="", problems=(f"set: '{name}' does not read as name=value.",))
    return {name.strip(): value for name, _, value in pairs}


def document_of(scene: str) -> dict[str, Any]:
    """Return the document of a scene, or the one a job file holds; unchecked."""
    path = Path(scene)
    return read_document(path) if is_job_file(path) else {"scene": scene}


def read_job(
    scene: str, given: Mapping[str, Any], job_input: JobInput | None = None, *, submitted_here: bool = True
) -> RenderJob:
    """Make a job, and check it. Fields given override those of the scene's job file, and those a template's.

    Parameters
    ----------
    scene
        A scene or a job file; may be empty if the template names a scene.
    submitted_here
        As in `check_job`.

    Raises
    ------
    FrontburnerError
        As `check_job` does.
    """
    document = job_input.document() if job_input else {}
    if scene:
        document |= document_of(scene)
    return checked_job({**document, **given}, submitted_here=submitted_here)


def checked_job(document: Mapping[str, Any], *, submitted_here: bool = True) -> RenderJob:
    """Make a job of its document, and check it; raises as `check_job` does."""
    job = make_job(dict(document))
    check_job(job, submitted_here=submitted_here)
    return job


def check_job(job: RenderJob, *, submitted_here: bool = True) -> None:
    """Check that a job can be rendered, as far as that is known: its scene, store and notification targets exist.

    Parameters
    ----------
    submitted_here
        Whether it is submitted to the farm from this machine.

    Raises
    ------
    JobRefused
        When it can't, or would replace another job's files: each problem with its field, what was given and what
        would be right.
    FrontburnerError
        When something is wrong with its scene or its store.
    """
    settings = Settings()
    if submitted_here and settings.cluster and not settings.scheduler:
        from frontburner.cluster.cluster_file import read_cluster

        read_cluster(settings.cluster)
    elif submitted_here and job.local is False and not settings.scheduler:
        problem = "local: no: there is only this machine. Set FRONTBURNER_SCHEDULER to a farm, or leave it out."
        raise JobRefused(reason=REFUSED, remedy="", problems=(problem,))
    frames = [scene.frame for scene in frame_scenes(job)]
    read_targets(settings.home, job.notify)
    store = open_store(job.out)
    store.check()
    refuse_taken_early(with_absolute_paths(job), frames, store)


def with_absolute_paths(job: RenderJob) -> RenderJob:
    """Make the paths of a job absolute: nodes have other working folders."""
    changes = {"scene": paths.absolute(job.scene)}
    if "://" not in job.out:
        changes["out"] = paths.absolute(job.out)
    return job.model_copy(update=changes)
