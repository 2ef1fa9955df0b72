"""A watched folder: what is dropped in is rendered when it is complete, then moved to ``done`` or ``failed``.

Nothing is kept but the files themselves: what still lies in the folder is still to be rendered, whoever was killed.
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
from frontburner.submit.api import Job, NotCompleted, submit
from frontburner.submit.folder_contents import DONE, FAILED, PICTURES, FolderEntry, Settling, entries_in
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from frontburner.submit.folder_contents import Signature

LOOK_EVERY_S = 0.5
NOTE_SUFFIX = ".txt"


@dataclass(kw_only=True, eq=False)
class Interrupted(FrontburnerError):
    """The watching was ended while something was rendered: it stays where it is."""


@dataclass(slots=True, kw_only=True)
class WatchedFolder:
    """Renders what is dropped into a folder, one after the other.

    Parameters
    ----------
    folder
        The folder.
    given, form
        Fields of all its jobs that go before their own, and a template for what neither says.
    settle_s
        How long a file must stay as it is to be complete.
    stopped
        Ends the watching.
    say
        Takes a sentence on what happens.
    """

    folder: Path
    given: Mapping[str, Any]
    form: JobInput
    settle_s: float
    stopped: threading.Event
    say: Callable[[str], None]
    _settling: Settling = field(init=False)
    _held: dict[Path, Signature] = field(init=False, default_factory=dict)
    """Drops whose jobs were suspended, as they were then."""

    def __post_init__(self) -> None:
        self._settling = Settling(settle_s=self.settle_s)

    def watch(self) -> None:
        """Render what is there and what comes, until stopped."""
        changes = watch(
            self.folder, stop_event=self.stopped, rust_timeout=int(LOOK_EVERY_S * 1000), debounce=400,
            yield_on_timeout=True, recursive=False, raise_interrupt=False,
        )  # fmt: skip
        self._render_complete()
        for _ in changes:
            self._render_complete()

    def empty(self) -> None:
        """Render what is there, and return when nothing is left."""
        while self._render_complete() and not self.stopped.wait(LOOK_EVERY_S):
            pass

    def _render_complete(self) -> bool:
        """Render what is complete. Returns whether there is, or was, something to render."""
        drops = [drop for drop in entries_in(self.folder) if not self._holds(drop)]
        for drop in self._settling.complete(drops, time.monotonic()):
            if self.stopped.is_set():
                break
            if drop.path.exists():  # it may have been taken away meanwhile
                self._take(drop)
        return bool(drops)

    def _holds(self, drop: FolderEntry) -> bool:
        return drop.path in self._held and self._held[drop.path] == drop.signature()

    def _take(self, drop: FolderEntry) -> None:
        """Render a drop, and put it where it belongs then."""
        began_s, outputs = time.monotonic(), tuple[str, ...]()
        try:
            outputs = self._rendered(drop)
        except Interrupted as interrupted:
            self.say(f"{drop.name}: {interrupted}")
        except NotCompleted as error:
            if error.state is RunState.SUSPENDED:
                self._held[drop.path] = drop.signature()
                self.say(f"{drop.name}: {error} It stays where it is.")
            else:
                self._fail(drop, error)
        except FrontburnerError as error:
            self._fail(drop, error)
        else:
            took = format_span(time.monotonic() - began_s)
            self.say(f"{drop.name}: {len(outputs)} pictures in {took}, {outputs[-1] if outputs else 'none'}")
            self._move(drop, DONE, "\n".join(outputs))

    def _rendered(self, drop: FolderEntry) -> tuple[str, ...]:
        if drop.render is None or drop.missing is not None:
            problem = drop.problem or f"The scene {drop.missing} that it names isn't there."
            raise FrontburnerError(reason=problem, remedy="Drop all of it again.")
        job = submit(read_job(str(drop.render), self._fields(drop.render), self.form), stays=False)
        self.say(f"{drop.name}: rendering, as {job.job_id}")
        while job.status().open:
            if self.stopped.wait(LOOK_EVERY_S):
                self._give_up(job)
        job.wait()
        return job.pictures()

    def _give_up(self, job: Job) -> None:
        with suppress(FrontburnerError):
            job.cancel()
        raise Interrupted(reason="it was being rendered.", remedy="It goes on when the folder is watched again.")

    def _fields(self, render: Path) -> dict[str, Any]:
        """Return the fields that go before a file's own; pictures go into the folder where nothing else is said."""
        named = read_document(render) if is_job_file(render) else {}
        out = str(self.given.get("out") or named.get("out") or self.form.document().get("out") or PICTURES)
        own = "out" in self.given or "://" in out
        return {**self.given, "out": out if own else str(self.folder / Path(out).expanduser())}

    def _fail(self, drop: FolderEntry, error: FrontburnerError) -> None:
        self.say(f"{drop.name}: {error}")
        self._move(drop, FAILED, str(error))

    def _move(self, drop: FolderEntry, where: str, note: str) -> None:
        """Move a drop and what belongs to it, with a note beside it."""
        place = self.folder / where
        try:
            place.mkdir(exist_ok=True)
            target = _free(place, drop.name)
            target.with_name(target.name + NOTE_SUFFIX).write_text(note + "\n", encoding="utf-8")
            for path in drop.others:
                path.replace(_free(place, path.name))
            drop.path.replace(target)
        except OSError as error:
            self._held[drop.path] = drop.signature()
            self.say(f"{drop.name} can't be moved to {place}: {error}. It stays where it is.")


def _free(place: Path, name: str) -> Path:
    """Return a path nothing has yet: what was dropped before isn't replaced."""
    path, stem, suffix = place / name, Path(name).stem, Path(name).suffix
    number = 2
    while path.exists():
        path, number = place / f"{stem}-{number}{suffix}", number + 1
    return path
