"""What is wrong with a document a user wrote, in sentences: its field, what was given, what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    Location = tuple[int | str, ...]


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)


def sentences(
    error: ValidationError, model: type[BaseModel], what: str, *, where: Callable[[Location], str] = _dotted
) -> tuple[str, ...]:
    """Return a sentence for each problem of a document.

    Parameters
    ----------
    model
        What it should be, and what that is called, such as ``a job``.
    where
        Names a place in it.
    """
    return tuple(_sentence(problem, model, what, where) for problem in error.errors(include_url=False))


def _sentence(problem: ErrorDetails, model: type[BaseModel], what: str, name: Callable[[Location], str]) -> str:
    where = name(problem["loc"]) or what.rpartition(" ")[2]
    own = len(problem["loc"]) == 1
    given = problem.get("input")
    if problem["type"] == "extra_forbidden":
        known = f"is not a field of {what}. Fields are {', '.join(model.model_fields)}." if own else "is no field here."
        return f"{where}: {known}"
    if problem["type"] == "missing":
        means = model.model_fields[str(problem["loc"][0])].description if own else ""
        return f"{where}: is missing." + (f" It is {means}" if means else "")
    text = str(problem["ctx"]["error"]) if problem["type"] == "value_error" else problem["msg"]
    if not problem["loc"]:
        return text  # about several fields at once: the sentence names them
    told = f"'{given}'" in text or (problem["type"] == "value_error" and isinstance(given, dict))
    shown = "" if told else f"{given!r}: "
    return f"{where}: {shown}{text}"
