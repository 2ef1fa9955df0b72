"""Whether a machine is in use: keys pressed in its terminals, and other programs on its cores."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from frontburner.cluster.idle_detection import BUSY_S, INPUT_S, IdleDetection, input_age_s

if TYPE_CHECKING:
    from pathlib import Path


def test_other_programs_count_when_they_keep_cores_busy_for_a_while() -> None:
    detection, found = IdleDetection(cores=4), []
    for second in range(0, 120, 2):
        taken = 2.0 * second if second < 60 else 120.0  # two of four cores, for a minute
        found.append((second, bool(detection.update(now_s=second, input_age_s=None, other_cpu_s=taken))))
    assert not any(busy for second, busy in found if second < BUSY_S)
    assert all(busy for second, busy in found if BUSY_S <= second <= 60)
    assert not any(busy for second, busy in found if second > 60 + BUSY_S)


def test_less_than_a_quarter_of_the_cores_does_not_count() -> None:
    detection = IdleDetection(cores=4)
    assert not any(detection.update(now_s=s, input_age_s=None, other_cpu_s=0.9 * s) for s in range(0, 200, 2))


def test_a_key_counts_at_once_and_for_five_minutes(tmp_path: Path) -> None:
    terminal, now_s = tmp_path / "tty", 1_000_000.0
    terminal.touch()
    detection = IdleDetection(cores=1)
    for ago_s, used in ((0.0, True), (INPUT_S - 1, True), (INPUT_S + 1, False)):
        os.utime(terminal, (now_s - ago_s, now_s))
        typed_s = input_age_s([terminal, tmp_path / "gone"], now_s)
        assert typed_s == ago_s
        assert bool(detection.update(now_s=now_s, input_age_s=typed_s, other_cpu_s=0.0)) is used
    assert input_age_s([], now_s) is None
