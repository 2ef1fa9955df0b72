"""Who hangs: a renderer that neither computes, nor reads, nor waits for a disk, for long enough."""

from __future__ import annotations

from itertools import count

import pytest

from tasks.process.hang_detection import HANG_TIMEOUT_S, LONGEST_HANG_S, Activity, HangDetector, patience_s


def hangs_after(*done: Activity, timeout_s: float = 60.0, step_s: float = 5.0) -> float | None:
    """Return when a renderer that does this, one a check, and then nothing more, is taken for one that hangs."""
    last, checks = done[-1], iter(done)
    detector = HangDetector(lambda: next(checks, last), timeout_s)
    return next((step * step_s for step in range(100) if detector.hangs(step * step_s)), None)


def test_a_renderer_that_does_nothing_hangs_after_its_time() -> None:
    assert hangs_after(Activity()) == 65.0
    assert hangs_after(Activity(), timeout_s=300.0) == 305.0


@pytest.mark.parametrize(
    ("work", "is_work"),
    [
        (Activity(cpu_s=0.2), True),
        (Activity(io_bytes=1 << 20), True),
        (Activity(waits_for_disk=True), True),
        (Activity(cpu_s=0.01, io_bytes=64), False),
    ],
)
def test_what_it_does_meanwhile_counts(work: Activity, *, is_work: bool) -> None:
    idle = [Activity()] * 10  # for 50 seconds
    assert hangs_after(*idle, work, Activity(cpu_s=work.cpu_s, io_bytes=work.io_bytes)) == (115.0 if is_work else 65.0)


def test_a_machine_that_was_asleep_says_nothing_about_its_renderer() -> None:
    detector = HangDetector(Activity, 60.0)
    assert not detector.hangs(0.0)
    assert not detector.hangs(3600.0), "nobody looked meanwhile"
    assert next(at_s for at_s in range(3605, 3700, 5) if detector.hangs(float(at_s))) == 3665
    assert detector.longest_s == 0.0


def test_one_that_was_slow_before_gets_more_time() -> None:
    assert patience_s(0.0) == HANG_TIMEOUT_S
    assert patience_s(50.0) == 100.0
    assert patience_s(10_000.0) == LONGEST_HANG_S
    busy = (Activity(cpu_s=float(at_s // 40)) for at_s in count(0, 5))
    detector = HangDetector(lambda: next(busy), 60.0)
    assert not any(detector.hangs(float(at_s)) for at_s in range(0, 200, 5))
    assert detector.longest_s == 40.0
