"""A frame's scene on a node: in place where it is the same, else fetched; and what is said where neither works."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.file_store import FileStore
from storage.objects import INTERNAL_PREFIX, open_store
from tasks.errors import SceneError, UnitCancelled
from tasks.expiring_set import ExpiringSet
from tasks.job_context import JobContext, TransferMode
from tasks.renderers.null import BUILD, Null
from tasks.scene import fetching, scene_cache
from tasks.scene.fetching import Progress, SceneLocation, local_scene
from tasks.scene.manifest import Manifest, manifest_of
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.renderers.base import SceneInfo


@dataclass
class Shot:
    """A null scene that was sent, with a file beside it and one it names by an absolute path."""

    folder: Path
    reports: list[tuple[int, int]] = field(default_factory=list)
    cancelled: bool = False

    def __post_init__(self) -> None:
        for name in ("shot", "library"):
            (self.folder / name).mkdir()
        (self.folder / "shot/wood.bin").write_bytes(b"wood" * 1000)
        (self.folder / "library/sky.bin").write_bytes(b"sky" * 1000)
        names = ["wood.bin", str(self.folder / "library/sky.bin")]
        self.scene.write_text(json.dumps({"size": "8x8", "files": names}))
        self.info = self.inspect(str(self.scene))
        self.manifest = manifest_of({1: [str(self.scene), *self.info.files]}, str(self.scene))
        self.store = open_store(str(self.folder / "store"))
        self.manifest.save(self.store)
        for file in self.manifest.contents:
            FileStore(store=self.store).put(Path(file.path), file.sha256)

    @property
    def scene(self) -> Path:
        return self.folder / "shot/null.json"

    def inspect(self, path: str) -> SceneInfo:
        return Null().inspect(Path(path), build=BUILD, frame=1, parameters=())

    def have(self, stack: ExitStack, travel: TransferMode = TransferMode.AUTO) -> str:
        """Have the scene, for as long as a stack lasts; its path."""

        def raise_if_cancelled() -> None:
            if self.cancelled:
                raise UnitCancelled(reason="Cancelled.", remedy="", unit="")

        def report(fetched: int, size: int, _: float) -> None:
            self.reports.append((fetched, size))

        progress = Progress(report=report, raise_if_cancelled=raise_if_cancelled)
        location = SceneLocation(scene=str(self.scene), frame=1, manifest=self.manifest.digest)
        job, retry = JobContext(store_url=self.store.url, topic="", travel=travel), StoreRetry(timeout_s=0.0)
        return stack.enter_context(local_scene(location, job, node="n1", retry=retry, progress=progress)).path

    def hide(self) -> None:
        for name in ("shot", "library"):
            (self.folder / name).rename(self.folder / f"{name} is elsewhere")


@pytest.fixture
def shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shot:
    monkeypatch.setenv("FRONTBURNER_CACHE", str(tmp_path / "cache"))
    for module, name in ((fetching, "_verified"), (scene_cache, "_in_place")):
        monkeypatch.setattr(module, name, ExpiringSet(lifetime_s=0.0))  # files are looked at every time
    return Shot(tmp_path)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_it_is_used_in_place_where_it_is_the_same(shot: Shot, stack: ExitStack) -> None:
    assert shot.have(stack) == str(shot.scene)
    assert not shot.reports
    assert not (shot.folder / "cache").exists()


def test_a_copy_is_the_same_scene_whatever_it_names(shot: Shot, stack: ExitStack) -> None:
    shot.hide()
    here = shot.have(stack)
    assert str(shot.folder / "cache") in here
    assert shot.inspect(here).digest == shot.info.digest
    size_bytes = sum(file.size_bytes for file in shot.manifest.files)
    assert shot.reports == [(0, size_bytes), (size_bytes, size_bytes)]
    shot.reports.clear()
    assert shot.have(stack) == here
    assert not shot.reports, "nothing is fetched twice"


def test_it_is_fetched_where_one_of_its_files_is_another(shot: Shot, stack: ExitStack) -> None:
    (shot.folder / "library/sky.bin").write_bytes(b"night")
    here = shot.have(stack)
    assert here != str(shot.scene)
    assert shot.inspect(here).digest == shot.info.digest


def test_it_may_be_fetched_by_all(shot: Shot, stack: ExitStack) -> None:
    assert shot.have(stack, TransferMode.YES) != str(shot.scene)


def test_where_it_must_not_travel_node_file_and_difference_are_named(shot: Shot, stack: ExitStack) -> None:
    assert shot.have(stack, TransferMode.NO) == str(shot.scene)
    (shot.folder / "shot/wood.bin").write_bytes(b"iron")
    with pytest.raises(SceneError, match=r"null\.json isn't the same on n1 .*wood\.bin has 4 bytes here, not 4000"):
        shot.have(stack, TransferMode.NO)


def parts(shot: Shot, name: str) -> list[str]:
    digest = next(file.sha256 for file in shot.manifest.files if file.path.endswith(name))
    return list(shot.store.list(f"{INTERNAL_PREFIX}/assets/{digest[:2]}/{digest}/"))


def test_what_is_no_longer_in_the_store_is_named(shot: Shot, stack: ExitStack) -> None:
    (key,) = parts(shot, "wood.bin")
    shot.store.delete(key)
    shot.hide()
    with pytest.raises(SceneError, match=r"wood\.bin of the scene null\.json isn't in .*store any more"):
        shot.have(stack)


def test_what_is_damaged_in_the_store_is_named_and_removed_so_that_it_is_sent_anew(
    shot: Shot, stack: ExitStack
) -> None:
    (key,) = parts(shot, "wood.bin")
    shot.store.write(key, b"worm" * 1000)
    shot.hide()
    with pytest.raises(SceneError, match=r"wood\.bin of the scene null\.json is damaged"):
        shot.have(stack)
    assert not parts(shot, "wood.bin")
    assert not list((shot.folder / "cache" / "scratch").iterdir())


def test_a_fetch_ends_when_nobody_wants_it(shot: Shot, stack: ExitStack) -> None:
    shot.hide()
    shot.cancelled = True
    with pytest.raises(UnitCancelled):
        shot.have(stack)


def test_a_manifest_can_put_no_file_outside_of_its_tree(shot: Shot, stack: ExitStack, tmp_path: Path) -> None:
    (file,) = [file for file in shot.manifest.files if file.path.endswith("sky.bin")]
    for path in (
        "/../../../../../../../../escaped.bin",
        *([] if sys.platform == "win32" else ["//../escaped.bin"]),  # no path there, so it isn't fetched at all
        f"{tmp_path}/../../../../../../escaped.bin",
    ):
        bad = type(file)(path=path, size_bytes=file.size_bytes, sha256=file.sha256)
        shot.manifest = Manifest(common=(*shot.manifest.common, bad))
    shot.manifest.save(shot.store)
    shot.hide()
    here = Path(shot.have(stack))
    tree = next(folder for folder in here.parents if folder.suffix == ".tree")
    assert not Path("/escaped.bin").exists()
    assert (tree / "escaped.bin").exists()
