"""The errors Frontburner raises: each says what happened, what to do, and whether a retry may help."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(kw_only=True, eq=False)
class FrontburnerError(Exception):
    """Base of all errors: a cause and its remedy, in plain words.

    Parameters
    ----------
    reason
        One sentence: the cause.
    remedy
        One sentence: what to do about it.
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
        # Prefect logs the repr of errors: make it a sentence, where a dataclass would list its fields.
        cls.__repr__ = FrontburnerError.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by position; ours are keyword-only and cross process boundaries.
        return _rebuild, (type(self), {f.name: getattr(self, f.name) for f in fields(self)})


def _rebuild(cls: type[FrontburnerError], values: dict[str, Any]) -> FrontburnerError:
    return cls(**values)


@dataclass(kw_only=True, eq=False)
class StoreError(FrontburnerError):
    """A store refused, failed or lost an object."""

    url: str
    key: str = ""

    @property
    def temporary(self) -> bool:
        """Whether the store may recover while the caller waits."""
        return self.retryable


@dataclass(kw_only=True, eq=False)
class StoreFull(StoreError):
    """A store has no space left."""

    @property
    def temporary(self) -> bool:
        """Always: it recovers once somebody frees space."""
        return True


@dataclass(kw_only=True, eq=False)
class CorruptObject(StoreError):
    """An object exists but its bytes are not the ones that were written."""


@dataclass(kw_only=True, eq=False)
class MissingObject(StoreError):
    """There is no object under the key that was asked for."""


@dataclass(kw_only=True, eq=False)
class ViewUnavailable(FrontburnerError):
    """Colours can't be made on this machine."""


@dataclass(kw_only=True, eq=False)
class FileChanged(FrontburnerError):
    """A file's content doesn't match its digest."""

    path: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a low-level error means; ``reason`` has placeholders such as ``{url}``."""

    reason: str
    remedy: str
    retryable: bool = False
    error_type: type[StoreError] = StoreError

    def to_error(self, *, url: str, key: str, **names: str) -> StoreError:
        """Return the error, with the placeholders of its reason filled in."""
        reason = self.reason.format(url=url, **names)
        return self.error_type(reason=reason, remedy=self.remedy, retryable=self.retryable, url=url, key=key)
