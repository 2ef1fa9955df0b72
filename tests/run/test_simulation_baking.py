"""A scene's simulations are baked by one node, once; what is rendered then is the baked copy in the scene's place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.cluster.node_messages import message_of
from frontburner.dispatch.messages import Baking
from frontburner.run.simulation_baking import SimulationBaking
from storage.file_store import FileStore
from tasks.errors import SceneError
from tasks.job_context import JobContext, TransferMode
from tasks.node.baking_task import bake_simulations
from tasks.node.scene_tasks import open_sent_frames
from tasks.renderers.base import SceneInfo, Simulation
from tasks.scene.baking import BakedCopy, BakeOrder, placed
from tasks.scene.frame_scenes import FrameScene, SceneQuery
from tasks.scene.manifest import Manifest, SceneFile
from tests.run.test_scene_transfer import job  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.run.test_scene_transfer import Job

FALL = Simulation(name="rigid bodies of Scene", first=1, last=250)
CONTENT = b"baked"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Baked:
    """A job whose scene falls, and the orders that its nodes got."""

    def __init__(self, it: Job, *frames: int, left: tuple[Simulation, ...] = ()) -> None:
        self.it, self.left, self.orders = it, left, list[BakeOrder]()
        it.transfer.query = replace(
            it.transfer.query, frames=tuple(FrameScene(frame=frame, path=str(it.scene)) for frame in frames)
        )
        it.transfer.open()
        opened = it.transfer._opened
        assert opened is not None
        infos = {frame: replace(info, simulations=(FALL,)) for frame, info in opened.infos.items()}
        it.transfer._opened = replace(opened, infos=infos)
        it.farm.on_node |= {bake_simulations: self.bake, open_sent_frames: self.open}
        self.baking = SimulationBaking(transfer=it.transfer)

    def bake(self, order: BakeOrder, manifest: str, context: JobContext) -> BakedCopy:
        """As a node does: the copy and a file that belongs to it are in the store."""
        self.orders.append(order)
        assert manifest == self.it.transfer.manifest.digest
        assert context.travel is not TransferMode.NO
        scratch = self.it.scene.with_name("scratch")
        (scratch / "files" / "fluid").mkdir(parents=True, exist_ok=True)
        places = [scratch / self.it.scene.name, scratch / "files" / "fluid" / "1.vdb"]
        for place in places:
            place.write_bytes(CONTENT)
            FileStore(store=self.it.store).put(place, SHA256)
        files = [SceneFile(path=str(place), size_bytes=len(CONTENT), sha256=SHA256) for place in places]
        copy = placed(files, scene=order.scene.path, folder=str(scratch))
        copy.save(self.it.store, order)
        return copy

    def open(self, query: SceneQuery, manifest: str, _: JobContext) -> dict[int, SceneInfo]:
        files = Manifest.load(self.it.store, manifest).files
        assert {file.path for file in files if file.sha256 == SHA256} == {
            str(self.it.scene), str(Path(f"{self.it.scene}.baked", "fluid", "1.vdb")),
        }  # fmt: skip
        assert str(self.it.texture) in {file.path for file in files}
        info = self.it.transfer.infos[query.frames[0].frame]
        return {s.frame: replace(info, digest=f"baked {s.frame}", simulations=self.left) for s in query.frames}

    def run(self, *frames: int) -> None:
        assert self.baking.needed_for(frames)
        self.baking.bake()


def test_a_scene_is_baked_on_a_node_up_to_the_last_frame_that_needs_it(job: Callable[..., Job]) -> None:  # noqa: F811
    it = Baked(job(a="", b="it isn't there."), 1, 5, 9)
    it.run(5)
    (order,) = it.orders
    assert (order.through, order.scene.path) == (6, str(it.it.scene)), "one more, for motion blur"
    assert (bake_simulations, ["tcp://a"]) in it.it.farm.calls, "a node that sees the scene"
    assert it.baking.baked is not None
    assert it.baking.baked.digests == {5: "baked 5"}
    assert it.baking.baked.manifest != it.it.transfer.manifest.digest
    assert "Simulations that aren't baked are baked first: rigid bodies of Scene (frames 1-10)." in it.it.log


def test_frames_before_anything_moves_need_no_bake(job: Callable[..., Job]) -> None:  # noqa: F811
    it = Baked(job(a=""), 1, 5)
    assert not it.baking.needed_for([1])
    assert not it.baking.needed_for([])


def test_what_was_baked_before_is_not_baked_again_unless_later_frames_are_needed(
    job: Callable[..., Job],  # noqa: F811
) -> None:
    first = Baked(job(a=""), 1, 5, 9)
    first.run(9)
    second = Baked(job(a=""), 1, 5, 9)
    second.run(5)
    assert second.orders == []
    assert "room.json: its simulations were baked by an earlier run." in second.it.log
    third = Baked(job(a=""), 5, 20)
    third.run(20)
    assert [order.through for order in third.orders] == [21]


def test_a_copy_that_the_store_has_lost_is_made_again(job: Callable[..., Job]) -> None:  # noqa: F811
    Baked(job(a=""), 5).run(5)
    it = Baked(job(a=""), 5)
    FileStore(store=it.it.store).discard(SHA256)
    it.run(5)
    assert len(it.orders) == 1


def test_a_scene_that_must_not_be_sent_is_sent_baked(job: Callable[..., Job]) -> None:  # noqa: F811
    it = Baked(job(TransferMode.NO, a=""), 5)
    it.run(5)
    assert it.it.farm.context.travel is TransferMode.AUTO


def test_a_copy_that_is_not_baked_is_refused(job: Callable[..., Job]) -> None:  # noqa: F811
    it = Baked(job(a=""), 5, left=(FALL,))
    with pytest.raises(SceneError, match=r"rigid bodies of Scene of room\.json isn't baked in the baked copy"):
        it.run(5)


def test_progress_of_a_bake_is_announced() -> None:
    baked: dict[str, Any] = {"what": "cloth of Flag", "frame": 3, "last": 20, "seconds": 2.5}
    message = message_of({"ticket": 0, "node": "a", "baked": baked})
    assert message == Baking(node="a", **baked)
    event: Any = message.event(at_s=4.0)
    assert (event.node, event.simulation, event.frame, event.last) == ("a", "cloth of Flag", 3, 20)
