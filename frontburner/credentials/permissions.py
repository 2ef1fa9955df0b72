"""Which role may request what from the gateway. Pure: a method and a path go in, yes or no comes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from frontburner.credentials.tokens import Role

if TYPE_CHECKING:
    from collections.abc import Collection

PREFECT = "/prefect"
API = f"{PREFECT}/api"
JOBS = "/jobs"
SUBMISSIONS = "/api/submissions"
"""Where the monitor receives scenes that are dropped on its page."""
JOIN = "/join"
"""Where nodes get what they install."""
LEAVE = "/leave"
"""Where a node says that it leaves the farm for good."""
WEBSOCKET = "SOCKET"
"""Stands for the method of a web socket."""

PEOPLE = frozenset({Role.LOOK, Role.SUBMIT, Role.OPERATE})
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY = "[0-9a-f]{32}"
_SCENE_UPLOAD = re.compile(f"{SUBMISSIONS}/{_KEY}/[0-9]{{1,5}}")
_SUBMISSION_REQUESTS = (
    ("POST", re.compile(SUBMISSIONS)),
    ("PUT", _SCENE_UPLOAD),
    ("POST", re.compile(f"{SUBMISSIONS}/{_KEY}/(read|render|discard)")),
)
_QUERIES = re.compile(rf"{API}/(?:[\w-]+/)*(?:filter|count|paginate|history|lateness|count-by/\w+|next-runs)/?")
"""POST requests to Prefect that change nothing."""
_SUBSCRIPTIONS = frozenset({f"{API}/events/out", f"{API}/logs/out"})


def is_allowed(role: Role, method: str, path: str) -> bool:
    """Whether a role may make a request. The method of a web socket is `WEBSOCKET`."""
    if role is Role.NODE:  # nodes use the scheduler and the store; /enrol checks their tokens itself
        return (method == "GET" and path.startswith(f"{JOIN}/")) or (method == "POST" and path == LEAVE)
    if role is Role.OPERATE or method in _READ_METHODS:
        return True
    if path.rstrip("/") == JOBS:
        return role is Role.SUBMIT and method == "POST"
    if any(method == allowed and pattern.fullmatch(path) for allowed, pattern in _SUBMISSION_REQUESTS):
        return role is Role.SUBMIT
    if method == WEBSOCKET:
        return path in _SUBSCRIPTIONS
    return method == "POST" and _QUERIES.fullmatch(path) is not None


def is_scene_upload(role: Role, method: str, path: str) -> bool:
    """Whether this is an allowed upload of a scene file, whose body may be larger than others."""
    return method == "PUT" and may(role, "submit") and _SCENE_UPLOAD.fullmatch(path) is not None


def may(role: Role, permission: str) -> bool:
    """Whether a role may `look`, `submit` or `operate`."""
    roles: dict[str, Collection[Role]] = {
        "look": PEOPLE,
        "submit": {Role.SUBMIT, Role.OPERATE},
        "operate": {Role.OPERATE},
    }
    return role in roles[permission]


def is_plain_path(path: str) -> bool:
    r"""Whether a path means the same to every parser: no ``.`` or ``..``, ``//``, ``\`` or control characters."""
    if not path.startswith("/") or "//" in path or "\\" in path or not path.isprintable():
        return False
    return not any(part in (".", "..") for part in path.split("/"))
