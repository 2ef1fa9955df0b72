"""The work no node has yet, in order, with totals that cost nothing to ask for however long the job is."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from flows.plan.block import Block
    from tasks.spec import Region, SampleRange


class Pool:
    """Blocks in the order they are handed out.

    Parameters
    ----------
    blocks
        The work.
    whole
        The region of an uncut frame. Uncut blocks of the same samples cost the same, so they are counted
        instead of priced one by one.
    """

    def __init__(self, blocks: Iterable[Block], *, whole: Region) -> None:
        self._whole = whole
        self._blocks: deque[Block] = deque()
        self._of_frame: Counter[int] = Counter()
        self._uncut: Counter[SampleRange] = Counter()
        self._cut: list[Block] = []
        self.pixel_samples = 0
        for block in blocks:
            self._blocks.append(block)
            self._count(block)

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks)

    def of_frame(self, frame: int) -> int:
        """Blocks of one frame."""
        return self._of_frame[frame]

    def take(self, node: str, nodes: AbstractSet[str]) -> tuple[int, Block] | None:
        """Take out the first block this node hasn't failed on, or that has failed on all ``nodes``; and its place."""
        for index, block in enumerate(self._blocks):
            if node not in block.avoid or nodes <= block.avoid:
                del self._blocks[index]
                self._discount(block)
                return index, block
        return None

    def put(self, index: int, blocks: Iterable[Block]) -> None:
        """Put blocks in at a place, in their order reversed: the last one is the next to be taken."""
        for block in blocks:
            self._blocks.insert(index, block)
            self._count(block)

    def drop(self, frame: int, *, sample_stop: int = 0) -> None:
        """Take out all of a frame, or what goes beyond a number of samples."""
        for block in [block for block in self._blocks if block.frame == frame and block.samples.stop > sample_stop]:
            self._blocks.remove(block)
            self._discount(block)

    def price(
        self,
        price: Callable[[Region, int], float],
        *,
        frame: int | None = None,
        samples: SampleRange | None = None,
    ) -> float:
        """Price of all work, or of one frame's, or of one pass's.

        Parameters
        ----------
        price
            Price of a region for a number of samples.
        """
        if frame is not None:
            blocks = [block for block in self._blocks if block.frame == frame and samples in (None, block.samples)]
            return sum(price(block.region, block.samples.count) for block in blocks)
        uncut = [(own, count) for own, count in self._uncut.items() if count and samples in (None, own)]
        cut = [block for block in self._cut if samples in (None, block.samples)]
        return sum(count * price(self._whole, own.count) for own, count in uncut) + sum(
            price(block.region, block.samples.count) for block in cut
        )

    def _count(self, block: Block) -> None:
        self.pixel_samples += block.pixel_samples
        self._of_frame[block.frame] += 1
        if block.region == self._whole:
            self._uncut[block.samples] += 1
        else:
            self._cut.append(block)

    def _discount(self, block: Block) -> None:
        self.pixel_samples -= block.pixel_samples
        self._of_frame[block.frame] -= 1
        if block.region == self._whole:
            self._uncut[block.samples] -= 1
        else:
            self._cut.remove(block)
