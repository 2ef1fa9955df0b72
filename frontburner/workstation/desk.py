"""What a node and the person at its machine tell each other: files in a folder of the node's, private to its user.

The node writes its status; the person's tray icon leaves wishes, and tells when a key was pressed where the node can't
see that. Files need no port that others could reach, and no credentials of the farm.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from system.files import remove, replace

if TYPE_CHECKING:
    from pathlib import Path

FRESH_S = 10.0
"""What was written longer ago than this, nobody is there to renew."""
MAX_BYTES = 10_000
MAX_PAUSE_S = 366 * 86_400.0


class Wish(StrEnum):
    """What the person at a machine wants of its node."""

    PAUSE = "pause"
    RESUME = "resume"
    ANYWAY = "anyway"
    """Render although the machine is in use, until nobody has used it for a while."""
    YIELD = "yield"
    """Give the machine back after all."""
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """What a node does, for the person at its machine.

    Parameters
    ----------
    pid
        The node's process.
    state, why, job
        As `frontburner node list` shows them; the state is empty while its scheduler doesn't answer.
    frame, unit_s
        The frame it renders, and for how long it has rendered this unit; None if it renders nothing.
    done
        Part of the job that is done, from 0 to 1; None if nobody knows.
    paused_until
        When a pause ends, in seconds since 1970; 0 if it doesn't end by itself.
    anyway
        Whether it renders although the machine is in use.
    page
        Address of the farm's page; empty if it has none.
    """

    node: str
    pid: int
    state: str = ""
    why: str = ""
    job: str = ""
    frame: int | None = None
    unit_s: float | None = None
    done: float | None = None
    paused_until: float = 0.0
    anyway: bool = False
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The folder of a node where both leave their files."""

    folder: Path

    @classmethod
    def of(cls, home: Path, node: str) -> Desk:
        """Return the folder of a node of this machine."""
        return cls(folder=home / "desk" / node)

    # The node's side.

    @property
    def watched(self) -> bool:
        """Whether a tray icon shows the status."""
        return self._age_s("watched") < FRESH_S

    @property
    def input_age_s(self) -> float | None:
        """Seconds since the last key that the tray icon saw; None if there is no icon."""
        age_s = self._read("watched").get("input_age_s")
        return age_s + self._age_s("watched") if isinstance(age_s, int | float) and self.watched else None

    def show(self, status: NodeStatus) -> None:
        """Write the status."""
        self._write("status", asdict(status))

    def clear(self) -> None:
        """Remove what is left of an earlier run."""
        for path in [self.folder / "status", *self._wishes()]:
            remove(path)

    def take_wishes(self) -> list[tuple[Wish, float | None]]:
        """Return the wishes that have come, the oldest first, with the seconds of a pause that ends; each once."""
        found = []
        for path in self._wishes():
            document = self._read(path.name)
            remove(path)
            with suppress(ValueError):
                seconds = document.get("for_s")
                for_s = float(seconds) if isinstance(seconds, int | float) and 0 < seconds <= MAX_PAUSE_S else None
                found.append((Wish(document.get("wish", "")), for_s))
        return found

    # The person's side.

    def status(self) -> NodeStatus | None:
        """Return the node's status; None if it doesn't run."""
        document = self._read("status")
        if not document or self._age_s("status") > FRESH_S:
            return None
        with suppress(TypeError):
            return NodeStatus(**document)
        return None

    def watch(self, input_age_s: float | None) -> None:
        """Note that somebody looks at the status, and when the last key was pressed here; again every few seconds."""
        self._write("watched", {"input_age_s": input_age_s})

    def wish(self, wish: Wish, for_s: float | None = None) -> None:
        """Leave a wish."""
        self._write(f"wish-{time.time_ns():020}-{secrets.token_hex(4)}", {"wish": wish, "for_s": for_s})

    def _wishes(self) -> list[Path]:
        return sorted(self.folder.glob("wish-*"))

    def _write(self, name: str, document: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.folder / f".{secrets.token_hex(4)}"
        temporary.write_text(json.dumps(document), encoding="utf-8")
        replace(temporary, self.folder / name)

    def _read(self, name: str) -> dict[str, Any]:
        """Read a file; empty if it isn't there or makes no sense."""
        with suppress(OSError, ValueError):
            with (self.folder / name).open("rb") as file:
                document = json.loads(file.read(MAX_BYTES))
            if isinstance(document, dict):
                return document
        return {}

    def _age_s(self, name: str) -> float:
        try:
            return max(0.0, time.time() - (self.folder / name).stat().st_mtime)
        except OSError:
            return float("inf")
