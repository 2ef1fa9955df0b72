"""The intake of jobs: read from what a user gives, and proved to be possible before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frontburner.jobs.job import JobRefused, RenderJob, make_job
from frontburner.jobs.job_files import is_job_file, read_document
from frontburner.jobs.scenes import frame_scenes
from frontburner.jobs.templates import load
from frontburner.settings import Settings
from storage.objects import open_store
from tasks.notify_targets import read_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REFUSED = "The job was refused before anything started:"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """A template to fill, by its name, and values for its variables as people write them: ``name=value``."""

    template: str = ""
    values: Sequence[str] = ()

    def filled(self) -> dict[str, Any]:
        """Return the fields it makes; none where no template is named.

        Raises
        ------
        FrontburnerError
            When there is no such template, or a variable is wrong.
        """
        values = pairs_of(self.values)
        if values and not self.template:
            problem = f"set: {next(iter(values))} belongs to no template. Name one: --template NAME"
            raise JobRefused(reason=REFUSED, remedy="", problems=(problem,))
        return load(self.template).template.fill(values) if self.template else {}


def pairs_of(values: Iterable[str]) -> dict[str, str]:
    """Read values as people write them after ``--set``: ``name=value``.

    Raises
    ------
    JobRefused
        When one reads otherwise.
    """
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not (name.strip() and equals):
            raise JobRefused(reason=REFUSED, remedy="", problems=(f"set: '{name}' does not read as name=value.",))
    return {name.strip(): value for name, _, value in pairs}


def document_of(scene: str) -> dict[str, Any]:
    """Return the document of a scene, or that a job file holds; unchecked."""
    path = Path(scene)
    return read_document(path) if is_job_file(path) else {"scene": scene}


def read_job(scene: str, given: Mapping[str, Any], form: JobInput | None = None, *, here: bool = True) -> RenderJob:
    """Make a job of a scene or job file, and of fields that go before those of the file, and those before the form's.

    Parameters
    ----------
    scene
        May be empty where the form names one.
    here
        As in `prove`.

    Raises
    ------
    FrontburnerError
        As `prove` does.
    """
    document = form.filled() if form else {}
    if scene:
        document |= document_of(scene)
    return checked({**document, **given}, here=here)


def checked(document: Mapping[str, Any], *, here: bool = True) -> RenderJob:
    """Make a job of its document, and prove that it can be rendered.

    Raises
    ------
    FrontburnerError
        As `prove` does.
    """
    job = make_job(dict(document))
    prove(job, here=here)
    return job


def prove(job: RenderJob, *, here: bool = True) -> None:
    """Prove that a job can be rendered, as far as that is known: its scene, its store and whom it tells are there.

    Parameters
    ----------
    here
        Whether it is given to the farm from this machine.

    Raises
    ------
    JobRefused
        When it can't: each problem with its field, what was given and what would be right.
    FrontburnerError
        When its scene or its store is not as it should be.
    """
    if here and Settings().cluster and not Settings().scheduler:
        from frontburner.cluster.cluster_file import read_cluster

        read_cluster(Settings().cluster)
    elif here and job.local is False and not Settings().scheduler:
        problem = "local: no: there is only this machine. Set FRONTBURNER_SCHEDULER to a farm, or leave it out."
        raise JobRefused(reason=REFUSED, remedy="", problems=(problem,))
    frame_scenes(job)
    read_targets(Settings().home, job.notify)
    open_store(job.out).check()


def absolute(job: RenderJob) -> RenderJob:
    """Make paths mean the same on nodes, whose working folder is another."""
    changes = {"scene": str(Path(job.scene).expanduser().absolute())}
    if "://" not in job.out:
        changes["out"] = str(Path(job.out).expanduser().absolute())
    return job.model_copy(update=changes)
