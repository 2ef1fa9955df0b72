"""Settings of nodes: a pause that ends by itself, and what is kept for a scheduler that restarts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from frontburner.cluster.node_settings import FarmSettings

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_pause_ends_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "standings.json"
    settings = FarmSettings(path=path)
    settings.change("n7", paused="ann", paused_until=(NOON + HOUR).timestamp())
    settings = FarmSettings(path=path)  # a scheduler that restarted
    settings.load()
    assert settings.next_change(NOON) == HOUR.total_seconds()
    settings.end_pauses(NOON)
    assert settings.of("n7").unavailable_reason(NOON) == "it is paused by ann until 13:00"
    assert not settings.of("n7").unavailable_reason(NOON + HOUR)
    settings.end_pauses(NOON + HOUR)
    assert settings.nodes == {}
    assert settings.next_change(NOON + HOUR) is None


def test_what_ends_by_itself_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "standings.json"
    settings = FarmSettings(path=path)
    settings.change("n7", in_use="a key", in_use_since=NOON.timestamp(), unseen="It is blind.")
    settings.change("n8", paused="ann")
    kept = json.loads(path.read_text())["nodes"]
    assert kept == {"n8": {"paused": "ann", "draining": "", "groups": [], "hours": "", "excluded": {}, "in_use": ""}}
