"""Which commands of chains were run to their end, so that one that is complete isn't run again without need.

A mark is a file of this machine: it says what the command's files held. Rendered frames need none, since they are in
their store.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.chains.chain import expected
from frontburner.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from frontburner.chains.chain import Chain, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Whether one command is complete.

    Parameters
    ----------
    stage, arguments, folder
        Its stage's name, what it is, and where it runs: another one is another command.
    reads, writes
        Files and folders it depends on, and such that it makes.
    """

    stage: str
    arguments: Sequence[str]
    folder: str
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()

    def stands(self) -> bool:
        """Whether it was run to its end, on files as they are now, and what it made is there."""
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        made = all(expected(path, self.folder).exists() for path in self.writes)
        return made and bool(told == {"held": self._held()})

    def set(self) -> None:
        """Note that it was run to its end. A home that can't be written fails nothing: it runs again, then."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            passing = self._path.with_suffix(".new")
            passing.write_text(json.dumps({"held": self._held()}), encoding="utf-8")
            passing.replace(self._path)

    def clear(self) -> None:
        """Note that it is to run again."""
        self._path.unlink(missing_ok=True)

    @property
    def log(self) -> Path:
        """File for what it says."""
        return Settings().home / "logs" / "stages" / f"{self.stage}-{self._name}.log"

    @property
    def _path(self) -> Path:
        return Settings().home / "stages" / f"{self.stage}-{self._name}.json"

    @property
    def _name(self) -> str:
        told = json.dumps([self.stage, *self.arguments, self.folder])
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def _held(self) -> dict[str, str]:
        """Return what each file it depends on holds, by digest."""
        named = [path for each in self.arguments[1:] if (path := expected(each, self.folder)).is_file()]
        folders = [expected(each, self.folder) for each in self.reads]
        made = [expected(each, self.folder) for each in self.writes]
        files = {file for path in [*named, *folders] for file in _files(path)}
        return {str(file): _digest(file) for file in sorted(files) if not any(_within(file, own) for own in made)}


def mark_of(chain: Chain, stage: Stage) -> Mark:
    """Return the mark of a stage's command."""
    folder = str(expected(stage.folder or ".", chain.folder))
    return Mark(stage=stage.name, arguments=stage.run, folder=folder, reads=stage.reads, writes=stage.writes)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def _within(file: Path, folder: Path) -> bool:
    return file == folder or folder in file.parents


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return "missing"
