"""Whether a machine is in use: by keys and mouse, and by other programs on its cores."""

from __future__ import annotations

from frontburner.workstation.presence import BUSY_S, INPUT_S, Presence


def test_other_programs_count_when_they_keep_cores_busy_for_a_while() -> None:
    presence, found = Presence(cores=4), []
    for second in range(0, 120, 2):
        taken = 2.0 * second if second < 60 else 120.0  # two of four cores, for a minute
        found.append((second, bool(presence.update(now_s=second, input_age_s=None, other_cpu_s=taken))))
    assert not any(busy for second, busy in found if second < BUSY_S)
    assert all(busy for second, busy in found if BUSY_S <= second <= 60)
    assert not any(busy for second, busy in found if second > 60 + BUSY_S)


def test_less_than_a_quarter_of_the_cores_does_not_count() -> None:
    presence = Presence(cores=4)
    assert not any(presence.update(now_s=s, input_age_s=None, other_cpu_s=0.9 * s) for s in range(0, 200, 2))


def test_a_key_counts_at_once_and_for_five_minutes() -> None:
    presence = Presence(cores=1)
    for age_s, used in ((0.0, True), (INPUT_S - 1, True), (INPUT_S + 1, False), (None, False)):
        assert bool(presence.update(now_s=0.0, input_age_s=age_s, other_cpu_s=0.0)) is used


def test_a_renderer_that_ends_is_not_another_program() -> None:
    presence = Presence(cores=4)
    for second in range(0, 100, 2):
        others = 1000.0 if second >= 50 else 0.0  # what it used is no longer subtracted
        assert not presence.update(now_s=second, input_age_s=None, other_cpu_s=others)
