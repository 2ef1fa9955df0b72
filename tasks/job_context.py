"""What a node must know of a job besides the unit: where its units and files are kept, and where its news go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.view import View
    from tasks.spec import Region


class SceneTravel(StrEnum):
    """When a scene is sent to nodes."""

    AUTO = "auto"
    """To those that don't see the same files at its path."""
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSettings:
    """How parts of a still are shown.

    Parameters
    ----------
    folder
        Where in the job's store they are kept.
    region
        The part of the frame that is rendered.
    view, exposure_stops
        How light becomes colours.
    """

    folder: str
    region: Region
    view: View
    exposure_stops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """Where a job's things are.

    Parameters
    ----------
    store_url, topic
        Where its units are kept, and under which name its news are sent.
    files_url
        Where the files of its scene are kept, if they travel; empty is with its units.
    travel
        Whether its scene is used where it lies.
    shows
        How its units are shown while it is rendered; None shows none.
    """

    store_url: str
    topic: str
    files_url: str = ""
    travel: SceneTravel = SceneTravel.AUTO
    shows: PreviewSettings | None = None

    @property
    def files(self) -> str:
        """Address of the store of its scene's files."""
        return self.files_url or self.store_url
