"""The planner: which unit a node gets next, from the work left and what finished units have taught.

One algorithm for stills and sequences: a node that asks gets about its share of half the work left. While
that share is more than a frame it gets a whole frame; when it is less, the frame is cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from flows.plan.block import Block, overlaps, subtract
from flows.plan.cost import CostMap
from flows.plan.cut import cut_off
from flows.plan.passes import turns
from flows.plan.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks.spec import Region, RegionCost, SampleRange, Size

SHARE = 2.0
"""A node gets its part of 1/SHARE of the work left: units shrink towards the end, so all nodes end together."""

SHARE_OF_TIME = 4.0
"""When a time limit nears, a unit takes 1/SHARE_OF_TIME of what is left of it: a node may hold two."""

OVERHEAD_FRACTION = 0.1
"""Units are never cut so small that their own overhead is more than this part of them."""

BLIND_UNITS_PER_NODE = 8
"""Units a node gets of the probe, and of anything whose cost nothing is known of."""

LEARNING_RATE = 0.3
GUESS_TRUST = 0.3


class Mode(StrEnum):
    """How a job is cut."""

    AUTO = "auto"
    FRAMES = "frames"
    TILES = "tiles"


@dataclass(slots=True, kw_only=True)
class NodeState:
    """What the planner knows of a node. ``speed`` is relative to the reference node."""

    name: str
    speed: float = 1.0
    units: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWork:
    """A frame to be rendered, and the regions of it that exist already, by range of samples."""

    frame: int
    done: tuple[tuple[SampleRange, Region], ...] = ()


@dataclass(slots=True, kw_only=True)
class Planner:
    """Cuts what is left of a job into units, one at a time, for the node that asks.

    ``reused`` are the units that exist already: a disjoint choice of what `FrameWork.done` lists.

    Parameters
    ----------
    frames
        The job's frames, in the order they should be rendered.
    size, region
        Size of a frame, and the part of it to render.
    passes
        Ranges of samples each frame is rendered in.
    mode
        ``FRAMES`` never cuts a frame, ``TILES`` spreads every frame over all nodes, ``AUTO`` does what
        keeps all nodes busy to the end.
    align_px
        Cuts lie at multiples of this.
    """

    frames: Sequence[FrameWork]
    size: Size
    region: Region
    passes: Sequence[SampleRange]
    mode: Mode = Mode.AUTO
    align_px: int = 8
    cost: CostMap = field(init=False)
    nodes: dict[str, NodeState] = field(init=False, default_factory=dict)
    overhead_s: float = field(init=False, default=0.01)
    reused: list[Block] = field(init=False, default_factory=list)
    ends_in_s: float | None = field(init=False, default=None)
    """Seconds until the job's time is up: units are cut so that they end before it."""
    _pool: Pool = field(init=False)
    _abandoned: set[int] = field(init=False, default_factory=set)
    _stops: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.cost = CostMap(self.size)
        blocks = [block for work, samples in turns(self.frames, self.passes) for block in self._missing(work, samples)]
        self._pool = Pool(blocks, whole=self.region)

    @property
    def exhausted(self) -> bool:
        """Whether all work has been handed out."""
        return not len(self._pool)

    def blocks_left(self, frame: int) -> int:
        """Pieces of a frame that no node has yet."""
        return self._pool.of_frame(frame)

    def pixel_samples_left(self) -> int:
        """Work that no node has yet, in pixels × samples."""
        return self._pool.pixel_samples

    def join(self, node: str) -> None:
        """Count a node in. It is taken to be as fast as the average until it has shown otherwise."""
        speeds = [state.speed for state in self.nodes.values()]
        self.nodes[node] = NodeState(name=node, speed=sum(speeds) / len(speeds) if speeds else 1.0)

    def leave(self, node: str) -> None:
        """Count a node out."""
        self.nodes.pop(node, None)

    def next_block(self, node: str) -> Block | None:
        """Take the next unit for a node out of the pool; None when there is no work for it."""
        taken = self._pool.take(node, self.nodes.keys())
        if taken is None:
            return None
        index, block = taken
        piece, rest = cut_off(
            block.region,
            target=self._target(block, node),
            price=lambda region: self._price(region, block.samples.count),
            align_px=self.align_px,
        )
        self._pool.put(index, [block.part(region) for region in rest])
        return block.part(piece)

    def give_back(self, block: Block) -> None:
        """Return work that wasn't done; it is the first to be handed out again."""
        stop = self._stops.get(block.frame, block.samples.stop)
        if block.frame not in self._abandoned and block.samples.stop <= stop:
            self._pool.put(0, [block])

    def abandon(self, frame: int) -> None:
        """Drop what is left of a frame."""
        self._abandoned.add(frame)
        self._pool.drop(frame)

    def drop_after(self, frame: int, sample_stop: int) -> None:
        """Drop what is left of a frame from a number of samples on; nothing of it is taken back."""
        self._stops[frame] = sample_stop
        self._pool.drop(frame, sample_stop=sample_stop)

    def learn(self, block: Block, node: str, *, render_s: float, costs: Iterable[RegionCost] = ()) -> None:
        """Take in a finished unit: the node's speed first, then the cost map at that speed.

        ``costs`` say only how ``render_s`` is spread over the region: were their sum taken for the time, speeds
        and costs would fall together, without end, where a renderer accounts for less than all of it.
        """
        if render_s <= 0:
            return
        state = self.nodes.get(node)
        if state is not None:
            self._learn_speed(state, block, render_s)
        speed = state.speed if state else 1.0
        if not self.cost.measured:  # the whole unit says more of the rest of the frame than its first corner
            self.cost.learn(block.region, samples=block.samples.count, reference_s=render_s * speed)
        parts = [(cost.region, cost.seconds) for cost in costs]
        total_s = sum(seconds for _, seconds in parts)
        if total_s <= 0:
            parts, total_s = [(block.region, render_s)], render_s
        for region, seconds in parts:
            reference_s = seconds / total_s * render_s * speed
            self.cost.learn(region, samples=block.samples.count, reference_s=reference_s)

    def learn_overhead(self, seconds: float) -> None:
        """Take in what a unit took besides rendering."""
        self.overhead_s += LEARNING_RATE * (max(0.0, seconds) - self.overhead_s)

    def predict(self, block: Block) -> float:
        """Seconds a reference node needs for a block (pixel-samples until something was measured)."""
        return self._price(block.region, block.samples.count)

    def _price(self, region: Region, samples: int) -> float:
        return self.cost.predict(region, samples=samples)

    def seconds_left(self, under_way: Iterable[Block] = ()) -> float | None:
        """Seconds until the job ends, if all goes on as it does; None while nothing is known."""
        speed = sum(state.speed for state in self.nodes.values())
        if not self.cost.measured or not speed:
            return None
        begun = 0.5 * sum(self.predict(block) for block in under_way)
        return (self._pool.price(self._price) + begun) / speed

    def _missing(self, work: FrameWork, samples: SampleRange) -> list[Block]:
        done: list[Region] = []
        for rendered, region in work.done:
            if (
                rendered == samples
                and region.inside(self.region)
                and not any(overlaps(region, other) for other in done)
            ):
                done.append(region)
                self.reused.append(Block(frame=work.frame, samples=samples, region=region))
        return [Block(frame=work.frame, samples=samples, region=piece) for piece in subtract(self.region, done)]

    def _target(self, block: Block, node: str) -> float:
        """Price of the unit this node should get, in the unit of `predict`."""
        if self.mode is Mode.FRAMES:
            return float("inf")
        total_speed = sum(state.speed for state in self.nodes.values()) or 1.0
        share = (self.nodes[node].speed if node in self.nodes else 1.0) / total_speed
        probing = len(self.passes) > 1 and block.samples == self.passes[0]
        if probing or not self.cost.measured:
            whole = self.cost.predict(self.region, samples=block.samples.count)
            frames = 1 if self.mode is Mode.TILES or probing else max(1, len(self.frames))
            return whole * frames * share / BLIND_UNITS_PER_NODE
        frame = block.frame if self.mode is Mode.TILES else None
        # Passes end one after another, so that the picture sharpens: a share is of what is left of this pass.
        left = self.predict(block) + self._pool.price(self._price, frame=frame, samples=block.samples)
        speed = self.nodes[node].speed if node in self.nodes else 1.0
        target = left * share / SHARE
        if self.ends_in_s is not None:
            target = min(target, self.ends_in_s * speed / SHARE_OF_TIME)
        return max(target, self.overhead_s / OVERHEAD_FRACTION * speed)

    def _learn_speed(self, state: NodeState, block: Block, render_s: float) -> None:
        if self.cost.measured:
            # Where nobody has measured, the predicted cost is a guess, and so is the speed that follows from it.
            trust = max(GUESS_TRUST, self.cost.known(block.region))
            measured = self.predict(block) / render_s
            # One odd unit must not turn the farm over: a step is bounded, and averaged in.
            measured = min(max(measured, state.speed / 4), state.speed * 4)
            state.speed *= (measured / state.speed) ** (LEARNING_RATE * trust)
        state.units += 1
