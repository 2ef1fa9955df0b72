"""Stamp files of a chain's commands, by which one that is up to date isn't run again.

A stamp is a file of this machine that has the digests of the command's files when it completed. Rendered frames need
none: they are in their store.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.chains.chain import resolve_path
from frontburner.settings import Settings
from system.files import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from frontburner.chains.chain import Chain, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The stamp of one command.

    Parameters
    ----------
    stage, arguments, folder
        Its stage's name, its command line and working folder, which identify it.
    reads, writes
        Files and folders it depends on, and those it makes.
    """

    stage: str
    arguments: Sequence[str]
    folder: str
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()

    def up_to_date(self) -> bool:
        """Whether the command completed on files as they are now, and what it made exists."""
        try:
            stamp = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        complete = all(resolve_path(path, self.folder).exists() for path in self.writes)
        return complete and bool(stamp == {"held": self._digests()})

    def set(self) -> None:
        """Record that the command completed. If that can't be written, the command just runs again."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".new")
            temporary.write_text(json.dumps({"held": self._digests()}), encoding="utf-8")
            replace(temporary, self._path)

    def clear(self) -> None:
        """Have the command run again."""
        self._path.unlink(missing_ok=True)

    @property
    def log(self) -> Path:
        """File for the command's output."""
        return Settings().home / "logs" / "stages" / f"{self._name}.log"

    @property
    def _path(self) -> Path:
        return Settings().home / "stages" / f"{self._name}.json"

    @property
    def _name(self) -> str:
        command = json.dumps([self.stage, *self.arguments, self.folder])
        return f"{self.stage}-{hashlib.sha256(command.encode()).hexdigest()[:12]}"

    def _digests(self) -> dict[str, str]:
        """Return the digest of each file the command depends on; files it makes itself don't count."""
        arguments = [path for each in self.arguments[1:] if (path := resolve_path(each, self.folder)).is_file()]
        inputs = [*arguments, *(resolve_path(each, self.folder) for each in self.reads)]
        outputs = {resolve_path(each, self.folder) for each in self.writes}
        files = sorted({file for path in inputs for file in _files(path)})
        return {str(file): _digest(file) for file in files if outputs.isdisjoint((file, *file.parents))}


def stamp_of(chain: Chain, stage: Stage) -> Stamp:
    """Return the stamp of a stage's command."""
    folder = str(resolve_path(stage.folder or ".", chain.folder))
    return Stamp(stage=stage.name, arguments=stage.run, folder=folder, reads=stage.reads, writes=stage.writes)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return "missing"
