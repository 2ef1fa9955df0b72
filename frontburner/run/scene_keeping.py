"""Has a job's scene kept as it is when it is opened, and opened again as it was when it has changed since."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from frontburner.run.kept_scene import GivenScene
from storage.file_store import FileStore
from storage.objects import open_store
from system import paths
from tasks.node.scene_tasks import open_sent_frames
from tasks.scene.fetching import scene_file_changed
from tasks.scene.frame_scenes import FrameNumbers, OpenedScene
from tasks.scene.kept_files import keep_files, keep_in_store, lost_files
from tasks.scene.manifest import first_difference

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.run.kept_scene import KeptScene
    from frontburner.run.scene_transfer import SceneTransfer
    from tasks.scene.manifest import SceneFile

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneKeeping:
    """The scene of one job, and where it is kept.

    Parameters
    ----------
    transfer
        Where the scene is opened, and who sees it.
    """

    transfer: SceneTransfer
    kept: KeptScene

    def open_as_it_was(self) -> OpenedScene | None:
        """Open the scene as it was when the job was given; None if it is to be opened as it is now.

        Raises
        ------
        SceneError
            When the run has rendered a part of it, and the rest can't be rendered as it was.
        """
        given = self.kept.recall()
        if given is None:
            return None
        transfer, files, name = self.transfer, given.manifest.files, Path(self.transfer.scene).name
        if lost := self._lost(files):
            if self.kept.of_this_run:
                raise scene_file_changed(lost[0], transfer.scene)
            transfer.log(
                f"{lost[0].path} changed since the job was suspended, and isn't kept as it was: {name} is rendered as "
                "it is now, and frames that this changes are rendered again."
            )
            return None
        changed = self._where_seen(first_difference, files)
        if not changed:
            return None
        transfer.query = replace(transfer.query, frames=given.frames, numbers=FrameNumbers.NAMED)
        context = transfer.farm.context
        infos = transfer.on_node(open_sent_frames, (), transfer.query, given.manifest.digest, context)
        transfer.note = (
            f"{name} changed since the job was given ({changed.rstrip('.')}). It is rendered as it was; the same job, "
            "run again, renders it as it is now."
        )
        transfer.log(transfer.note)
        self.kept.remember(given)
        return OpenedScene(frames=given.frames, infos=infos, manifest=given.manifest)

    def keep(self) -> None:
        """Keep the files as they are, so that an artist may go on saving. Those that are sent are kept anyway."""
        transfer, manifest, context = self.transfer, self.transfer.manifest, self.transfer.farm.context
        self.kept.remember(GivenScene(frames=transfer.query.frames, manifest=manifest))
        if transfer.must_be_sent:
            return
        keep, where = (keep_files, context.kept) if context.kept else (keep_in_store, context.files)
        left_out = self._where_seen(keep, manifest, where)
        if left_out:
            more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
            transfer.log(f"{left_out[0]}{more} can't be kept as now: if it is edited while the job runs, the job ends.")

    def _lost(self, files: tuple[SceneFile, ...]) -> list[SceneFile]:
        """Return the files whose former content is nowhere."""
        sent = FileStore(store=open_store(self.transfer.farm.context.files))
        lost = self._where_seen(lost_files, files, self.transfer.farm.context.kept)
        return [file for file in lost if not sent.has(file.sha256, file.size_bytes)]

    def _where_seen(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - those of the function
        """Call a function on this machine if it sees the scene, else on a node that does."""
        if Path(paths.here(self.transfer.query.frames[0].path)).exists():
            return self.transfer.run_in_thread(function, *args)
        return self.transfer.on_node(function, self.transfer.nodes_with, *args)
