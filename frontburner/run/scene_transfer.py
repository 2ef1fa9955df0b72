"""Transfer of a job's scene to its nodes: where it is opened, which nodes have it already, and whether it is sent.

The scene is opened where it is visible: on a node, or on this machine if no node sees it. Then every node reports
whether it has the same files at the same paths. If one hasn't, also one that joins later, this machine sends the files
to the store once; nodes fetch from there what they need.

One file over 300 lines: opening, comparing and sending are turns of one state.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from frontburner import events as ev
from frontburner.cluster.futures import error_of
from frontburner.dispatch.messages import Baking, Fetched
from frontburner.reports.figures import format_bytes
from frontburner.run.scene_keeping import SceneKeeping
from frontburner.run.scene_upload import SceneUpload
from frontburner.settings import Settings
from storage.errors import FileChanged, FrontburnerError
from storage.file_store import FileStore
from storage.objects import open_store
from tasks.errors import NodeNotReady, SceneError, UnitRecalled
from tasks.job_context import TransferMode
from tasks.node.renderer_process import RendererProcess
from tasks.node.scene_tasks import open_scene, open_sent_frames, open_sent_scene
from tasks.scene.fetching import scene_differs
from tasks.scene.frame_scenes import FrameNumbers, OpenedScene, SceneQuery, builds, inspect_frames, with_manifest
from tasks.scene.manifest import first_conflict, first_difference, manifest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.cluster.dask_farm import DaskFarm
    from frontburner.run.kept_scene import KeptScene
    from tasks.renderers.base import SceneInfo
    from tasks.scene.manifest import Manifest

T = TypeVar("T")

REPORT_EVERY_S = 2.0
POLL_S = 0.05


@dataclass(slots=True, kw_only=True)
class SceneTransfer:
    """The transfer of one scene to the nodes of a farm.

    Parameters
    ----------
    scene, query
        The scene as the job names it, and what is asked of it.
    farm
        The nodes, before any is given a unit.
    clock
        Seconds since the job began.
    check_stop
        Called while it waits; raises to end the wait.
    log
        Called with sentences for the job's log.
    kept
        The scene as it was when the job was given; None keeps nothing.
    """

    scene: str
    query: SceneQuery
    farm: DaskFarm
    clock: Callable[[], float]
    check_stop: Callable[[], None]
    log: Callable[[str], None]
    kept: KeptScene | None = None
    note: str = field(init=False, default="")
    """What the user should know of it: that it is rendered as it was, though it has changed since."""
    _opened: OpenedScene | None = field(init=False, default=None)
    _upload: SceneUpload | None = field(init=False, default=None)
    _complete: bool = field(init=False, default=False)
    """Whether no more is to be sent: all files are in the store, or an error ended the upload."""
    _reported_s: float = field(init=False, default=0.0)

    @property
    def manifest(self) -> Manifest:
        """The scene's files."""
        assert self._opened is not None, "open() comes first"
        return self._opened.manifest

    @property
    def infos(self) -> dict[int, SceneInfo]:
        """The scene's own settings, by frame."""
        assert self._opened is not None, "open() comes first"
        return self._opened.infos

    def open(self) -> None:
        """Open the scene, and find out which nodes have it, and which frames it is about.

        Raises
        ------
        SceneError
            When it can't be opened, or when no node sees it and it mustn't be sent.
        """
        keeping = SceneKeeping(transfer=self, kept=self.kept) if self.kept else None
        if keeping and (was := keeping.open_as_it_was()):
            self._opened, self._complete = was, True
            return
        self._opened = self._open()
        self.query = replace(self.query, frames=self._opened.frames, numbers=FrameNumbers.NAMED)
        if self.farm.travel is TransferMode.NO or (self.farm.travel is TransferMode.AUTO and not self._nodes_without()):
            self._check_nodes(self.manifest)
        self._save_manifest()
        without = self._nodes_without()
        if (
            self.farm.travel is TransferMode.NO
            and without
            and len(without) == len(self.farm.admission.file_differences)
        ):
            raise self._scene_differs(without)
        if not self.must_be_sent and self.farm.travel is not TransferMode.NO:
            self.log(f"The scene is used in place: all nodes have the same {len(self.manifest.files)} files.")
        if keeping:
            keeping.keep()

    @property
    def must_be_sent(self) -> bool:
        """Whether the scene is to be sent, since nodes need it or the job wants it."""
        return not self._complete and (
            self.farm.travel is TransferMode.YES
            or (self.farm.travel is TransferMode.AUTO and bool(self._nodes_without()))
        )

    def send(self) -> None:
        """Send the scene, and check on a node that it arrives the same. Raises `SceneError` if it doesn't."""
        without = list(self._nodes_without())
        if self.run_in_thread(first_difference, self.manifest.files):  # the nodes see files that this machine lacks
            self._opened = self._open_here()
            self._save_manifest()
        upload = self._start_upload()
        while not upload.done():
            self._wait_a_moment()
            self._report_upload(upload)
        self._finish_upload(upload)
        first = self.query.frames[0].frame
        info = self.on_node(open_sent_scene, without, self.query, self.manifest.digest, self.farm.context)
        if info.digest != self.infos[first].digest:
            raise SceneError(
                reason=f"The scene {Path(self.scene).name} isn't the same once it has been sent: it names files in a "
                f"way that {self.query.renderer} doesn't find under other paths.",
                remedy="Name them relative to the scene, or put it on a share that all nodes see (travel: no).",
                scene=self.scene,
            )
        read = {first: info}
        if info.view != self.infos[first].view and len(self.query.frames) > 1:  # another build was here
            read = self.on_node(open_sent_frames, without, self.query, self.manifest.digest, self.farm.context)
        self.infos.update(read)

    def poll(self) -> None:
        """Send the scene if a node has joined that doesn't see it, and admit such nodes when it is in the store."""
        if self._complete or self.farm.travel is not TransferMode.AUTO:
            return
        if self._upload is None and self._nodes_without():
            self._start_upload()
        if self._upload is not None:
            self._report_upload(self._upload)
            if self._upload.done():
                self._finish_late_upload(self._upload)

    @property
    def nodes_with(self) -> list[str]:
        """Nodes that see the scene's files; none if those are sent."""
        return [name for name, reason in self.farm.admission.file_differences.items() if not reason]

    def close(self) -> None:
        """Stop an upload that is running."""
        if self._upload is not None:
            self._upload.stop()

    def _nodes_without(self) -> dict[str, str]:
        """Nodes that don't see the same scene, each with the reason."""
        return {name: reason for name, reason in self.farm.admission.file_differences.items() if reason}

    def _open(self) -> OpenedScene:
        if self.farm.travel is TransferMode.YES:
            return self._open_here()
        paths = {scene.frame: [scene.path] for scene in self.query.frames}
        self._check_nodes(self.run_in_thread(manifest_of, paths, self.scene))
        seeing = self.nodes_with
        if seeing:
            opened: OpenedScene = self.on_node(open_scene, seeing, self.query)
            self._log_scene(opened)
            same = not self.run_in_thread(first_conflict, opened.manifest.files)
            return opened if same else self._open_here()  # the files of this machine are those to render
        if self.farm.travel is TransferMode.NO:
            raise self._scene_differs(self._nodes_without())
        return self._open_here()

    def _open_here(self) -> OpenedScene:
        """Open the scene on this machine, with any build of the renderer that works here."""
        with RendererProcess(node="this machine", threads=1, logs=Settings().home / "logs") as process:

            def call(function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - those of the function
                return process.call(function, *args, on_progress=lambda *_: self.check_stop())

            try:
                available = call(builds, self.query.renderer, self.query.allow_scripts)
            except NodeNotReady as error:
                raise self._renderer_missing_here(error) from error
            build = self.query.build if self.query.build in available else available[0]
            query = replace(self.query, build=build)
            return self.run_in_thread(with_manifest, query, call(inspect_frames, query))

    def _check_nodes(self, manifest: Manifest) -> None:
        """Have all nodes check whether they have these files, and wait for their answers."""
        self.farm.admission.compare_files(manifest.files, build=self.query.build)
        while not self.farm.admission.files_compared:
            self._wait_a_moment()

    def _save_manifest(self) -> None:
        self.manifest.save(open_store(self.farm.context.files))

    def _start_upload(self) -> SceneUpload:
        differing = next(iter(self._nodes_without().items()), None)
        because = f"since it isn't the same on {differing[0]}: {differing[1]}" if differing else "as the job wants it."
        self.log(f"The scene is sent, {len(self.manifest.files)} files, {because}")
        self._upload = SceneUpload(manifest=self.manifest, files=FileStore(store=open_store(self.farm.context.files)))
        return self._upload

    def _finish_upload(self, upload: SceneUpload) -> None:
        try:
            upload.check()
        except FileChanged as error:
            raise SceneError(reason=error.reason, remedy=error.remedy, scene=self.scene) from error
        self._report_upload(upload, now=True)
        self._complete = True
        self.farm.admission.ignore_files()
        reused = upload.size_bytes - upload.sent_bytes
        self.log(
            f"The scene was sent: {len(self.manifest.files)} files, {format_bytes(upload.sent_bytes)} in "
            f"{upload.seconds:.1f} s" + (f"; {format_bytes(reused)} were in the store." if reused else ".")
        )

    def _finish_late_upload(self, upload: SceneUpload) -> None:
        """Admit nodes that didn't see the scene, or have them refused with the error of the upload."""
        try:
            self._finish_upload(upload)
        except FrontburnerError as error:
            self._complete = True
            self.farm.admission.refuse_different_files(str(error))

    def _report_upload(self, upload: SceneUpload, *, now: bool = False) -> None:
        """Announce the progress of an upload, every few seconds; and each error of the store once."""
        at_s = self.clock()
        if upload.store_error is not None:
            reason, remedy = upload.store_error.reason, upload.store_error.remedy
            ev.announce(ev.StoreUnavailable(at_s=at_s, reason=reason, remedy=remedy))
            upload.store_error = None
        in_progress = upload.there_bytes < upload.size_bytes
        if now or (in_progress and at_s - self._reported_s >= REPORT_EVERY_S):
            self._reported_s = at_s
            ev.announce(
                ev.SceneSent(
                    at_s=at_s,
                    there_bytes=upload.there_bytes,
                    size_bytes=upload.size_bytes,
                    sent_bytes=upload.sent_bytes,
                    seconds=upload.seconds,
                )
            )

    def on_node(self, work: Callable[..., T], nodes: Sequence[str], *args: Any) -> T:  # noqa: ANN401 - those of the work
        """Call a function on one of these nodes, or on any if they are gone, and return its result."""
        while True:
            admission = self.farm.admission
            free = [name for name in nodes if name not in admission.unavailable]
            workers = [admission.addresses[name] for name in free if name in admission.addresses]
            where: dict[str, Any] = {"workers": workers, "allow_other_workers": True} if workers else {}
            future = self.farm.submit(work, *args, **where)
            try:
                while not future.done():
                    self._wait_a_moment()
            except BaseException:
                future.cancel(force=True)
                raise
            if future.status == "finished":
                result: T = future.result()
                return result
            error = error_of(future, ", ".join(nodes))
            if not isinstance(error, UnitRecalled):
                raise error
            self.log(f"{error.reason} The work is done elsewhere.")
            self._wait_a_moment()

    def _log_scene(self, opened: OpenedScene) -> None:
        """Log the scene's own settings."""
        info, name = opened.infos[opened.frames[0].frame], Path(self.scene).name
        self.log(
            f"{name} opened by {self.query.renderer} {self.query.build} (files: {len(info.files)}); the scene itself "
            f"says {info.size.width}x{info.size.height}, {info.samples} samples a pixel"
        )
        notes = dict.fromkeys(note for each in opened.infos.values() for note in each.notes)
        for note in (*notes, *filter(None, [info.whole_frames_because])):
            self.log(note)

    def run_in_thread(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - those of the function
        """Call a function that may take long in another thread, and poll meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(function, *args)
            while not wait([future], timeout=POLL_S).done:
                self._wait_a_moment(0.0)
            return future.result()

    def _wait_a_moment(self, timeout_s: float = POLL_S) -> None:
        """Wait for messages of nodes, and announce what they fetch and bake."""
        self.check_stop()
        for message in self.farm.messages(timeout_s):
            if isinstance(message, Fetched | Baking):
                ev.announce(message.event(at_s=self.clock()))

    def _scene_differs(self, without: dict[str, str]) -> SceneError:
        node, reason = next(iter(without.items()))
        return scene_differs(reason, scene=self.scene, node=node)

    def _renderer_missing_here(self, error: NodeNotReady) -> SceneError:
        differing = next(iter(self._nodes_without().items()), None)
        since = f", since {differing[0]} doesn't see it ({differing[1].rstrip('.')})" if differing else ""
        return SceneError(
            reason=f"The scene {Path(self.scene).name} has to be opened on this machine{since}, where "
            f"{self.query.renderer} doesn't work: {error.reason}",
            remedy=f"{error.remedy} Or put the scene on a share that all nodes see.",
            scene=self.scene,
        )
