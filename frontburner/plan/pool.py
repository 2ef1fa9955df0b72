"""The work no node has yet, in order, with totals that cost nothing to ask for however long the job is."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from frontburner.plan.block import Block
    from tasks.spec import Region, SampleRange

    Price = Callable[[Region, int], float]


CHOICE = 64
"""Blocks a node is offered at most."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A block in the pool, until it is taken or dropped."""

    block: Block
    there: bool = True


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
        self._entries: deque[_Entry] = deque()
        self._of_frame: defaultdict[int, dict[_Entry, None]] = defaultdict(dict)
        self._uncut: Counter[int] = Counter()  # by the number of samples, and by their range
        self._uncut_of: Counter[SampleRange] = Counter()
        self._cut: dict[_Entry, None] = {}
        self._count = 0
        self.pixel_samples = 0
        for block in blocks:
            self._entries.append(self._enter(block))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Block]:
        return (entry.block for entry in self._entries if entry.there)

    def of_frame(self, frame: int) -> int:
        """Blocks of one frame."""
        return len(self._of_frame.get(frame, ()))

    def choice(self, node: str, nodes: AbstractSet[str]) -> list[tuple[int, Block]]:
        """Return what a node may be given now, with its places: the first block and others of its frame and pass.

        A block that a node has failed on is kept from it, unless it has failed on all ``nodes``.
        """
        while self._entries and not self._entries[0].there:
            self._entries.popleft()
        found: list[tuple[int, Block]] = []
        for index, entry in enumerate(self._entries):
            block = entry.block
            if found and (block.frame, block.samples) != (found[0][1].frame, found[0][1].samples):
                break
            if entry.there and (node not in block.avoid or nodes <= block.avoid):
                found.append((index, block))
                if len(found) == CHOICE:
                    break
        return found

    def take(self, index: int) -> Block:
        """Take out the block at a place."""
        entry = self._entries[index]
        del self._entries[index]
        self._leave(entry)
        return entry.block

    def put(self, index: int, blocks: Iterable[Block]) -> None:
        """Put blocks in at a place, in their order reversed: the last one is the next to be taken."""
        for block in blocks:
            self._entries.insert(index, self._enter(block))

    def drop(self, frame: int, which: Callable[[Block], bool] = lambda _: True) -> list[Block]:
        """Take out a frame's blocks."""
        gone = [entry for entry in self._of_frame.get(frame, ()) if which(entry.block)]
        for entry in gone:
            self._leave(entry)
        return [entry.block for entry in gone]

    def price(self, price: Price, *, frame: int | None = None, samples: SampleRange | None = None) -> float:
        """Price of all work, or of one frame's, or of one pass's.

        Parameters
        ----------
        price
            Price of a region for a number of samples.
        """
        if frame is not None:
            return _sum(price, self._of_frame.get(frame, ()), samples)
        uncut = self._uncut if samples is None else {samples.count: self._uncut_of[samples]}
        whole = sum(count * price(self._whole, own) for own, count in uncut.items() if count)
        return whole + _sum(price, self._cut, samples)

    def _enter(self, block: Block) -> _Entry:
        entry = _Entry(block)
        self._count += 1
        self.pixel_samples += block.pixel_samples
        self._of_frame[block.frame][entry] = None
        if block.region == self._whole:
            self._uncut[block.samples.count] += 1
            self._uncut_of[block.samples] += 1
        else:
            self._cut[entry] = None
        return entry

    def _leave(self, entry: _Entry) -> None:
        block, entry.there = entry.block, False
        self._count -= 1
        self.pixel_samples -= block.pixel_samples
        del self._of_frame[block.frame][entry]
        if not self._of_frame[block.frame]:
            del self._of_frame[block.frame]
        if block.region == self._whole:
            self._uncut[block.samples.count] -= 1
            self._uncut_of[block.samples] -= 1
        else:
            del self._cut[entry]


def _sum(price: Price, entries: Iterable[_Entry], samples: SampleRange | None) -> float:
    blocks = (entry.block for entry in entries if samples is None or entry.block.samples == samples)
    return sum(price(block.region, block.samples.count) for block in blocks)
