"""A store that is away or full for a while: calls on it go on until it is back, or nobody wants them any more."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from storage.errors import CorruptObject, MissingObject, StoreError, StoreFull
from storage.objects import open_store
from tasks.errors import UnitCancelled
from tasks.node.unit_ledger import UnitLedger
from tasks.store_retry import LONGEST_WAIT_S, StoreRetry
from tests.disks import disk
from tests.end_to_end.conftest import TIMEOUT_S
from tests.node.test_unit_ledger import UNIT, assert_same, tile
from tests.storage.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from storage.s3 import S3Store


@dataclass
class Time:
    """A clock that only sleeping moves; ``at`` has things happen at moments."""

    now_s: float = 0.0
    at: dict[float, Callable[[], object]] = field(default_factory=dict)

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        for moment_s in [moment_s for moment_s in self.at if moment_s <= self.now_s]:
            self.at.pop(moment_s)()

    def retry(self, **options: object) -> StoreRetry:
        return StoreRetry(clock=self.clock, sleep=self.sleep, **options)  # type: ignore[arg-type]


def away() -> StoreError:
    return StoreError(reason="It is away.", remedy="Start it.", retryable=True, url="s3://farm")


def test_a_tile_outlives_a_store_that_cannot_be_reached_for_a_while(
    s3_store: S3Store, s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut, time = [True], Time()
    errors: list[StoreError] = []
    time.at[20.0] = cut.clear

    def judge(connection: int, data: bytes) -> bool:
        return not cut

    with proxy(s3_server["AWS_ENDPOINT_URL"], request=judge) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay)
        ledger = UnitLedger(store=replace(s3_store, read_timeout_s=TIMEOUT_S))
        assert time.retry(on_wait=errors.append).call(lambda: ledger.create(UNIT, tile()))
        assert 20.0 <= time.now_s <= 20.0 + LONGEST_WAIT_S
        assert len(errors) == 1
        assert_same(ledger.load(UNIT), tile())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a hundred kilobytes."""
    with disk(tmp_path / "disk", "100k") as place:
        yield place


def test_a_tile_outlives_a_full_disk(small_disk: Path) -> None:
    ledger, time = UnitLedger(store=open_store(str(small_disk / "store"))), Time()
    errors: list[StoreError] = []
    filler = small_disk / "filler"
    with suppress(OSError):
        filler.write_bytes(os.urandom(1 << 20))
    time.at[40.0] = filler.unlink
    assert time.retry(on_wait=errors.append).call(lambda: ledger.create(UNIT, tile()))
    assert isinstance(errors[0], StoreFull)
    assert_same(ledger.load(UNIT), tile())


def test_a_store_that_stays_away_is_given_up_with_its_own_error() -> None:
    time, tries = Time(), []

    def fail() -> None:
        tries.append(time.now_s)
        raise away()

    with pytest.raises(StoreError, match="It is away"):
        time.retry(timeout_s=100.0).call(fail)
    assert 100.0 - LONGEST_WAIT_S <= time.now_s <= 100.0
    assert len(tries) < 15, "ever more seldom"


@pytest.mark.parametrize("kind", [StoreError, CorruptObject, MissingObject])
def test_what_does_not_pass_by_itself_is_not_waited_for(kind: type[StoreError]) -> None:
    time = Time()

    def fail() -> None:
        raise kind(reason="No.", remedy="", url="s3://farm")

    with pytest.raises(kind):
        time.retry().call(fail)
    assert time.now_s == 0.0


def test_a_call_that_nobody_wants_any_more_ends_at_once() -> None:
    time, wanted = Time(), [True]
    time.at[10.0] = wanted.clear

    def fail() -> None:
        raise away()

    with pytest.raises(UnitCancelled):
        time.retry(cancelled=lambda: not wanted).call(fail)
    assert time.now_s == pytest.approx(10.0, abs=0.2)
