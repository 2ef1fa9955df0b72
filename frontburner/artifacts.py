"""What the Prefect UI shows of a job besides its log: progress, a preview that sharpens, the report and its chart."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)

if TYPE_CHECKING:
    from collections.abc import Callable

UPDATE_EVERY_S = 3.0


@dataclass(slots=True, kw_only=True)
class Artifacts:
    """The artifacts of one job run."""

    job_id: str
    clock: Callable[[], float]
    _progress: UUID | None = field(init=False, default=None)
    _updated_s: float = field(init=False, default=float("-inf"))

    def progress(self, fraction: float, *, now: bool = False) -> None:
        """Show how much of the job is done; at most every few seconds unless ``now``."""
        if not now and self.clock() - self._updated_s < UPDATE_EVERY_S:
            return
        self._updated_s = self.clock()
        percent = round(100 * min(max(fraction, 0.0), 1.0), 1)
        if self._progress is None:
            created = create_progress_artifact(
                progress=percent, key=self._key("progress"), description=f"Progress of {self.job_id}"
            )
            assert isinstance(created, UUID)
            self._progress = created
        else:
            update_progress_artifact(artifact_id=self._progress, progress=percent)

    def preview(self, jpeg: bytes, caption: str) -> None:
        """Show a picture. It travels inside the artifact, so any browser that sees the UI sees it.

        In markdown: beside an image artifact the UI writes its address, which here is the whole picture in letters.
        """
        picture = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
        create_markdown_artifact(markdown=f"![{caption}]({picture})", key=self._key("preview"), description=caption)

    def report(self, markdown: str) -> None:
        """Show the job's figures."""
        create_markdown_artifact(markdown=markdown, key=self._key("report"), description=f"Report of {self.job_id}")

    def chart(self, png: bytes) -> None:
        """Show what each node did when, as a picture inside the artifact like the preview."""
        caption = f"Chart of {self.job_id}"
        picture = "data:image/png;base64," + base64.b64encode(png).decode()
        create_markdown_artifact(markdown=f"![{caption}]({picture})", key=self._key("chart"), description=caption)

    def _key(self, kind: str) -> str:
        """Artifact keys are lower-case words joined by dashes."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.job_id}-{kind}".lower()).strip("-")
