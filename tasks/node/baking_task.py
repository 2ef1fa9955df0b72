"""The Dask task that bakes a scene's simulations in a node's renderer process, and stores the baked copy."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from storage.file_store import FileStore
from storage.objects import open_store
from tasks.errors import SceneError, UnitFailed
from tasks.node.node_state import this_node
from tasks.node.unit_channel import UnitChannel
from tasks.scene.baking import BakedCopy, bake, placed
from tasks.scene.fetching import Progress, SceneLocation, local_scene

if TYPE_CHECKING:
    from tasks.job_context import JobContext
    from tasks.node.renderer_process import Phase
    from tasks.scene.baking import BakeOrder

PROGRESS_FILE = "progress"
"""Written by adapters into the folder of a bake."""
REPORT_EVERY_S = 2.0


def bake_simulations(order: BakeOrder, manifest: str, job: JobContext) -> BakedCopy:
    """Bake a scene on this node, and have the baked copy in the job's store.

    Raises
    ------
    SceneError
        When a simulation can't be baked; it names that one.
    """
    channel, node = UnitChannel.of(job, 0), this_node()
    location = SceneLocation(scene=order.scene.path, frame=order.scene.frame, manifest=manifest)
    progress = Progress(report=channel.report_fetched, raise_if_cancelled=channel.raise_if_cancelled)
    with (
        local_scene(location, job, node=node.name, retry=channel.store_retry(), progress=progress) as scene,
        tempfile.TemporaryDirectory(prefix="frontburner-bake-") as folder,
    ):
        watch = _Watch(channel, Path(folder))
        try:
            files = node.process.call(
                bake, order, scene.path, folder, cancelled=channel.cancelled, on_progress=watch, name=order.scene.path,
                scripts_of=scene.path if order.allow_scripts else "", may_be_recalled=True,
            )  # fmt: skip
        except UnitFailed as error:
            raise SceneError(
                reason=f"Baking the {watch.what or 'simulations'} of {Path(order.scene.path).name} failed on "
                f"{node.name}: {error.reason}",
                remedy=f"Bake it in Blender, and save the file. {error.remedy}",
                scene=order.scene.path,
                retryable=error.retryable,
            ) from error
        store = FileStore(store=open_store(job.files))
        for file in files:
            channel.store_retry().call(lambda file=file: store.put(Path(file.path), file.sha256))  # type: ignore[misc]
        copy = placed(files, scene=order.scene.path, folder=folder)
        channel.store_retry().call(lambda: copy.save(store.store, order))
    return copy


class _Watch:
    """Reports how far a bake is."""

    def __init__(self, channel: UnitChannel, folder: Path) -> None:
        self.what = ""
        self._channel, self._file = channel, folder / PROGRESS_FILE
        self._reported_s = -REPORT_EVERY_S

    def __call__(self, _phase: Phase, seconds: float) -> None:
        with suppress(OSError, ValueError):
            frame, last, self.what = self._file.read_text(encoding="utf-8").split("\n", 2)
            if seconds - self._reported_s >= REPORT_EVERY_S:
                self._reported_s = seconds
                baked = {"frame": int(frame), "last": int(last), "what": self.what, "seconds": seconds}
                self._channel.report(node=self._channel.node, baked=baked)
