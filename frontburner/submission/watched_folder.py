"""A watched folder: files dropped into it are rendered once complete, then moved to ``done`` or ``failed``.

The files are the only state: whatever still lies in the folder is still to be rendered, also after a crash.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchfiles import watch

from frontburner.control.intake import JobInput, read_job
from frontburner.events import RunState
from frontburner.jobs.durations import format_span
from frontburner.jobs.job_files import is_job_file, read_document
from frontburner.submission.api import Job, NotCompleted, submit
from frontburner.submission.folder_contents import DONE, FAILED, PICTURES, FolderEntry, Settling, entries_in
from storage.errors import FrontburnerError
from system import paths
from system.files import replace

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from frontburner.submission.folder_contents import Signature

LOOK_EVERY_S = 0.5
NOTE_SUFFIX = ".txt"


@dataclass(kw_only=True, eq=False)
class Interrupted(FrontburnerError):
    """Watching was stopped while an entry was rendered: the entry stays in the folder."""


@dataclass(slots=True, kw_only=True)
class WatchedFolder:
    """Renders what is dropped into a folder, one entry after the other.

    Parameters
    ----------
    folder
        The folder.
    given, form
        Job fields that override those of the entries, and a template for fields that neither sets.
    settle_s
        How long a file must stay unchanged to count as complete.
    stopped
        Ends the watching.
    report
        Called with a sentence for each step.
    """

    folder: Path
    given: Mapping[str, Any]
    form: JobInput
    settle_s: float
    stopped: threading.Event
    report: Callable[[str], None]
    _settling: Settling = field(init=False)
    _suspended: dict[Path, Signature] = field(init=False, default_factory=dict)
    """Entries that aren't rendered again until their files change."""

    def __post_init__(self) -> None:
        self._settling = Settling(settle_s=self.settle_s)

    def watch(self) -> None:
        """Render the entries there are and those that come, until stopped."""
        changes = watch(
            self.folder, stop_event=self.stopped, rust_timeout=int(LOOK_EVERY_S * 1000), debounce=400,
            yield_on_timeout=True, recursive=False, raise_interrupt=False,
        )  # fmt: skip
        self._render_complete()
        for _ in changes:
            self._render_complete()

    def empty(self) -> None:
        """Render the entries there are, and return when none is left."""
        while self._render_complete() and not self.stopped.wait(LOOK_EVERY_S):
            pass

    def _render_complete(self) -> bool:
        """Render the complete entries. Returns whether there was anything to render."""
        entries = [entry for entry in entries_in(self.folder) if not self._is_suspended(entry)]
        for entry in self._settling.complete(entries, time.monotonic()):
            if self.stopped.is_set():
                break
            if entry.path.exists():  # it may have been removed meanwhile
                self._process(entry)
        return bool(entries)

    def _is_suspended(self, entry: FolderEntry) -> bool:
        return entry.path in self._suspended and self._suspended[entry.path] == entry.signature()

    def _process(self, entry: FolderEntry) -> None:
        """Render an entry, and move it according to the result."""
        started_s = time.monotonic()
        try:
            pictures = self._render(entry)
        except Interrupted as interrupted:
            self.report(f"{entry.name}: {interrupted}")
        except NotCompleted as error:
            if error.state is RunState.SUSPENDED:
                self._suspended[entry.path] = entry.signature()
                self.report(f"{entry.name}: {error} It stays where it is.")
            else:
                self._fail(entry, error)
        except FrontburnerError as error:
            self._fail(entry, error)
        else:
            took = format_span(time.monotonic() - started_s)
            self.report(f"{entry.name}: {len(pictures)} pictures in {took}, {pictures[-1] if pictures else 'none'}")
            self._move(entry, DONE, "\n".join(pictures))

    def _render(self, entry: FolderEntry) -> tuple[str, ...]:
        if entry.render is None or entry.missing is not None:
            problem = entry.problem or f"The scene {entry.missing} that it names isn't there."
            raise FrontburnerError(reason=problem, remedy="Drop all of its files again.")
        job = submit(read_job(str(entry.render), self._fields(entry.render), self.form), stays=False)
        self.report(f"{entry.name}: rendering, as {job.job_id}")
        while job.status().open:
            if self.stopped.wait(LOOK_EVERY_S):
                self._interrupt(job)
        job.wait()
        return job.pictures()

    def _interrupt(self, job: Job) -> None:
        with suppress(FrontburnerError):
            job.cancel()
        raise Interrupted(reason="interrupted.", remedy="It goes on when the folder is watched again.")

    def _fields(self, render: Path) -> dict[str, Any]:
        """Return the fields that override the file's; pictures go below the folder unless an option says otherwise."""
        document = read_document(render) if is_job_file(render) else {}
        out = str(self.given.get("out") or document.get("out") or self.form.document().get("out") or PICTURES)
        keep = "out" in self.given or "://" in out or paths.is_foreign(out)
        return {**self.given, "out": out if keep else str(self.folder / paths.expanded(out))}

    def _fail(self, entry: FolderEntry, error: FrontburnerError) -> None:
        self.report(f"{entry.name}: {error}")
        self._move(entry, FAILED, str(error))

    def _move(self, entry: FolderEntry, folder: str, note: str) -> None:
        """Move an entry and the files that belong to it, and write a note beside it."""
        destination = self.folder / folder
        try:
            destination.mkdir(exist_ok=True)
            target = _free_path(destination, entry.name)
            target.with_name(target.name + NOTE_SUFFIX).write_text(note + "\n", encoding="utf-8")
            for path in entry.others:
                replace(path, _free_path(destination, path.name))
            replace(entry.path, target)
        except OSError as error:
            self._suspended[entry.path] = entry.signature()
            self.report(f"{entry.name} can't be moved to {destination}: {error}. It stays where it is.")


def _free_path(folder: Path, name: str) -> Path:
    """Return a path that doesn't exist yet: files of earlier drops aren't replaced."""
    path, stem, suffix = folder / name, Path(name).stem, Path(name).suffix
    number = 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{suffix}", number + 1
    return path
