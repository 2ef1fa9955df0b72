"""Which stage of a chain it happens in: several are done at once, each in a context of its own."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_stage: ContextVar[str] = ContextVar("stage", default="")


@contextmanager
def in_stage(name: str) -> Iterator[None]:
    """Have all that is announced in this context happen in a stage."""
    token = _stage.set(name)
    try:
        yield
    finally:
        _stage.reset(token)


def stage_here() -> str:
    """Return the name of the stage that this context is in; empty where there is none."""
    return _stage.get()
