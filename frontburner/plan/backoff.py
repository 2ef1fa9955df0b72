"""Work that failed and waits a while before it is handed out again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.plan.block import Block


@dataclass(slots=True)
class Backoff:
    """Blocks, and when each may be handed out again."""

    _blocks: list[tuple[float, Block]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._blocks)

    def put(self, block: Block, until_s: float) -> None:
        """Have a block rest until a time."""
        self._blocks.append((until_s, block))

    def of_frame(self, frame: int) -> int:
        """Blocks of a frame that rest."""
        return sum(block.frame == frame for _, block in self._blocks)

    def due(self, now_s: float) -> list[Block]:
        """Take out what has rested enough."""
        rested = [block for until_s, block in self._blocks if until_s <= now_s]
        self._blocks = [entry for entry in self._blocks if entry[0] > now_s]
        return rested

    def drop(self, frame: int, which: Callable[[Block], bool] = lambda _: True) -> None:
        """Forget blocks of a frame."""
        self._blocks = [(until_s, one) for until_s, one in self._blocks if one.frame != frame or not which(one)]
