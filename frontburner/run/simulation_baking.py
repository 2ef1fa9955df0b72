"""Baking of a scene's simulations on one node, so that its frames can be rendered in any order on all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.jobs.simulations import last_needed, notes_on_simulations, simulations_of, to_bake
from storage.objects import open_store
from tasks.errors import SceneError
from tasks.job_context import TransferMode
from tasks.node.baking_task import bake_simulations
from tasks.node.scene_tasks import open_sent_frames
from tasks.scene.baking import BakedCopy, BakedScene, BakeOrder, with_copies

if TYPE_CHECKING:
    from collections.abc import Collection

    from frontburner.run.scene_transfer import SceneTransfer
    from tasks.scene.frame_scenes import FrameScene
    from tasks.scene.manifest import Manifest


@dataclass(slots=True, kw_only=True)
class SimulationBaking:
    """The bake of one job's scene.

    Parameters
    ----------
    transfer
        Where the scene was opened, and who has it.
    """

    transfer: SceneTransfer
    baked: BakedScene | None = field(init=False, default=None)
    """What is rendered instead of the scene; None renders the scene itself."""
    _frames: frozenset[int] = field(init=False, default=frozenset())

    def needed_for(self, frames: Collection[int]) -> bool:
        """Whether simulations are to be baked before these frames are rendered."""
        self._frames = frozenset(frames)
        return bool(to_bake(self.transfer.infos, frames))

    def bake(self) -> None:
        """Bake on one node, unless an earlier job did, and open the result on a node. Raises `SceneError`."""
        for sentence in notes_on_simulations(self.transfer.infos):
            self.transfer.log(sentence)
        farm = self.transfer.farm
        if farm.travel is TransferMode.NO:  # of the scene itself; the copy is sent in any case
            farm.context = replace(farm.context, travel=TransferMode.AUTO)
        store = open_store(farm.context.files)
        copies = {}
        for order in self._orders():
            copy = BakedCopy.find(store, order)
            if copy is None or not copy.is_stored(store):
                copy = self.transfer.on_node(
                    bake_simulations, self.transfer.nodes_with, order, self.transfer.manifest.digest, farm.context
                )
            else:
                self.transfer.log(f"{Path(order.scene.path).name}: its simulations were baked by an earlier run.")
            copies[order.scene.path] = copy
        manifest = with_copies(self.transfer.manifest, copies)
        manifest.save(store)
        self.baked = BakedScene(manifest=manifest.digest, digests=self._open(manifest))

    def _orders(self) -> list[BakeOrder]:
        """Return what to bake: each scene file once, up to the last frame that is needed of it."""
        query, infos = self.transfer.query, self.transfer.infos
        scenes: dict[str, list[FrameScene]] = {}
        for scene in query.frames:
            if scene.frame in self._frames:
                scenes.setdefault(scene.path, []).append(scene)
        return [
            BakeOrder(
                renderer=query.renderer,
                build=query.build,
                scene=of_file[0],
                digest=infos[of_file[0].frame].digest,
                through=last_needed(infos, frames),
                allow_scripts=query.allow_scripts,
            )
            for of_file in scenes.values()
            if to_bake(infos, frames := [scene.frame for scene in of_file])
        ]

    def _open(self, manifest: Manifest) -> dict[int, str]:
        """Open the baked scene on a node, and return the digest of each frame's content."""
        query = self.transfer.query
        query = replace(query, frames=tuple(scene for scene in query.frames if scene.frame in self._frames))
        infos = self.transfer.on_node(open_sent_frames, [], query, manifest.digest, self.transfer.farm.context)
        left = simulations_of(infos, self._frames)
        if left:
            raise SceneError(
                reason=f"The {left[0].name} of {Path(self.transfer.scene).name} isn't baked in the baked copy.",
                remedy="Bake it in Blender, and save the file.",
                scene=self.transfer.scene,
            )
        return {frame: info.digest for frame, info in infos.items()}
