"""When the farm went down last: noted as it is started, until what was under way has been seen to."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.farm_state import read_state

if TYPE_CHECKING:
    from pathlib import Path


def note_outage(home: Path) -> None:
    """Note when the farm was last seen alive, before its state is written anew; an earlier note stands."""
    state, note = read_state(home), _note(home)
    if state is not None and not note.exists():
        note.write_text(str(state.seen_s), encoding="utf-8")


def went_down_at(home: Path) -> datetime | None:
    """Return when the farm went down; None where it never did, or all was seen to."""
    with suppress(OSError, ValueError):
        return datetime.fromtimestamp(float(_note(home).read_text(encoding="utf-8")), UTC)
    return None


def seen_to(home: Path) -> None:
    """Take note that what was under way has been seen to."""
    _note(home).unlink(missing_ok=True)


def _note(home: Path) -> Path:
    return farm_folder(home) / "went-down"
