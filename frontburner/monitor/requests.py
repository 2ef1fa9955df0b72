"""Requests to the monitor: who may do what, protection from other sites, JSON bodies, and errors with their status."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from frontburner.jobs.job import RenderJob
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

Permission = Literal["look", "submit", "operate"]
PermissionCheck = Callable[["Request", Permission], bool]
Model = TypeVar("Model", bound=BaseModel)

SCRIPT_HEADER = "x-frontburner"
"""A header that only a script of the page itself can send: no form or link of another site has it."""
MAX_BYTES = 64_000
MAX_ERRORS = 5
FORBIDDEN, NOT_FOUND, CONFLICT, TOO_LARGE = 403, 404, 409, 413
_READING = ("GET", "HEAD")


@dataclass(kw_only=True, eq=False)
class RequestRefused(FrontburnerError):
    """The request isn't allowed, or its files or scene aren't accepted."""

    status: int = 400


@dataclass(kw_only=True, eq=False)
class BadRequest(FrontburnerError):
    """There is no such action, or its arguments are invalid."""


def allow_all(_: Request, __: Permission) -> bool:
    """Allow everything to everyone who reaches the app: for a server on loopback only."""
    return True


def require(request: Request, permission: Permission, allowed: PermissionCheck) -> None:
    """Refuse a request without permission, or sent by another site's page.

    Raises
    ------
    RequestRefused
        With status 403.
    """
    if request.method not in _READING and request.headers.get(SCRIPT_HEADER) != "1":
        reason = f"Requests that change something need the header {SCRIPT_HEADER}: 1."
        raise RequestRefused(reason=reason, remedy="", status=FORBIDDEN)
    if not allowed(request, permission):
        raise RequestRefused(reason=f"You may not {permission}.", remedy="Ask whoever runs the farm.", status=FORBIDDEN)


async def read_json(request: Request, max_bytes: int = MAX_BYTES) -> object:
    """Read a small JSON document; an empty body is an empty one.

    Raises
    ------
    BadRequest
        When it is too large, or no JSON.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > max_bytes:
            raise BadRequest(reason=f"More than {max_bytes} bytes were sent.", remedy="Send less.")
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadRequest(reason="The body is no JSON.", remedy="Send a JSON object.") from None


def validate(model: type[Model], document: object) -> Model:
    """Make a model of a document.

    Raises
    ------
    BadRequest
        With the fields that are wrong.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        errors = error.errors()[:MAX_ERRORS]
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors)
        raise BadRequest(reason=f"The request is invalid: {wrong}.", remedy="") from None


def problems_by_field(problems: Iterable[str]) -> dict[str, str]:
    """Sort a job's problems by the field that each begins with; those of no field are under an empty name."""
    found: dict[str, str] = {}
    for problem in problems:
        name, _, rest = problem.partition(":")
        field = name.split(" ")[0]
        key, text = (field, rest if name == field else problem) if field in RenderJob.model_fields else ("", problem)
        found[key] = f"{found[key]} {text.strip()}" if key in found else text.strip()
    return found
