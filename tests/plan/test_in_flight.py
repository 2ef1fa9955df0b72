"""Units in flight: when each should end, and the work left in all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.plan.block import Block
from frontburner.plan.in_flight import InFlight
from tasks.spec import Region, SampleRange

BLOCK = Block(frame=1, samples=SampleRange(start=0, stop=8), region=Region(x0=0, y0=0, x1=8, y1=8))


def give(in_flight: InFlight, node: str, *seconds: float) -> None:
    """Give a node units with the tickets from 1 on."""
    for ticket, duration_s in enumerate(seconds, start=1):
        in_flight.start({ticket: BLOCK}, node, now_s=0, speed=1, seconds=[duration_s], known=True)


def ends_of(in_flight: InFlight, node: str) -> list[float]:
    """Return when each unit of a node should end."""
    return [unit.ends_s for unit in in_flight.of_node(node)]


def test_nothing_is_kept_of_a_unit_that_ended() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 1.0, 2.0)
    assert in_flight.count_of_frame(BLOCK.frame) == 2
    for ticket in (1, 2):
        in_flight.end(ticket, now_s=3.0)
    assert in_flight.count_of_frame(BLOCK.frame) == 0
    assert not in_flight._by_frame
    assert not in_flight._node_of


@dataclass
class BruteForce:
    """The same by brute force: for every node when each unit ends, in order."""

    queues: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    until_s: dict[str, float] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)
    ends_s: dict[int, float] = field(default_factory=dict)

    def start(self, ticket: int, node: str, now_s: float, speed: float, duration_s: float) -> None:
        queue = self.queues.setdefault(node, [])
        starts_s = max(now_s, self.until_s[node]) if queue else now_s
        queue.append((ticket, duration_s))
        self.ends_s[ticket] = self.until_s[node] = starts_s + duration_s
        self.speeds[node] = speed

    def end(self, ticket: int, now_s: float) -> None:
        node = next(node for node, queue in self.queues.items() if ticket in dict(queue))
        queue = self.queues[node]
        index = [other for other, _ in queue].index(ticket)
        at_s = max(now_s, self.ends_s[queue[index - 1][0]]) if index else now_s
        del queue[index]
        for later, duration_s in queue[index:]:
            at_s += duration_s
            self.ends_s[later] = at_s
        self.until_s[node] = at_s

    def work_left(self, now_s: float) -> float:
        return sum(
            self.speeds[node] * max(0.0, self.until_s[node] - now_s) for node, queue in self.queues.items() if queue
        )


@settings(max_examples=80)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 120))
def test_the_work_left_is_what_adding_up_all_nodes_gives(seed: int, steps: int) -> None:
    random, in_flight, expected = Random(seed), InFlight(), BruteForce()
    now_s, tickets = 0.0, list[int]()
    for ticket in range(steps):
        now_s += random.choice([0.0, 0.1, 5.0, 40.0])
        if tickets and random.random() < 0.5:
            ended = tickets.pop(random.randrange(len(tickets)))
            assert in_flight.end(ended, now_s=now_s) is not None
            expected.end(ended, now_s)
        else:
            node, speed, duration_s = random.choice("abc"), random.choice([0.1, 1.0, 7.0]), random.uniform(0, 30)
            in_flight.start({ticket: BLOCK}, node, now_s=now_s, speed=speed, seconds=[duration_s], known=True)
            expected.start(ticket, node, now_s, speed, duration_s)
            tickets.append(ticket)
        for later_s in (0.0, random.uniform(0, 20)):
            now_s += later_s
            assert in_flight.work_left(now_s) == pytest.approx(expected.work_left(now_s), abs=1e-6)
        assert len(in_flight) == in_flight.count_of_frame(1) == len(tickets)
        assert {unit.ticket: pytest.approx(unit.ends_s) for unit in in_flight} == {
            ticket: expected.ends_s[ticket] for ticket in tickets
        }


def test_what_comes_after_a_unit_moves_up_when_it_ends() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10, 10, 10)
    assert ends_of(in_flight, "a") == [10, 20, 30]
    in_flight.end(1, now_s=4)
    assert ends_of(in_flight, "a") == [14, 24]
    assert in_flight.work_left(4) == 20


@pytest.mark.parametrize(("ticket", "ends"), [(2, [10, 20]), (3, [10, 20])])
def test_what_comes_before_a_unit_that_is_cancelled_stays(ticket: int, ends: list[float]) -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10, 10, 10)
    in_flight.end(ticket, now_s=5)
    assert ends_of(in_flight, "a") == ends
    assert in_flight.work_left(5) == 15


def test_a_unit_is_rendered_when_nothing_is_before_it() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10, 10)
    assert [in_flight.is_rendering(ticket) for ticket in (1, 2, 3)] == [True, False, False]
    in_flight.end(1, now_s=1)
    assert in_flight.is_rendering(2)


def test_a_late_unit_needs_the_longer_the_later_it_is() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10)
    (unit,) = in_flight
    assert [unit.seconds_left(now_s) for now_s in (0, 9, 20, 40)] == [10, 1, 10, 20]
    assert in_flight.work_left(20) == 0


def test_blocks_of_one_unit_follow_each_other() -> None:
    in_flight = InFlight()
    in_flight.start({7: BLOCK, 8: BLOCK}, "a", now_s=1, speed=1, seconds=[2, 3], known=True)
    assert [(unit.starts_s, unit.index, unit.unit_size) for unit in in_flight.of_node("a")] == [(1, 0, 2), (3, 1, 2)]


def test_unknown_durations_are_set_later() -> None:
    in_flight = InFlight()
    in_flight.start({1: BLOCK}, "a", now_s=3, speed=2, seconds=[1e6], known=False)
    in_flight.start({2: BLOCK}, "a", now_s=3, speed=2, seconds=[4], known=True)
    in_flight.set_durations(lambda _: 10.0)
    assert ends_of(in_flight, "a") == [13, 17]
    assert in_flight.work_left(3) == 28
    assert [unit.predicted_s for unit in in_flight] == [None, 4]


def test_a_ticket_that_is_not_there_ends_nothing() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10)
    assert in_flight.end(9, now_s=1) is None
    assert in_flight.end(1, now_s=1) is not None
    assert in_flight.get(1) is None
    assert (len(in_flight), in_flight.count("a"), in_flight.of_node("b"), in_flight.work_left(1)) == (0, 0, [], 0)


@given(
    queues=st.lists(st.tuples(st.floats(0.1, 10), st.floats(0, 100)), max_size=6),
    idle=st.floats(0.1, 10),
    work_s=st.floats(0, 1000),
)
def test_nodes_end_together_if_each_gets_what_it_can_do_until_then(
    queues: list[tuple[float, float]], idle: float, work_s: float
) -> None:
    in_flight = InFlight()
    for ticket, (speed, duration_s) in enumerate(queues):
        in_flight.start({ticket: BLOCK}, str(ticket), now_s=0, speed=speed, seconds=[duration_s], known=True)
        assert in_flight.busy_s(str(ticket), 0) == duration_s
    ends_s = in_flight.balanced_s(work_s, idle + sum(speed for speed, _ in queues), 0)
    given_s = idle * ends_s + sum(speed * max(0.0, ends_s - duration_s) for speed, duration_s in queues)
    assert given_s == pytest.approx(work_s, abs=1e-6)


def test_a_node_that_is_stuck_makes_no_share_large() -> None:
    in_flight = InFlight()
    give(in_flight, "stuck", 1e9)
    assert in_flight.balanced_s(40.0, 5.0, 0) == pytest.approx(10.0)
    assert in_flight.busy_s("idle", 0) == 0.0
