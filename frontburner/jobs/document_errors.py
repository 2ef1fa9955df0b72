"""Validation errors of a document a user wrote, as sentences: the field, what was given, what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    Location = tuple[int | str, ...]


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)


def problems_of(
    error: ValidationError, model: type[BaseModel], kind: str, *, name: Callable[[Location], str] = _dotted
) -> tuple[str, ...]:
    """Return a sentence for each problem of a document.

    Parameters
    ----------
    model, kind
        What it should be, and what that is called, such as ``a job``.
    name
        Names a place in the document.
    """
    return tuple(_sentence(problem, model, kind, name) for problem in error.errors(include_url=False))


def _sentence(problem: ErrorDetails, model: type[BaseModel], kind: str, name: Callable[[Location], str]) -> str:
    place = name(problem["loc"]) or kind.rpartition(" ")[2]
    top_level = len(problem["loc"]) == 1
    given = problem.get("input")
    if problem["type"] == "extra_forbidden":
        fields = ", ".join(model.model_fields)
        return f"{place}: " + (f"is not a field of {kind}. Fields are {fields}." if top_level else "is no field here.")
    if problem["type"] == "missing":
        meaning = model.model_fields[str(problem["loc"][0])].description if top_level else ""
        return f"{place}: is missing." + (f" It is {meaning}" if meaning else "")
    text = str(problem["ctx"]["error"]) if problem["type"] == "value_error" else problem["msg"]
    if not problem["loc"]:
        return text  # about several fields at once: the sentence names them
    names_value = f"'{given}'" in text or (problem["type"] == "value_error" and isinstance(given, dict))
    return f"{place}: {text}" if names_value else f"{place}: {given!r}: {text}"
