"""A Dask scheduler that runs already, with its own nodes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from frontburner.cluster.backends.base import Document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class AddressCluster(Document):
    """A farm that somebody else runs, or ``frontburner farm start``."""

    kind: Literal["address"]
    scheduler: str = Field(description="Address of its scheduler, such as tcp://10.0.0.5:8786.", pattern=r"^\w+://.+")

    @contextmanager
    def run(self, settings_path: Path | None = None) -> Iterator[str]:  # noqa: ARG002 - the other farm keeps them
        """Give the address; nothing is started."""
        yield self.scheduler
