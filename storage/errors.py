"""The base of every error Frontburner raises: what happened, what to do, whether to try again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(kw_only=True, eq=False)
class FrontburnerError(Exception):
    """An error with its cause and its remedy in plain words.

    Parameters
    ----------
    reason
        One sentence that names the cause.
    remedy
        One sentence that says what to do.
    retryable
        Whether the same call may succeed when it is made again.
    """

    reason: str
    remedy: str
    retryable: bool = False

    def __post_init__(self) -> None:
        super().__init__(self.reason)

    def __str__(self) -> str:
        return f"{self.reason} {self.remedy}".strip()

    def __init_subclass__(cls) -> None:
        # Prefect logs errors by their repr: a sentence for every kind, where a dataclass would list its fields.
        cls.__repr__ = FrontburnerError.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by position; ours are keyword-only and cross process borders.
        return _rebuild, (type(self), {f.name: getattr(self, f.name) for f in fields(self)})


def _rebuild(cls: type[FrontburnerError], values: dict[str, Any]) -> FrontburnerError:
    return cls(**values)


@dataclass(kw_only=True, eq=False)
class StoreError(FrontburnerError):
    """A store refused, failed or lost an object."""

    url: str
    key: str = ""

    @property
    def passes(self) -> bool:
        """Whether it may be over soon, without anything done about the call that met it."""
        return self.retryable


@dataclass(kw_only=True, eq=False)
class StoreFull(StoreError):
    """A store has no room left, until somebody makes some."""

    @property
    def passes(self) -> bool:
        """It is over when there is room."""
        return True


@dataclass(kw_only=True, eq=False)
class CorruptObject(StoreError):
    """An object exists but its bytes are not the ones that were written."""


@dataclass(kw_only=True, eq=False)
class MissingObject(StoreError):
    """There is no object under the key that was asked for."""


@dataclass(kw_only=True, eq=False)
class FileChanged(FrontburnerError):
    """A file doesn't hold what it was said to hold."""

    path: str
