"""Prefect artifacts of a job: its progress, a preview that sharpens, the report and its chart.

A thread of its own sends them to Prefect's server, the latest of each kind: a server that is slow or away delays only
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

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact

if TYPE_CHECKING:
    from collections.abc import Callable

UPDATE_EVERY_S = 3.0
CLOSE_TIMEOUT_S = 10.0
"""How long the end of a run waits for a slow server; what isn't sent by then is dropped."""


@dataclass(slots=True, kw_only=True)
class Artifacts:
    """The artifacts of one job run."""

    job_id: str
    clock: Callable[[], float]
    _progress: UUID | None = field(init=False, default=None)
    _updated_s: float = field(init=False, default=float("-inf"))
    _pending: dict[str, Callable[[], object]] = field(init=False, default_factory=dict)
    """Calls that send artifacts, by kind: a later one replaces one that wasn't sent yet."""
    _changed: threading.Condition = field(init=False, default_factory=threading.Condition)
    _thread: threading.Thread | None = field(init=False, default=None)
    _closing: bool = field(init=False, default=False)

    def progress(self, fraction: float, *, now: bool = False) -> None:
        """Show how much of the job is done; at most every few seconds unless ``now``."""
        if not now and self.clock() - self._updated_s < UPDATE_EVERY_S:
            return
        self._updated_s = self.clock()
        percent = round(100 * min(max(fraction, 0.0), 1.0), 1)
        self._queue("progress", partial(self._send_progress, percent))

    def preview(self, jpeg: bytes, caption: str) -> None:
        """Show a picture. It is embedded in the artifact, so any browser that sees the UI sees it.

        As markdown: next to an image artifact the UI writes its URL, which here is the whole picture in base64.
        """
        self._queue_picture("preview", "jpeg", jpeg, caption)

    def report(self, markdown: str) -> None:
        """Show the job's report."""
        self._queue_markdown("report", markdown, f"Report of {self.job_id}")

    def chart(self, png: bytes) -> None:
        """Show what each node did when, as an embedded picture like the preview."""
        self._queue_picture("chart", "png", png, f"Chart of {self.job_id}")

    def close(self) -> None:
        """Wait until all artifacts are sent, as far as the server accepts them in time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _queue_picture(self, kind: str, encoding: str, picture: bytes, caption: str) -> None:
        url = f"data:image/{encoding};base64," + base64.b64encode(picture).decode()
        self._queue_markdown(kind, f"![{caption}]({url})", caption)

    def _queue_markdown(self, kind: str, markdown: str, description: str) -> None:
        key = self._key(kind)
        self._queue(kind, partial(create_markdown_artifact, key=key, markdown=markdown, description=description))

    def _send_progress(self, percent: float) -> None:
        if self._progress is not None:
            update_progress_artifact(artifact_id=self._progress, progress=percent)
            return
        created = create_progress_artifact(
            progress=percent, key=self._key("progress"), description=f"Progress of {self.job_id}"
        )
        assert isinstance(created, UUID)
        self._progress = created

    def _queue(self, kind: str, send: Callable[[], object]) -> None:
        with self._changed:
            self._pending[kind] = send
            self._changed.notify()
            if self._thread is None:
                # In a copy of the flow run's context, to which the artifacts belong.
                run = partial(copy_context().run, self._run)
                self._thread = threading.Thread(target=run, name="artifacts", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if not self._pending:
                    return
                kind = next(iter(self._pending))
                send = self._pending.pop(kind)
            try:
                send()
            except Exception:  # noqa: BLE001 - the server is away: try again, unless something newer is pending
                with self._changed:
                    if kind not in self._pending and not self._closing:
                        self._pending[kind] = send
                    self._changed.wait_for(lambda: self._closing, UPDATE_EVERY_S)

    def _key(self, kind: str) -> str:
        """Return the artifact's key: lower-case words joined by dashes."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.job_id}-{kind}".lower()).strip("-")
