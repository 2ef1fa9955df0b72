"""Targets of notifications, named in ``notify.yaml``. Secrets stay there or in the environment, out of jobs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from storage.errors import FrontburnerError
from system.files import others_may_read
from system.software import how_to_keep_private
from tasks.yaml_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILE = "notify.yaml"


@dataclass(kw_only=True, eq=False)
class UnknownTarget(FrontburnerError):
    """A target that isn't described in ``notify.yaml``, or is described wrongly."""


class Occasion(StrEnum):
    """Events that a target may be notified of."""

    DONE = "done"
    FLAGGED = "flagged"
    FAILED = "failed"


def _from_environment(value: object) -> object:
    """Replace ``$NAME`` by the environment variable's value."""
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    if value[1:] not in os.environ:
        raise ValueError(f"the environment has no {value[1:]}. Set it where this process is started.")
    return os.environ[value[1:]]


Secret = Annotated[SecretStr, BeforeValidator(_from_environment)]
Setting = Annotated[str, BeforeValidator(_from_environment)]


class Email(BaseModel):
    """E-mail addresses, and the server that sends mail to them."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)
    to: list[str] = Field(min_length=1)
    sender: str = Field(alias="from")
    server: Setting
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Setting = ""
    password: Secret = SecretStr("")


class Target(BaseModel):
    """One of the three ways to notify, and on what occasions."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    email: Email | None = None
    webhook: Secret | None = None
    service: Secret | None = None
    on: list[Occasion] = Field(default=list(Occasion), min_length=1)

    @model_validator(mode="after")
    def _has_one_way(self) -> Target:
        if [self.email, self.webhook, self.service].count(None) != 2:
            raise ValueError("must have one of email, webhook and service.")
        return self


def read_targets(home: Path, names: Iterable[str]) -> dict[str, Target]:
    """Read the targets of these names.

    Raises
    ------
    UnknownTarget
        When one isn't described or described wrongly, or other users may read the file.
    """
    wanted = list(names)
    described = _read(home / FILE) if wanted else {}
    targets = {}
    for name in wanted:
        if name not in described:
            known = ", ".join(sorted(described)) or "none"
            raise UnknownTarget(
                reason=f"notify: there is no target '{name}' in {home / FILE}; it has {known}.",
                remedy="Describe it there, or name another.",
            )
        targets[name] = _target(name, described[name])
    return targets


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if others_may_read(path):
            raise UnknownTarget(
                reason=f"notify: others may read {path}, which holds secrets.", remedy=how_to_keep_private(path)
            )
        return TypeAdapter(dict[str, Any]).validate_python(read_yaml(path.read_text(encoding="utf-8")) or {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError):
        raise UnknownTarget(
            reason=f"notify: {path} can't be read, or isn't a list of targets.",
            remedy="Write it as docs/nightly.md shows.",
        ) from None


def _target(name: str, described: object) -> Target:
    try:
        return Target.model_validate(described)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UnknownTarget(
            reason=f"notify: the target '{name}' is described wrongly: {where + ': ' if where else ''}{problem['msg']}",
            remedy=f"Correct it in {FILE}.",
        ) from None
