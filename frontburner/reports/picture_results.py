"""What became of a job's pictures: where they are, what they reached, and why some failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from frontburner import events as ev

if TYPE_CHECKING:
    from tasks.limits import Reached


@dataclass(slots=True)
class PictureFigures:
    """Folded from a job's events, by frame. ``reached`` has those that ended by a limit."""

    outputs: list[str] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    last_words: dict[int, str] = field(default_factory=dict)
    reached: dict[int, Reached] = field(default_factory=dict)

    def take(self, event: ev.Event) -> None:
        """Fold one event in; those of anything else change nothing."""
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
