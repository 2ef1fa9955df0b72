"""What the Prefect UI shows of a job besides its log: progress, a preview that sharpens, the report and its chart.

A thread of its own hands it to Prefect's server, the latest of each kind: a server that is away holds nothing up but
what is shown.
"""

from __future__ import annotations

import base64
import re
import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
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
CLOSE_TIMEOUT_S = 10.0
"""How long the end of a run waits for a server that is slow; what isn't shown by then is not shown."""


@dataclass(slots=True, kw_only=True)
class Artifacts:
    """The artifacts of one job run."""

    job_id: str
    clock: Callable[[], float]
    _progress: UUID | None = field(init=False, default=None)
    _updated_s: float = field(init=False, default=float("-inf"))
    _waiting: dict[str, Callable[[], None]] = field(init=False, default_factory=dict)
    """What is to be shown, by kind: the latest replaces what was not shown yet."""
    _news: threading.Condition = field(init=False, default_factory=threading.Condition)
    _thread: threading.Thread | None = field(init=False, default=None)
    _closing: bool = field(init=False, default=False)

    def progress(self, fraction: float, *, now: bool = False) -> None:
        """Show how much of the job is done; at most every few seconds unless ``now``."""
        if not now and self.clock() - self._updated_s < UPDATE_EVERY_S:
            return
        self._updated_s = self.clock()
        percent = round(100 * min(max(fraction, 0.0), 1.0), 1)
        self._show("progress", partial(self._show_progress, percent))

    def preview(self, jpeg: bytes, caption: str) -> None:
        """Show a picture. It travels inside the artifact, so any browser that sees the UI sees it.

        In markdown: beside an image artifact the UI writes its address, which here is the whole picture in letters.
        """
        self._show_picture("preview", "jpeg", jpeg, caption)

    def report(self, markdown: str) -> None:
        """Show the job's figures."""
        self._show_markdown("report", markdown, f"Report of {self.job_id}")

    def chart(self, png: bytes) -> None:
        """Show what each node did when, as a picture inside the artifact like the preview."""
        self._show_picture("chart", "png", png, f"Chart of {self.job_id}")

    def close(self) -> None:
        """Wait until all is shown, as far as the server takes it in time."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _show_picture(self, kind: str, encoding: str, picture: bytes, caption: str) -> None:
        address = f"data:image/{encoding};base64," + base64.b64encode(picture).decode()
        self._show_markdown(kind, f"![{caption}]({address})", caption)

    def _show_markdown(self, kind: str, markdown: str, description: str) -> None:
        key = self._key(kind)
        self._show(kind, lambda: _create(markdown=markdown, key=key, description=description))

    def _show_progress(self, percent: float) -> None:
        if self._progress is not None:
            update_progress_artifact(artifact_id=self._progress, progress=percent)
            return
        created = create_progress_artifact(
            progress=percent, key=self._key("progress"), description=f"Progress of {self.job_id}"
        )
        assert isinstance(created, UUID)
        self._progress = created

    def _show(self, kind: str, show: Callable[[], None]) -> None:
        with self._news:
            self._waiting[kind] = show
            self._news.notify()
            if self._thread is None:
                # With this flow run's context: it is what the artifacts belong to.
                run = partial(copy_context().run, self._show_on)
                self._thread = threading.Thread(target=run, name="artifacts", daemon=True)
                self._thread.start()

    def _show_on(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                kind = next(iter(self._waiting))
                show = self._waiting.pop(kind)
            try:
                show()
            except Exception:  # noqa: BLE001 - a server that is away takes what comes later
                with self._news:
                    if kind not in self._waiting and not self._closing:
                        self._waiting[kind] = show
                    self._news.wait_for(lambda: self._closing, UPDATE_EVERY_S)

    def _key(self, kind: str) -> str:
        """Artifact keys are lower-case words joined by dashes."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.job_id}-{kind}".lower()).strip("-")


def _create(*, markdown: str, key: str, description: str) -> None:
    create_markdown_artifact(markdown=markdown, key=key, description=description)
