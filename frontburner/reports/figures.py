"""Figures of a report, each a fold over a job's events or counted in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil, inf, log2
from typing import TYPE_CHECKING, Any

from frontburner import events as ev

if TYPE_CHECKING:
    from tasks.limits import Reached

STEPS = 200
"""Prediction errors are counted in steps of this fraction of a factor of two: a third of a per cent."""
MAX_STEP = 10 * STEPS


@dataclass(slots=True)
class NodeFigures:
    """Work of one node. ``until_s`` is when its last unit ended."""

    units: int = 0
    busy_s: float = 0.0
    load_s: float = 0.0
    wasted_s: float = 0.0
    until_s: float = -inf

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        seconds = {"busy_s": self.busy_s, "load_s": self.load_s, "wasted_s": self.wasted_s}
        return {"units": self.units, **{name: round(value, 3) for name, value in seconds.items()}}


@dataclass(slots=True)
class PictureFigures:
    """Pictures of a job, by frame. ``reached`` has those that ended by a limit."""

    outputs: list[str] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    last_words: dict[int, str] = field(default_factory=dict)
    reached: dict[int, Reached] = field(default_factory=dict)

    def take(self, event: ev.Event) -> None:
        """Fold in an event; others are ignored."""
        match event:
            case ev.FrameFailed():
                self.failed[event.frame], self.last_words[event.frame] = event.reason, event.last_words
            case ev.FrameWritten():
                self.outputs.extend(event.outputs)
                if event.reached is not None and event.reached.informative:
                    self.reached[event.frame] = event.reached
            case _:
                pass

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "outputs": sorted(set(self.outputs)),
            "failed_frames": {str(frame): reason for frame, reason in sorted(self.failed.items())},
            "last_words": {str(frame): words for frame, words in sorted(self.last_words.items()) if words},
            "reached": {str(frame): reached.document() for frame, reached in sorted(self.reached.items())},
        }


@dataclass(slots=True)
class FollowupFigures:
    """What was done after the frames: flagged frames, products, and products that failed with their reasons."""

    checked: int = 0
    flagged: dict[int, dict[str, str]] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def take(self, event: ev.Event) -> None:
        """Fold in an event; others are ignored."""
        match event:
            case ev.FramesChecked():
                self.checked, self.flagged = event.frames, {}
            case ev.FrameFlagged():
                self.flagged[event.frame] = {"fault": event.fault.value, "sentence": event.sentence}
            case ev.ProductMade():
                self.products[event.product] = event.output
            case ev.ProductFailed():
                self.failed[event.product] = event.reason
            case _:
                pass

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "checked_frames": self.checked,
            "flagged_frames": {str(frame): flag for frame, flag in sorted(self.flagged.items())},
            "products": self.products,
            "failed_products": self.failed,
        }


@dataclass(slots=True)
class TransferFigures:
    """Bytes of a scene that were sent to the store, and fetched by each node."""

    sent: ev.SceneSent | None = None
    fetched_bytes: dict[str, int] = field(default_factory=dict)
    fetch_s: dict[str, float] = field(default_factory=dict)

    def take(self, event: ev.Event) -> None:
        """Fold in an event; others are ignored."""
        if isinstance(event, ev.SceneSent):
            self.sent = event
        elif isinstance(event, ev.SceneFetched) and event.fetched_bytes == event.size_bytes:
            self.fetched_bytes[event.node] = self.fetched_bytes.get(event.node, 0) + event.size_bytes
            self.fetch_s[event.node] = self.fetch_s.get(event.node, 0.0) + event.seconds

    def document(self) -> dict[str, Any] | None:
        """Return it as plain JSON values; None for a scene that was used in place."""
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


@dataclass(slots=True)
class PredictionErrors:
    """Errors of predicted durations, as factors: half as long and twice as long are equally wrong."""

    _errors: Counter[int] = field(default_factory=Counter)

    def add(self, *, predicted_s: float | None, measured_s: float) -> None:
        """Count one prediction, if there was one and something was measured."""
        if predicted_s and predicted_s > 0 and measured_s > 0:
            self._errors[min(ceil(abs(log2(measured_s / predicted_s)) * STEPS), MAX_STEP)] += 1

    def quantile(self, fraction: float) -> float | None:
        """Error that this fraction of all predictions didn't exceed: 0.25 is a factor of 1.25 either way."""
        count = 0
        for step, errors in sorted(self._errors.items()):
            count += errors
            if count >= fraction * self._errors.total():
                return round(2 ** (step / STEPS) - 1, 4)
        return None

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"units": self._errors.total(), "median_error": self.quantile(0.5), "p90_error": self.quantile(0.9)}


def format_bytes(size_bytes: float) -> str:
    """Format a size, such as ``12.3 MB``."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.2f} GB"
