"""Which role may ask what of the gateway. Pure: a method and a path go in, yes or no comes out."""

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
"""Where the monitor takes scenes that are dropped on its page."""
SOCKET = "SOCKET"
"""The method of a web socket, here."""

PEOPLE = frozenset({Role.LOOK, Role.SUBMIT, Role.OPERATE})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY = "[0-9a-f]{32}"
_OF_A_SCENE = tuple(
    (method, re.compile(f"{SUBMISSIONS}{path}"))
    for method, path in (
        ("POST", ""),
        ("PUT", f"/{_KEY}/[0-9]{{1,5}}"),
        ("POST", f"/{_KEY}/(read|render|discard)"),
    )
)
"""All that bringing a scene takes."""
_QUESTIONS = re.compile(rf"{API}/(?:[\w-]+/)*(?:filter|count|paginate|history|lateness|count-by/\w+|next-runs)/?")
"""What Prefect is asked by POST and answers without changing anything."""
_LISTENING = frozenset({f"{API}/events/out", f"{API}/logs/out"})


def allowed(role: Role, method: str, path: str) -> bool:
    """Say whether a role may ask this. A web socket's method is `SOCKET`."""
    if role is Role.NODE:
        return False  # a node has its scheduler and its store; it is let in and its certificate renewed elsewhere
    if role is Role.OPERATE or method in _READS:
        return True
    if path.rstrip("/") == JOBS:
        return role is Role.SUBMIT and method == "POST"
    if any(method == own and pattern.fullmatch(path) for own, pattern in _OF_A_SCENE):
        return role is Role.SUBMIT
    if method == SOCKET:
        return path in _LISTENING
    return method == "POST" and _QUESTIONS.fullmatch(path) is not None


def uploads(role: Role, method: str, path: str) -> bool:
    """Say whether this is a file of a scene, from somebody who may bring one: it may be larger than all else."""
    return method == "PUT" and may(role, "submit") and _OF_A_SCENE[1][1].fullmatch(path) is not None


def may(role: Role, what: str) -> bool:
    """Say whether a role may `look`, `submit` or `operate`."""
    wanted: dict[str, Collection[Role]] = {
        "look": PEOPLE,
        "submit": {Role.SUBMIT, Role.OPERATE},
        "operate": {Role.OPERATE},
    }
    return role in wanted[what]


def plain(path: str) -> bool:
    """Whether a path means the same to everyone who reads it: no steps up, no double or turned slashes, no controls."""
    if not path.startswith("/") or "//" in path or "\\" in path or not path.isprintable():
        return False
    return not any(part in (".", "..") for part in path.split("/"))
