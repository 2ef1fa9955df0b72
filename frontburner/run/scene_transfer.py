"""How a job's scene comes to its nodes: where it is opened, who has it already, and whether it is sent.

The scene is opened where it is seen: on a node, or on this machine if no node sees it. Then every node says whether it
has the same files at the same paths. If one hasn't, and for nodes that come later too, the files are sent to the store
once, by this machine; nodes fetch from there what they need.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from frontburner import events as ev
from frontburner.cluster.futures import error_of
from frontburner.dispatch.messages import Fetched
from frontburner.reports.figures import format_bytes
from frontburner.run.scene_upload import SceneUpload
from frontburner.settings import Settings
from storage.errors import FileChanged, FrontburnerError
from storage.file_store import FileStore
from storage.objects import open_store
from tasks.errors import NodeNotReady, SceneError
from tasks.job_context import TransferMode
from tasks.node.renderer_process import RendererProcess
from tasks.node.scene_tasks import open_scene, open_sent_scene
from tasks.scene.fetching import scene_differs
from tasks.scene.frame_scenes import OpenedScene, SceneQuery, builds, inspect_frames, with_manifest
from tasks.scene.manifest import first_conflict, first_difference, manifest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.cluster.dask_farm import DaskFarm
    from tasks.renderers.base import SceneInfo
    from tasks.scene.manifest import Manifest

T = TypeVar("T")

TELL_EVERY_S = 2.0
LOOK_EVERY_S = 0.05


@dataclass(slots=True, kw_only=True)
class SceneTransfer:
    """The way of a scene to the nodes of a farm.

    Parameters
    ----------
    scene, query
        The scene as the job names it, and what of it is read.
    farm
        The nodes, before any is given a unit.
    clock
        Seconds on the job's own clock.
    heed
        Called while it waits: what it raises ends the wait.
    say
        Told sentences for the job's log.
    """

    scene: str
    query: SceneQuery
    farm: DaskFarm
    clock: Callable[[], float]
    heed: Callable[[], None]
    say: Callable[[str], None]
    _opened: OpenedScene | None = field(init=False, default=None)
    _sending: SceneUpload | None = field(init=False, default=None)
    _arrived: bool = field(init=False, default=False)
    """Whether all that can be sent is in the store."""
    _told_s: float = field(init=False, default=0.0)

    @property
    def manifest(self) -> Manifest:
        """The scene's files."""
        assert self._opened is not None, "open() comes first"
        return self._opened.manifest

    @property
    def infos(self) -> dict[int, SceneInfo]:
        """What the scene says of itself, by frame."""
        assert self._opened is not None, "open() comes first"
        return self._opened.infos

    def open(self) -> None:
        """Open the scene, and see which nodes have it.

        Raises
        ------
        SceneError
            When it can't be opened, or when no node sees it and it mustn't be sent.
        """
        self._opened = self._open()
        if self.farm.travel is TransferMode.NO or (self.farm.travel is TransferMode.AUTO and not self._others()):
            self._look_for(self.manifest)
        self._keep_manifest()
        others = self._others()
        if self.farm.travel is TransferMode.NO and others and len(others) == len(self.farm.admission.differing):
            raise self._unlike(others)
        if not self.must_be_sent and self.farm.travel is not TransferMode.NO:
            self.say(f"The scene is used where it lies: all nodes have the same {len(self.manifest.files)} files.")

    @property
    def must_be_sent(self) -> bool:
        """Whether there are nodes that need it sent, or the job wants that."""
        return self.farm.travel is TransferMode.YES or (self.farm.travel is TransferMode.AUTO and bool(self._others()))

    def send(self) -> None:
        """Send the scene, and prove on a node that it is the same there. Raises `SceneError` when it isn't."""
        self._send(list(self._others()))

    def poll(self) -> None:
        """Send the scene when a node has come that doesn't see it, and let it take part when all is there."""
        if self._arrived or self.farm.travel is not TransferMode.AUTO:
            return
        if self._sending is None and self._others():
            self._begin_sending()
        if self._sending is not None:
            self._tell(self._sending)
            if self._sending.done():
                self._end_late(self._sending)

    def close(self) -> None:
        """End what is under way."""
        if self._sending is not None:
            self._sending.stop()

    def _others(self) -> dict[str, str]:
        """Nodes that don't see the scene as it is, and why."""
        return {name: why for name, why in self.farm.admission.differing.items() if why}

    def _open(self) -> OpenedScene:
        if self.farm.travel is TransferMode.YES:
            return self._open_here()
        own = {scene.frame: [scene.path] for scene in self.query.frames}
        self._look_for(self._aside(manifest_of, own, self.scene))
        seeing = [name for name, why in self.farm.admission.differing.items() if not why]
        if seeing:
            opened: OpenedScene = self._wait_for(open_scene, seeing, self.query)
            self._describe(opened)
            same = not self._aside(first_conflict, opened.manifest.files)
            return opened if same else self._open_here()  # what this machine has is what is to be rendered
        if self.farm.travel is TransferMode.NO:
            raise self._unlike(self._others())
        return self._open_here()

    def _open_here(self) -> OpenedScene:
        """Open the scene on this machine, with whatever build of the renderer works here."""
        with RendererProcess(node="this machine", threads=1, logs=Settings().home / "logs") as process:

            def ask(function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - whatever the function takes
                return process.call(function, *args, on_progress=lambda *_: self.heed())

            try:
                found = ask(builds, self.query.renderer)
            except NodeNotReady as error:
                raise self._unopened(error) from error
            build = self.query.build if self.query.build in found else found[0]
            query = SceneQuery(renderer=self.query.renderer, build=build, frames=self.query.frames)
            return self._aside(with_manifest, query, ask(inspect_frames, query))

    def _look_for(self, manifest: Manifest) -> None:
        """Have all nodes look whether they have these files, and wait until they have said so."""
        self.farm.admission.look_for(manifest.files, build=self.query.build)
        while not self.farm.admission.looked:
            self._pass_time()

    def _keep_manifest(self) -> None:
        self.manifest.save(open_store(self.farm.desk.files))

    def _send(self, others: Sequence[str]) -> None:
        """Send the scene, and prove on a node that it is the same there."""
        if self._aside(first_difference, self.manifest.files):  # the nodes see files that this machine doesn't
            self._opened = self._open_here()
            self._keep_manifest()
        sending = self._begin_sending()
        while not sending.done():
            self._pass_time()
            self._tell(sending)
        self._end_sending(sending)
        assert self._opened is not None
        first = self.query.frames[0].frame
        info = self._wait_for(open_sent_scene, others, self.query, self.manifest.digest, self.farm.desk)
        if info.digest != self._opened.infos[first].digest:
            raise SceneError(
                reason=f"The scene {Path(self.scene).name} isn't the same once it has been sent: it names files in a "
                f"way that {self.query.renderer} doesn't find under other paths.",
                remedy="Name them relative to the scene, or put it on a share that all nodes see (travel: no).",
                scene=self.scene,
            )
        self._opened.infos[first] = info

    def _begin_sending(self) -> SceneUpload:
        why = next(iter(self._others().items()), None)
        because = f"since it isn't the same on {why[0]}: {why[1]}" if why else "as the job wants it."
        self.say(f"The scene is sent, {len(self.manifest.files)} files, {because}")
        self._sending = SceneUpload(manifest=self.manifest, files=FileStore(store=open_store(self.farm.desk.files)))
        return self._sending

    def _end_sending(self, sending: SceneUpload) -> None:
        try:
            sending.check()
        except FileChanged as error:
            raise SceneError(reason=error.reason, remedy=error.remedy, scene=self.scene) from error
        self._tell(sending, now=True)
        self._arrived = True
        self.farm.admission.look_no_more()
        there = sending.size_bytes - sending.sent_bytes
        self.say(
            f"The scene was sent: {len(self.manifest.files)} files, {format_bytes(sending.sent_bytes)} in "
            f"{sending.seconds:.1f} s" + (f"; {format_bytes(there)} were in the store." if there else ".")
        )

    def _end_late(self, sending: SceneUpload) -> None:
        """Have nodes take part that didn't see the scene, or say why they can't."""
        try:
            self._end_sending(sending)
        except FrontburnerError as error:
            self._arrived = True
            self.farm.admission.refuse(str(error))

    def _tell(self, sending: SceneUpload, *, now: bool = False) -> None:
        """Say how much is there, from time to time; and once what the store has against it."""
        at_s = self.clock()
        if sending.trouble is not None:
            ev.announce(ev.StoreUnavailable(at_s=at_s, reason=sending.trouble.reason, remedy=sending.trouble.remedy))
            sending.trouble = None
        in_flight = sending.there_bytes < sending.size_bytes
        if now or (in_flight and at_s - self._told_s >= TELL_EVERY_S):
            self._told_s = at_s
            ev.announce(
                ev.SceneSent(
                    at_s=at_s,
                    there_bytes=sending.there_bytes,
                    size_bytes=sending.size_bytes,
                    sent_bytes=sending.sent_bytes,
                    seconds=sending.seconds,
                )
            )

    def _wait_for(self, work: Callable[..., T], nodes: Sequence[str], *args: Any) -> T:  # noqa: ANN401 - its own
        """Have one of these nodes, or any, do something, and return what it comes to."""
        addresses = self.farm.admission.addresses
        workers = [addresses[name] for name in nodes if name in addresses]
        where: dict[str, Any] = {"workers": workers, "allow_other_workers": True} if workers else {}
        future = self.farm.submit(work, *args, **where)
        try:
            while not future.done():
                self._pass_time()
        except BaseException:
            future.cancel(force=True)
            raise
        if future.status != "finished":
            raise error_of(future, ", ".join(nodes))
        answer: T = future.result()
        return answer

    def _describe(self, opened: OpenedScene) -> None:
        """Say what a scene says of itself."""
        info, name = opened.infos[self.query.frames[0].frame], Path(self.scene).name
        self.say(
            f"{name} opened by {self.query.renderer} {self.query.build} (files: {len(info.files)}); the scene itself "
            f"says {info.size.width}x{info.size.height}, {info.samples} samples a pixel"
        )
        for note in (*info.notes, *filter(None, [info.whole_frames_because])):
            self.say(note)

    def _aside(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - whatever the function takes
        """Call what may take long, and heed what is wanted meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(function, *args)
            while not wait([future], timeout=LOOK_EVERY_S).done:
                self._pass_time(0.0)
            return future.result()

    def _pass_time(self, timeout_s: float = LOOK_EVERY_S) -> None:
        """Wait a moment, and pass on what nodes say meanwhile."""
        self.heed()
        for message in self.farm.messages(timeout_s):
            if isinstance(message, Fetched):
                ev.announce(message.event(at_s=self.clock()))

    def _unlike(self, others: dict[str, str]) -> SceneError:
        node, why = next(iter(others.items()))
        return scene_differs(why, scene=self.scene, node=node)

    def _unopened(self, error: NodeNotReady) -> SceneError:
        why = next(iter(self._others().items()), None)
        since = f", since {why[0]} doesn't see it ({why[1].rstrip('.')})" if why else ""
        return SceneError(
            reason=f"The scene {Path(self.scene).name} has to be opened on this machine{since}, where "
            f"{self.query.renderer} doesn't work: {error.reason}",
            remedy=f"{error.remedy} Or put the scene on a share that all nodes see.",
            scene=self.scene,
        )
