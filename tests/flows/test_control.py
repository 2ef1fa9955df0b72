"""What is wanted of a job reaches its run, and a store that is away changes nothing of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from flows.control import Wish, WishWatch, express, wish_of
from storage.objects import HOUSE, open_store
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_nobody_has_said_anything(store: ObjectStore) -> None:
    assert wish_of(store, "job-1") is Wish.RUN


@pytest.mark.parametrize("wish", list(Wish))
def test_a_wish_is_kept_for_its_job_alone(store: ObjectStore, wish: Wish) -> None:
    express(store, "job-1", Wish.CANCEL, at=NOW)
    express(store, "job-1", wish, at=NOW)
    assert wish_of(store, "job-1") is wish
    assert wish_of(store, "job-2") is Wish.RUN


def test_a_wish_that_can_t_be_read_is_none(store: ObjectStore) -> None:
    store.write(f"{HOUSE}/jobs/job-1/wish.json", b'{"wish": "fly"}')
    assert wish_of(store, "job-1") is Wish.RUN


def test_a_run_hears_of_a_wish_and_keeps_it_while_the_store_is_away(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = open_store(str(folder))
    with WishWatch(store=store, job_id="job-1", every_s=0.01) as watch:
        express(store, "job-1", Wish.SUSPEND, at=NOW)
        until(lambda: watch.wish is Wish.SUSPEND, timeout_s=10)
        folder.rename(tmp_path / "away")
        folder.write_text("no folder any more")  # whatever is asked of the store is an error now
        with pytest.raises(Exception, match="store"):
            store.read("anything")
        assert watch.wish is Wish.SUSPEND
        folder.unlink()
        (tmp_path / "away").rename(folder)
        express(store, "job-1", Wish.RUN, at=NOW)
        until(lambda: watch.wish is Wish.RUN, timeout_s=10)
