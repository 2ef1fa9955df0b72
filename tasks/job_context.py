"""What a node must know of a job besides the unit: where its units and files are stored and its messages go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.scene_view import SceneView
    from storage.view import View
    from tasks.spec import Region


class TransferMode(StrEnum):
    """Whether a scene is sent to nodes."""

    AUTO = "auto"
    """To nodes that don't see the same files at its path."""
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSettings:
    """How the parts of a still are previewed while it is rendered.

    Parameters
    ----------
    folder
        Where in the job's store the parts are kept.
    region
        The part of the frame that is rendered.
    view, exposure_stops, scene
        How light becomes colours.
    """

    folder: str
    region: Region
    view: View
    exposure_stops: float
    scene: SceneView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """Where a job's data is stored, and how its scene reaches a node.

    Parameters
    ----------
    store_url, topic
        Where its units are stored, and the Dask topic of its messages.
    files_url
        Where the files of its scene are stored, if they are sent; empty is with its units.
    travel
        Whether its scene is sent or used where it is.
    kept
        Folder that keeps the files of its scene as they were when it began; empty where none does.
    preview
        How its units are previewed while it is rendered; None previews none.
    """

    store_url: str
    topic: str
    files_url: str = ""
    travel: TransferMode = TransferMode.AUTO
    kept: str = ""
    preview: PreviewSettings | None = None

    @property
    def files(self) -> str:
        """Address of the store that holds its scene's files."""
        return self.files_url or self.store_url
