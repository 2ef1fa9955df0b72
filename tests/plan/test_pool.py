"""The pool: blocks in order, for nodes that may have them, with totals that always hold."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.plan.block import Block
from frontburner.plan.pool import Pool
from tasks.spec import Region, SampleRange, Size

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = Size(width=64, height=48).whole
LEFT, RIGHT = Region(x0=0, y0=0, x1=40, y1=48), Region(x0=40, y0=0, x1=64, y1=48)


def block_of(frame: int, region: Region = WHOLE, *, samples: int = 8) -> Block:
    return Block(frame=frame, samples=SampleRange(start=0, stop=samples), region=region)


def price(region: Region, samples: int) -> float:
    return float(region.area * samples)


def test_blocks_are_taken_in_their_order() -> None:
    pool = Pool([block_of(frame) for frame in (3, 1, 2)], whole=WHOLE)
    frames = []
    while choice := pool.candidates("a", {"a"}):
        frames.append(pool.take(choice[0][0]).frame)
    assert frames == [3, 1, 2]
    assert not len(pool)


def test_the_rest_of_a_block_takes_its_place() -> None:
    first, second = block_of(1).failed_on("a"), block_of(2)
    pool = Pool([first, second, block_of(3)], whole=WHOLE)
    index, block = pool.candidates("a", {"a", "b"})[0]
    assert block == pool.take(index) == second
    pool.put(index, [block.part(RIGHT), block.part(LEFT)])
    assert list(pool) == [first, block.part(LEFT), block.part(RIGHT), block_of(3)]


def test_a_node_gets_what_it_failed_on_only_when_all_have() -> None:
    pool = Pool([block_of(1).failed_on("a")], whole=WHOLE)
    assert not pool.candidates("a", {"a", "b"})
    pool = Pool([block_of(1).failed_on("a").failed_on("b")], whole=WHOLE)
    assert pool.candidates("a", {"a", "b"})


def test_candidates_are_of_the_frame_and_pass_that_come_first() -> None:
    blocks = [block_of(1, LEFT), block_of(1, RIGHT), block_of(1, LEFT, samples=16), block_of(2)]
    assert [block for _, block in Pool(blocks, whole=WHOLE).candidates("a", {"a"})] == blocks[:2]


def test_selected_blocks_of_a_frame_can_be_dropped() -> None:
    pool = Pool([block_of(1, LEFT), block_of(1, RIGHT), block_of(2)], whole=WHOLE)
    assert pool.drop(1, lambda block: block.region == LEFT) == [block_of(1, LEFT)]
    assert pool.count_of_frame(1) == 1
    assert pool.drop(1) == [block_of(1, RIGHT)]
    assert pool.drop(1) == []
    assert list(pool) == [block_of(2)]


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_the_totals_are_those_of_the_blocks_that_are_there(seed: int) -> None:
    random = Random(seed)
    pool = Pool([block_of(frame, samples=4 * (1 + frame % 2)) for frame in range(6)], whole=WHOLE)
    out: list[Block] = []

    def take() -> None:
        choice = pool.candidates(random.choice("ab"), {"a", "b"})
        if choice:
            index, block = random.choice(choice)
            assert pool.take(index) == block
            out.append(block)

    def put() -> None:
        if out:
            block = out.pop()
            pool.put(0, [block.part(LEFT), block.part(RIGHT)] if block.region == WHOLE else [block.failed_on("a")])

    def drop() -> None:
        pool.drop(random.randrange(6), lambda block: block.region != LEFT)

    acts: list[Callable[[], None]] = [take, take, put, drop]
    for _ in range(40):
        random.choice(acts)()
        there = list(pool)
        assert len(pool) == len(there)
        assert pool.price(price) == sum(block.pixel_samples for block in there)
        for frame in range(6):
            of_frame = [block for block in there if block.frame == frame]
            assert pool.count_of_frame(frame) == len(of_frame)
            assert pool.price(price, frame=frame) == sum(block.pixel_samples for block in of_frame)
