"""Settings of this machine, from environment variables, each with a default that works.

A job with an ephemeral farm overrides variables in its context only, so that other jobs of the same process, in other
threads, don't see them. Processes that are started for a job get `environment`.
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
_overrides: ContextVar[Mapping[str, str]] = ContextVar("overrides", default={})  # noqa: B039 - never modified


@contextmanager
def settings_for(**variables: str) -> Iterator[None]:
    """Override environment variables in this context, such as ``FRONTBURNER_SCHEDULER``."""
    token = _overrides.set({**_overrides.get(), **variables})
    try:
        yield
    finally:
        _overrides.reset(token)


def environment() -> dict[str, str]:
    """Return the environment of this context, for processes that are started for the same job."""
    return {**os.environ, **_overrides.get()}


class Settings(BaseSettings):
    """Settings of this machine, read from ``FRONTBURNER_…`` variables of this context or the environment."""

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
        """Give this context's overrides precedence over the environment."""
        overrides = _overrides.get()
        variables = {name: f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        values = {name: overrides[variable] for name, variable in variables.items() if variable in overrides}
        return init_settings, InitSettingsSource(settings_cls, values), env_settings

    home: Path = Field(
        default_factory=lambda: user_data_path("frontburner"),
        description="Folder of the embedded Prefect server's database, and of logs.",
    )
    member: str = Field(
        default="person",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Whose credentials are used on the farm this machine has joined: ``person`` is the logged-in user, "
        "any other name a node.",
    )
    scheduler: str = Field(
        default_factory=lambda known: scheduler_of(known["home"], known["member"]),
        description="Address of a running Dask scheduler, such as tls://10.0.0.5:8786; empty is that of the farm this "
        "machine has joined, or else starts nodes here.",
    )
    cluster: str = Field(
        default="", description="Cluster file that says where nodes are started; empty starts them on this machine."
    )
    files: str = Field(
        default="",
        description="Store of transferred scene files, one for all jobs; empty keeps them in each job's store.",
    )
    scenes: str = Field(
        default="", description="Comma-separated folders of the scenes that submitters may render; empty is none."
    )
    pictures: str = Field(
        default="",
        description="Comma-separated folders or s3://bucket/prefix that submitters' jobs may write to; the first one "
        "is the default.",
    )
    submitted_scripts: bool = Field(
        default=False, description="Whether submitters' jobs may run the scripts in their scenes (`allow_scripts`)."
    )
    upload: ByteSize = Field(
        default=ByteSize(20_000_000_000),
        description="Maximum size of a scene that is dropped on the monitor's page, such as 20GB.",
    )
    store: str = Field(
        default="",
        description="Store that deployments' runs write to if the job's `out` is relative; empty is the run's folder.",
    )
    nodes: int = Field(default=0, ge=0, description="Nodes to start here when there is no scheduler; 0 is automatic.")
    templates: Path | None = Field(
        default=None, description="Folder of job templates that several machines share; empty is none."
    )


def comma_separated(text: str) -> list[str]:
    """Split a comma-separated setting."""
    return [each.strip() for each in text.split(",") if each.strip()]


def scheduler_of(home: Path, member: str) -> str:
    """Return the scheduler of the farm this machine has joined; empty if there is none, or it isn't reachable."""
    return str((membership_fields(home, member) or {}).get("scheduler", ""))


def membership_fields(home: Path, member: str) -> dict[str, Any] | None:
    """Return this machine's membership in a farm; None if it has joined none.

    Raises
    ------
    FrontburnerError
        When it can't be read.
    """
    path = home / "farm" / member / "farm.json"
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(fields, dict):
            raise TypeError  # noqa: TRY301 - reported below like all that is wrong with the file
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise unreadable_membership(path, error) from None
    return fields


def unreadable_membership(path: Path, error: Exception) -> FrontburnerError:
    """Return the error for a membership that can't be read."""
    return FrontburnerError(
        reason=f"This machine's membership in its farm can't be read: {path}: {type(error).__name__}.",
        remedy="Join again: `frontburner login` or `frontburner node join`, with a token.",
    )
