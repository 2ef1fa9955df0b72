"""Where things are on this machine: settings from the environment, each with a default that works.

A job that has a farm of its own has its own variables besides, in its context only: other jobs of the same process,
in other threads, see none of them. What is started for a job is given `environment`.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path
from pydantic import ByteSize, Field
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_settings import PydanticBaseSettingsSource

PREFIX = "FRONTBURNER_"
_own: ContextVar[Mapping[str, str]] = ContextVar("own variables", default={})  # noqa: B039 - it is never changed


@contextmanager
def settings_for(**variables: str) -> Iterator[None]:
    """Have variables of the environment be others in this context, such as ``FRONTBURNER_SCHEDULER``."""
    token = _own.set({**_own.get(), **variables})
    try:
        yield
    finally:
        _own.reset(token)


def environment() -> dict[str, str]:
    """Return the environment as this context has it: what a process gets that is started for the same job."""
    return {**os.environ, **_own.get()}


class Settings(BaseSettings):
    """Settings of this machine, read from ``FRONTBURNER_…`` variables of this context or of the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there is no such file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nor such a folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Have this context's variables come before the environment's."""
        named = {name: f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        own = {name: value for name, variable in named.items() if (value := _own.get().get(variable)) is not None}
        return init_settings, InitSettingsSource(settings_cls, own), env_settings

    home: Path = Field(
        default_factory=lambda: user_data_path("frontburner"),
        description="Folder of the embedded Prefect server's database, and of logs.",
    )
    member: str = Field(
        default="person",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Whose papers are used on a farm this machine was let into: those of whoever is logged in, "
        "or of a node of this name.",
    )
    scheduler: str = Field(
        default_factory=lambda known: scheduler_of(known["home"], known["member"]),
        description="Address of a running Dask scheduler, such as tls://10.0.0.5:8786; empty is the one of the farm "
        "this user is logged in to, or else starts nodes here.",
    )
    cluster: str = Field(
        default="", description="File of the cluster that nodes are started on; empty starts them on this machine."
    )
    files: str = Field(
        default="",
        description="Store of scene files that travel, one for all jobs; empty keeps them in each job's own store.",
    )
    scenes: str = Field(
        default="",
        description="Folders whose scenes people who may only submit can have rendered, with commas; empty is none.",
    )
    pictures: str = Field(
        default="",
        description="Where pictures of their jobs may go: folders or s3://bucket/prefix, with commas; the first is "
        "taken if a job names none.",
    )
    upload: ByteSize = Field(
        default=ByteSize(20_000_000_000),
        description="The most bytes of a scene that is dropped on the monitor's page, such as 20GB.",
    )
    store: str = Field(
        default="",
        description="Store that pictures of runs of deployments go to where the job's `out` is relative; "
        "empty keeps them in the folder the run works in.",
    )
    nodes: int = Field(default=0, ge=0, description="Nodes to start here when there is no scheduler; 0 chooses.")
    templates: Path | None = Field(
        default=None, description="Folder of job templates that several machines share; empty is none."
    )


def listed(text: str) -> list[str]:
    """Return what a setting lists with commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def scheduler_of(home: Path, member: str) -> str:
    """Return the scheduler of the farm this machine was let into; empty if it is in none, or may not reach it."""
    return str((membership_fields(home, member) or {}).get("scheduler", ""))


def membership_fields(home: Path, member: str) -> dict[str, Any] | None:
    """Return what this machine keeps of the farm it was let into; None if it is in none.

    Raises
    ------
    FrontburnerError
        When it can't be read.
    """
    note = home / "farm" / member / "farm.json"
    try:
        fields: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise unreadable_membership(note, error) from None
    return fields


def unreadable_membership(note: Path, error: Exception) -> FrontburnerError:
    """Return the error of a machine whose membership in a farm can't be read."""
    return FrontburnerError(
        reason=f"What this machine holds of its farm can't be read: {note}: {type(error).__name__}.",
        remedy="Let it in again: `frontburner login` or `frontburner node join`, with a token.",
    )
