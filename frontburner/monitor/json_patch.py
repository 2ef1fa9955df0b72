"""JSON merge patches (RFC 7396): pages are sent changes instead of whole documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch from ``before`` to ``after``; empty if nothing changed.

    None in a patch removes a member, so documents themselves have no member that is None.
    """
    found: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if old is value or old == value:
            continue
        if isinstance(value, dict) and isinstance(old, dict):
            found[name] = patch(old, value)
        else:
            found[name] = value
    return found


def merged(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with a patch applied, as the page does."""
    after = dict(before)
    for name, value in change.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, dict) and isinstance(after.get(name), dict):
            after[name] = merged(after[name], value)
        else:
            after[name] = value
    return after


def without_none(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without members that are None, at every depth."""
    return {
        name: without_none(value) if isinstance(value, dict) else value
        for name, value in document.items()
        if value is not None
    }
