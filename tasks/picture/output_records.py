"""Records of the files in a store: what each holds, and which job wrote it, so that no other replaces it unasked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from storage.bulk import map_concurrently
from storage.errors import FrontburnerError, MissingObject
from storage.objects import INTERNAL_PREFIX
from system import paths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.objects import ObjectStore

RECORDS = f"{INTERNAL_PREFIX}/files/"
WAY_OUT = "Give this job another name or folder, or replace what is there: --overwrite."


@dataclass(kw_only=True, eq=False)
class OutputTaken(FrontburnerError):
    """A file of this name is another job's, or nobody's that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOwner:
    """The job that writes a file, and what the file shows.

    Parameters
    ----------
    job
        The job's identity.
    scene, camera, parameters, region
        What the file shows, as the job says it. Settings that only say how well it is rendered aren't listed: the same
        view of the same scene may be rendered again with others.
    overwrites
        Whether the job may replace whatever is there; not part of the record.
    """

    job: str
    scene: str
    camera: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    region: str = ""
    overwrites: bool = False

    def replaces(self, other: OutputOwner) -> bool:
        """Whether its file is a newer one of what another shows. The whole frame replaces a part of it, too."""
        same = (self.camera, self.parameters) == (other.camera, other.parameters)
        return same and self.region in ("", other.region) and paths.are_same(self.scene, other.scene)

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "job": self.job,
            "scene": self.scene,
            "camera": self.camera,
            "parameters": dict(self.parameters),
            "region": self.region,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOutput:
    """A file that isn't to be replaced unasked; ``owner`` is None where nothing says that a job wrote it."""

    key: str
    url: str
    owner: OutputOwner | None
    wanted_by: OutputOwner

    def sentence(self) -> str:
        """Say whose it is."""
        if self.owner is None:
            return f"{self.url} is there already, and nothing says that a job wrote it."
        if not paths.are_same(self.owner.scene, self.wanted_by.scene):
            return f"{self.url} was written by the job {self.owner.job}, of {self.owner.scene}."
        return f"{self.url} was written by the job {self.owner.job}, which shows another view of the same scene."


def record_key(key: str) -> str:
    """Key of the record of a file."""
    return f"{RECORDS}{key}.json"


def claim(key: str, owner: OutputOwner | None, store: ObjectStore) -> None:
    """Note that a file's record doesn't hold any more, since its job is about to replace it.

    It still says whose the file is, so that after a crash nobody takes it for a file of unknown origin.
    """
    if owner is None:
        store.delete(record_key(key))
    else:
        store.write(record_key(key), json.dumps({"order": "", "owner": owner.document()}).encode())


def taken_outputs(keys: Iterable[str], owner: OutputOwner, store: ObjectStore) -> list[TakenOutput]:
    """Return those of these files that the job would replace although they aren't its own."""
    if owner.overwrites:
        return []
    return [taken for taken in map_concurrently(partial(_taken, owner=owner, store=store), keys) if taken]


def refuse_to_replace(keys: Iterable[str], owner: OutputOwner | None, store: ObjectStore) -> None:
    """Raise `OutputTaken` if a file is there that isn't to be replaced."""
    taken = taken_outputs(keys, owner, store) if owner is not None else []
    if taken:
        raise OutputTaken(reason=f"{taken[0].sentence()} It was left as it is.", remedy=WAY_OUT)


def _taken(key: str, owner: OutputOwner, store: ObjectStore) -> TakenOutput | None:
    try:
        record = json.loads(store.read(record_key(key)))
    except MissingObject:
        other = None
    except ValueError:
        return None  # a record that can't be read is one of ours all the same
    else:
        other = _owner_from(record)
        if other is None or owner.replaces(other):  # records of the first versions name no owner
            return None
    if not store.exists(key):
        return None
    return TakenOutput(key=key, url=store.locate(key), owner=other, wanted_by=owner)


def _owner_from(record: object) -> OutputOwner | None:
    try:
        owner = record["owner"]  # type: ignore[index]
        return OutputOwner(**{**owner, "parameters": tuple(sorted(owner["parameters"].items()))})
    except (TypeError, KeyError, AttributeError):
        return None
