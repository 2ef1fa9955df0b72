"""What nodes have in hand: when each unit should end, and the work that is left in all of them."""

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
    for ticket, takes_s in enumerate(seconds, start=1):
        in_flight.start({ticket: BLOCK}, node, now_s=0, speed=1, seconds=[takes_s], known=True)


def ends_of(in_flight: InFlight, node: str) -> list[float]:
    """When each unit of a node should end."""
    return [one.starts_s + one.duration_s for one in in_flight.of_node(node)]


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
class Plain:
    """The same, counted the plain way: for every node when each unit ends, in its order."""

    hands: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    until_s: dict[str, float] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)
    ends_s: dict[int, float] = field(default_factory=dict)

    def start(self, ticket: int, node: str, now_s: float, speed: float, takes_s: float) -> None:
        hand = self.hands.setdefault(node, [])
        begins_s = max(now_s, self.until_s[node]) if hand else now_s
        hand.append((ticket, takes_s))
        self.ends_s[ticket] = self.until_s[node] = begins_s + takes_s
        self.speeds[node] = speed

    def end(self, ticket: int, now_s: float) -> None:
        node = next(node for node, hand in self.hands.items() if ticket in dict(hand))
        hand = self.hands[node]
        index = [one for one, _ in hand].index(ticket)
        at_s = max(now_s, self.ends_s[hand[index - 1][0]]) if index else now_s
        del hand[index]
        for later, takes_s in hand[index:]:
            at_s += takes_s
            self.ends_s[later] = at_s
        self.until_s[node] = at_s

    def work_left(self, now_s: float) -> float:
        return sum(
            self.speeds[node] * max(0.0, self.until_s[node] - now_s) for node, hand in self.hands.items() if hand
        )


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 120))
def test_the_work_left_is_what_adding_up_all_nodes_gives(seed: int, steps: int) -> None:
    random, in_flight, plain = Random(seed), InFlight(), Plain()
    now_s, tickets = 0.0, list[int]()
    for ticket in range(steps):
        now_s += random.choice([0.0, 0.1, 5.0, 40.0])
        if tickets and random.random() < 0.5:
            ended = tickets.pop(random.randrange(len(tickets)))
            assert in_flight.end(ended, now_s=now_s) is not None
            plain.end(ended, now_s)
        else:
            node, speed, takes_s = random.choice("abc"), random.choice([0.1, 1.0, 7.0]), random.uniform(0, 30)
            in_flight.start({ticket: BLOCK}, node, now_s=now_s, speed=speed, seconds=[takes_s], known=True)
            plain.start(ticket, node, now_s, speed, takes_s)
            tickets.append(ticket)
        for later_s in (0.0, random.uniform(0, 20)):
            now_s += later_s
            assert in_flight.work_left(now_s) == pytest.approx(plain.work_left(now_s), abs=1e-6)
        assert len(in_flight) == in_flight.count_of_frame(1) == len(tickets)
        assert {one.ticket: pytest.approx(one.starts_s + one.duration_s) for one in in_flight} == {
            ticket: plain.ends_s[ticket] for ticket in tickets
        }


def test_what_comes_after_a_unit_moves_up_when_it_ends() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10, 10, 10)
    assert ends_of(in_flight, "a") == [10, 20, 30]
    in_flight.end(1, now_s=4)
    assert ends_of(in_flight, "a") == [14, 24]
    assert in_flight.work_left(4) == 20


@pytest.mark.parametrize(("ticket", "ends"), [(2, [10, 20]), (3, [10, 20])])
def test_what_comes_before_a_unit_that_is_called_back_goes_on(ticket: int, ends: list[float]) -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10, 10, 10)
    in_flight.end(ticket, now_s=5)
    assert ends_of(in_flight, "a") == ends
    assert in_flight.work_left(5) == 15


def test_a_unit_has_begun_when_nothing_is_before_it() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10, 10)
    assert [in_flight.is_rendering(ticket) for ticket in (1, 2, 3)] == [True, False, False]
    in_flight.end(1, now_s=1)
    assert in_flight.is_rendering(2)


def test_a_late_unit_needs_the_longer_the_later_it_is() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10)
    (one,) = in_flight
    assert [one.seconds_left(now_s) for now_s in (0, 9, 20, 40)] == [10, 1, 10, 20]
    assert in_flight.work_left(20) == 0


def test_blocks_of_one_unit_follow_each_other() -> None:
    in_flight = InFlight()
    in_flight.start({7: BLOCK, 8: BLOCK}, "a", now_s=1, speed=1, seconds=[2, 3], known=True)
    assert [(one.starts_s, one.index, one.unit_size) for one in in_flight.of_node("a")] == [(1, 0, 2), (3, 1, 2)]


def test_what_nothing_was_known_of_is_foreseen_later() -> None:
    in_flight = InFlight()
    in_flight.start({1: BLOCK}, "a", now_s=3, speed=2, seconds=[1e6], known=False)
    in_flight.start({2: BLOCK}, "a", now_s=3, speed=2, seconds=[4], known=True)
    in_flight.set_durations(lambda _: 10.0)
    assert ends_of(in_flight, "a") == [13, 17]
    assert in_flight.work_left(3) == 28
    assert [one.predicted_s for one in in_flight] == [None, 4]


def test_a_ticket_that_is_not_there_ends_nothing() -> None:
    in_flight = InFlight()
    give(in_flight, "a", 10)
    assert in_flight.end(9, now_s=1) is None
    assert in_flight.end(1, now_s=1) is not None
    assert in_flight.get(1) is None
    assert (len(in_flight), in_flight.count("a"), in_flight.of_node("b"), in_flight.work_left(1)) == (0, 0, [], 0)


@settings(deadline=None)
@given(
    hands=st.lists(st.tuples(st.floats(0.1, 10), st.floats(0, 100)), max_size=6),
    idle=st.floats(0.1, 10),
    work_s=st.floats(0, 1000),
)
def test_nodes_end_together_if_each_gets_what_it_can_do_until_then(
    hands: list[tuple[float, float]], idle: float, work_s: float
) -> None:
    in_flight = InFlight()
    for ticket, (speed, takes_s) in enumerate(hands):
        in_flight.start({ticket: BLOCK}, str(ticket), now_s=0, speed=speed, seconds=[takes_s], known=True)
        assert in_flight.busy_s(str(ticket), 0) == takes_s
    ends_s = in_flight.balanced_s(work_s, idle + sum(speed for speed, _ in hands), 0)
    given_s = idle * ends_s + sum(speed * max(0.0, ends_s - takes_s) for speed, takes_s in hands)
    assert given_s == pytest.approx(work_s, abs=1e-6)


def test_a_node_that_is_stuck_makes_nobodys_share_large() -> None:
    in_flight = InFlight()
    give(in_flight, "stuck", 1e9)
    assert in_flight.balanced_s(40.0, 5.0, 0) == pytest.approx(10.0)
    assert in_flight.busy_s("idle", 0) == 0.0
