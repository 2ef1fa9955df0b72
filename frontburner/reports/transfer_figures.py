"""What it took to bring a scene to its nodes: a fold over the events that tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from frontburner import events as ev


@dataclass(slots=True)
class TransferFigures:
    """How much of a scene was sent to the store, and fetched by each node."""

    sent: ev.SceneSent | None = None
    fetched_bytes: dict[str, int] = field(default_factory=dict)
    fetch_s: dict[str, float] = field(default_factory=dict)

    def take(self, event: ev.Event) -> None:
        """Fold one event in; those of anything else change nothing."""
        if isinstance(event, ev.SceneSent):
            self.sent = event
        elif isinstance(event, ev.SceneFetched) and event.fetched_bytes == event.size_bytes:
            self.fetched_bytes[event.node] = self.fetched_bytes.get(event.node, 0) + event.size_bytes
            self.fetch_s[event.node] = self.fetch_s.get(event.node, 0.0) + event.seconds

    def document(self) -> dict[str, Any] | None:
        """Plain JSON values; None of a scene that was used where it lies."""
        if self.sent is None:
            return None
        return {
            "size_bytes": self.sent.size_bytes,
            "sent_bytes": self.sent.sent_bytes,
            "send_s": round(self.sent.seconds, 3),
            "fetched": {
                node: {"bytes": size_bytes, "seconds": round(self.fetch_s[node], 3)}
                for node, size_bytes in sorted(self.fetched_bytes.items())
            },
        }


def size(size_bytes: float) -> str:
    """Bytes in words."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.2f} GB"
