"""What a report tells of a job after its pictures were in place: what stands out, and what was made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from frontburner import events as ev

if TYPE_CHECKING:
    from frontburner.events import Event


@dataclass(slots=True)
class FollowupFigures:
    """Folded from a job's events. ``failed`` are movies and sheets that couldn't be made, and why."""

    checked: int = 0
    flagged: dict[int, dict[str, str]] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Fold one event in."""
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
            "flagged_frames": {str(frame): told for frame, told in sorted(self.flagged.items())},
            "products": self.products,
            "failed_products": self.failed,
        }
