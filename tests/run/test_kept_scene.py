"""A job goes on with its scene as it was given: in the next round of a run, and when a suspended one is resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from frontburner.control.kept_scenes import forget_given_scene
from frontburner.run.kept_scene import KeptScene
from tasks.errors import SceneError
from tasks.job_context import TransferMode
from tasks.node.scene_tasks import open_sent_frames
from tasks.scene.frame_scenes import inspect_frames
from tests.run.test_scene_transfer import Job, job

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["job"]


def kept_by(it: Job, *, resumed: bool = False) -> KeptScene:
    """Have a job's transfer keep its scene, as a run does."""
    kept = KeptScene(store=it.store, job_id="room-1", files=it.store.url, resumed=resumed)
    it.transfer.kept = kept
    it.farm.context = replace(it.farm.context, kept=kept.folder)
    before = it.scene.read_bytes(), it.texture.read_bytes()

    def open_copy(query: object, *_: object) -> object:
        """Open the scene as it was, as a node does from its cache."""
        now = it.scene.read_bytes(), it.texture.read_bytes()
        it.scene.write_bytes(before[0])
        it.texture.write_bytes(before[1])
        infos = inspect_frames(query)  # type: ignore[arg-type]
        it.scene.write_bytes(now[0])
        it.texture.write_bytes(now[1])
        return infos

    it.farm.on_node[open_sent_frames] = open_copy
    return kept


def digest_of(it: Job) -> str:
    it.transfer.open()
    return it.transfer.infos[1].digest


def next_run(it: Job, make: Callable[..., Job], kept: KeptScene | None = None, *, resumed: bool = False) -> Job:
    """Return the job with another transfer, whose scene was edited in between."""
    before = it.texture.read_bytes()
    after = make()
    after.texture.write_bytes(before)
    if kept is None:
        kept_by(after, resumed=resumed)
    else:
        after.transfer.kept, after.farm.context, after.farm.on_node = kept, it.farm.context, it.farm.on_node
    return after


def edit(it: Job) -> None:
    new = it.texture.with_suffix(".new")
    new.write_bytes(b"oak")
    new.replace(it.texture)


@pytest.mark.parametrize("travel", [TransferMode.AUTO, TransferMode.NO])
def test_another_round_has_the_scene_of_the_first(job: Callable[..., Job], travel: TransferMode) -> None:
    it = job(travel, a="")
    kept = kept_by(it)
    given = digest_of(it)
    round_two = next_run(it, job, kept)
    edit(round_two)
    assert digest_of(round_two) == given
    assert not round_two.transfer.must_be_sent
    assert "It is rendered as it was" in round_two.transfer.note
    assert "wood.png" in round_two.transfer.note


def test_a_run_that_resumes_another_goes_on_with_what_was_given(job: Callable[..., Job]) -> None:
    it = job(a="")
    kept_by(it)
    given = digest_of(it)
    resumed = next_run(it, job, resumed=True)
    edit(resumed)
    assert digest_of(resumed) == given
    anew = next_run(resumed, job)
    assert digest_of(anew) != given, "a job that is given again has the scene as it is then"
    forget_given_scene(it.store, "room-1")
    assert KeptScene(store=it.store, job_id="room-1", files=it.store.url, resumed=True).recall() is None


def test_what_is_not_kept_is_named(job: Callable[..., Job]) -> None:
    it = job(a="")
    kept = kept_by(it)
    given = digest_of(it)
    resumed = next_run(it, job, resumed=True)
    edit(resumed)
    for path in Path(kept.folder).iterdir():
        if path.name != "scene.json":
            path.unlink()
    assert digest_of(resumed) != given
    assert any("wood.png changed since the job was suspended, and isn't kept" in line for line in resumed.log)
    round_two = next_run(it, job, kept)
    edit(round_two)
    for path in Path(kept.folder).iterdir():
        path.unlink()
    with pytest.raises(SceneError, match=r"wood\.png of the scene room\.json changed while the job ran"):
        digest_of(round_two)


def test_nothing_is_left_when_the_job_has_ended(job: Callable[..., Job]) -> None:
    it = job(a="")
    kept = kept_by(it)
    digest_of(it)
    assert len(list(Path(kept.folder).iterdir())) == 3
    kept.remove()
    assert not Path(kept.folder).parent.exists()
