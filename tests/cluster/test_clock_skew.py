"""Clocks are compared within the accuracy of the network."""

from __future__ import annotations

import pytest

from frontburner.cluster.clock_skew import ClockSkew, Reading, clock_check, clock_skew
from tasks.node.readiness import Grade

EXACT = ClockSkew(ahead_s=0.0, error_s=0.0)


def test_the_fastest_reading_counts_and_is_halved() -> None:
    slow = Reading(asked_s=100.0, remote_s=109.0, answered_s=108.0)
    quick = Reading(asked_s=110.0, remote_s=115.2, answered_s=110.4)
    found = clock_skew([slow, quick])
    assert found.ahead_s == pytest.approx(5.0)
    assert found.error_s == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("ahead_s", "grade", "words"),
    [
        (0.4, Grade.OK, ""),
        (3.0, Grade.NOTE, "Its clock is 3.0 s ahead of the scheduler's."),
        (-11.0, Grade.FAILS, "Its clock is 11.0 s behind the scheduler's."),
        (3600.0, Grade.FAILS, "Its clock is 60 minutes ahead of the scheduler's."),
        (-86400.0, Grade.FAILS, "Its clock is 24 hours behind the scheduler's."),
    ],
)
def test_a_wrong_clock_is_reported_with_its_skew(ahead_s: float, grade: Grade, words: str) -> None:
    check = clock_check(ClockSkew(ahead_s=ahead_s, error_s=0.0), EXACT)
    assert (check.grade, check.reason) == (grade, words)


def test_two_clocks_with_the_same_skew_agree() -> None:
    assert clock_check(ClockSkew(ahead_s=500.0, error_s=0.0), ClockSkew(ahead_s=500.1, error_s=0.0)).grade is Grade.OK


def test_a_skew_within_the_error_of_the_network_passes() -> None:
    assert clock_check(ClockSkew(ahead_s=12.0, error_s=8.0), ClockSkew(ahead_s=0.0, error_s=4.0)).grade is Grade.OK
