"""Work that no node has: the pool, in the order it is handed out, and work that backs off after a failure."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from frontburner.plan.block import Block
    from tasks.spec import Region, SampleRange

    Price = Callable[[Region, int], float]
    Predicate = Callable[[Block], bool]

MAX_CANDIDATES = 64
"""Blocks a node is offered at most."""


def _any_block(_: Block) -> bool:
    return True


@dataclass(slots=True, eq=False)
class _Entry:
    """A block in the pool, until it is taken or dropped."""

    block: Block
    pooled: bool = True


class Pool:
    """Blocks in the order they are handed out. Totals are cheap, however long the job.

    Parameters
    ----------
    blocks
        The work.
    whole
        Region of an uncut frame. Uncut blocks with the same samples cost the same, so they are counted instead of
        priced one by one.
    """

    def __init__(self, blocks: Iterable[Block], *, whole: Region) -> None:
        self._whole = whole
        self._entries: deque[_Entry] = deque()
        self._by_frame: defaultdict[int, dict[_Entry, None]] = defaultdict(dict)
        self._uncut: Counter[SampleRange] = Counter()
        self._cut: dict[_Entry, None] = {}
        self._count = 0
        for block in blocks:
            self._entries.append(self._add(block))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Block]:
        return (entry.block for entry in self._entries if entry.pooled)

    def count_of_frame(self, frame: int) -> int:
        """Return the number of a frame's blocks."""
        return len(self._by_frame.get(frame, ()))

    def candidates(self, node: str, nodes: AbstractSet[str]) -> list[tuple[int, Block]]:
        """Return blocks a node may get now, with their positions: the first one and others of its frame and pass.

        A block isn't offered to a node it failed on, unless it failed on all ``nodes``.
        """
        while self._entries and not self._entries[0].pooled:
            self._entries.popleft()
        found: list[tuple[int, Block]] = []
        for position, entry in enumerate(self._entries):
            block = entry.block
            if found and (block.frame, block.samples) != (found[0][1].frame, found[0][1].samples):
                break
            if entry.pooled and (node not in block.avoid or nodes <= block.avoid):
                found.append((position, block))
                if len(found) == MAX_CANDIDATES:
                    break
        return found

    def take(self, position: int) -> Block:
        """Remove and return the block at a position."""
        entry = self._entries[position]
        del self._entries[position]
        self._remove(entry)
        return entry.block

    def put(self, position: int, blocks: Iterable[Block]) -> None:
        """Insert blocks at a position in reverse order: the last one is the next to be taken."""
        for block in blocks:
            self._entries.insert(position, self._add(block))

    def drop(self, frame: int, which: Predicate = _any_block) -> list[Block]:
        """Remove blocks of a frame."""
        dropped = [entry for entry in self._by_frame.get(frame, ()) if which(entry.block)]
        for entry in dropped:
            self._remove(entry)
        return [entry.block for entry in dropped]

    def price(self, price: Price, *, frame: int | None = None, samples: SampleRange | None = None) -> float:
        """Return the price of all blocks, or of those of one frame or pass.

        Parameters
        ----------
        price
            Price of a region for a number of samples.
        """
        if frame is not None:
            return _total(price, self._by_frame.get(frame, ()), samples)
        uncut = self._uncut if samples is None else {samples: self._uncut[samples]}
        whole = sum(count * price(self._whole, range_.count) for range_, count in uncut.items() if count)
        return whole + _total(price, self._cut, samples)

    def _add(self, block: Block) -> _Entry:
        entry = _Entry(block)
        self._count += 1
        self._by_frame[block.frame][entry] = None
        if block.region == self._whole:
            self._uncut[block.samples] += 1
        else:
            self._cut[entry] = None
        return entry

    def _remove(self, entry: _Entry) -> None:
        block, entry.pooled = entry.block, False
        self._count -= 1
        del self._by_frame[block.frame][entry]
        if not self._by_frame[block.frame]:
            del self._by_frame[block.frame]
        if block.region == self._whole:
            self._uncut[block.samples] -= 1
        else:
            del self._cut[entry]


def _total(price: Price, entries: Iterable[_Entry], samples: SampleRange | None) -> float:
    blocks = (entry.block for entry in entries if samples is None or entry.block.samples == samples)
    return sum(price(block.region, block.samples.count) for block in blocks)


@dataclass(slots=True)
class Backoff:
    """Blocks that failed, and when each may be handed out again."""

    _blocks: list[tuple[float, Block]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._blocks)

    def put(self, block: Block, until_s: float) -> None:
        """Hold a block back until a time."""
        self._blocks.append((until_s, block))

    def count_of_frame(self, frame: int) -> int:
        """Return the number of a frame's blocks."""
        return sum(block.frame == frame for _, block in self._blocks)

    def take_due(self, now_s: float) -> list[Block]:
        """Remove and return the blocks whose time has come."""
        due = [block for until_s, block in self._blocks if until_s <= now_s]
        self._blocks = [(until_s, block) for until_s, block in self._blocks if until_s > now_s]
        return due

    def drop(self, frame: int, which: Predicate = _any_block) -> None:
        """Remove blocks of a frame."""
        self._blocks = [(until_s, block) for until_s, block in self._blocks if block.frame != frame or not which(block)]
