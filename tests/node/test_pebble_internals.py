"""The details of pebble and multiprocessing that we rely on are still as we know them."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pebble
import pytest

from system.processes import KILLED
from tasks.process.pebble_internals import TERM_TIMEOUT_S, finalizer, start_pool
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import SpawnProcess

    Pool = tuple[pebble.ProcessPool, SpawnProcess]

UPGRADE = "pebble {}: adapt tasks/process/pebble_internals.py to the new version."


class Owner:
    """Something that is garbage-collected."""


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool, process = start_pool(os.getpid)
    yield pool, process
    pool.stop()
    pool.join()


def test_reading_active_starts_the_one_worker_that_gets_work(pool: Pool) -> None:
    started, process = pool
    assert process.is_alive(), UPGRADE.format("no longer starts its worker when `active` is read")
    worker = started.schedule(os.getpid).result(TIMEOUT_S)
    assert worker == process.pid, UPGRADE.format("gives work to another process than the first of its context")


def test_a_worker_that_survives_sigterm_is_killed_after_our_timeout(pool: Pool) -> None:
    assert pebble.CONSTS.term_timeout == TERM_TIMEOUT_S, UPGRADE.format("has moved CONSTS.term_timeout")
    started, process = pool
    with pytest.raises(TimeoutError):
        started.schedule(ignore_sigterm, timeout=TERM_TIMEOUT_S).result(TIMEOUT_S)
    assert process.exitcode == KILLED, UPGRADE.format("no longer kills a worker that survives SIGTERM")


def ignore_sigterm() -> None:
    """Survive SIGTERM, as native code does."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(TIMEOUT_S)


def test_a_finalizer_runs_once_when_its_owner_is_gone() -> None:
    calls: list[str] = []
    owner = Owner()
    end = finalizer(owner, lambda: calls.append("ended"))
    del owner
    end()
    assert calls == ["ended"], "multiprocessing.util.Finalize no longer calls once: adapt pebble_internals.finalizer."
