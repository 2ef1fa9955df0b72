"""An artist goes on saving while a job renders: the job has its scene as it was when it was given."""

from __future__ import annotations

import io
import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.objects import open_store
from tasks.errors import SceneError
from tasks.expiring_set import ExpiringSet
from tasks.job_context import JobContext, TransferMode
from tasks.renderers.null import BUILD, Null
from tasks.scene import fetching, kept_files, scene_cache
from tasks.scene.fetching import Progress, SceneLocation, local_scene
from tasks.scene.kept_files import keep_files, keep_in_store, lost_files, read_verified
from tasks.scene.manifest import manifest_of
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.scene.fetching import LocalScene


class Shot:
    """A null scene with a texture, used in place, and kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder / "project", str(folder / "kept")
        self.folder.mkdir()
        self.texture, self.scene = self.folder / "wood.png", self.folder / "shot.json"
        self.texture.write_bytes(b"wood")
        self.scene.write_text('{"size": "8x8", "files": ["wood.png"]}')
        self.digest = self.digest_of(str(self.scene))
        self.manifest = manifest_of({1: [str(self.scene), str(self.texture)]}, str(self.scene))
        self.store = open_store(str(folder / "store"))
        self.manifest.save(self.store)

    def digest_of(self, path: str) -> str:
        return Null().inspect(Path(path), build=BUILD, frame=1, parameters=()).digest

    def have(self, stack: ExitStack, travel: TransferMode = TransferMode.AUTO) -> LocalScene:
        location = SceneLocation(scene=str(self.scene), frame=1, manifest=self.manifest.digest)
        job = JobContext(store_url=self.store.url, topic="", travel=travel, kept=self.kept)
        progress = Progress(report=lambda *_: None)
        return stack.enter_context(
            local_scene(location, job, node="n1", retry=StoreRetry(timeout_s=0.0), progress=progress)
        )


@pytest.fixture
def shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shot:
    monkeypatch.setenv("FRONTBURNER_CACHE", str(tmp_path / "cache"))
    for module, name in ((fetching, "_verified"), (scene_cache, "_in_place")):
        monkeypatch.setattr(module, name, ExpiringSet(lifetime_s=600.0))
    return Shot(tmp_path)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def write_into(path: Path) -> None:
    path.write_bytes(b"oak, and longer")


def save_by_renaming(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(b"oaks")
    new.replace(path)


def remove(path: Path) -> None:
    path.unlink()


EDITS: list[Callable[[Path], None]] = [write_into, save_by_renaming, remove]


@pytest.mark.parametrize("travel", [TransferMode.AUTO, TransferMode.NO])
@pytest.mark.parametrize("edit", EDITS)
def test_a_job_goes_on_with_its_scene_as_it_was(
    edit: Callable[[Path], None], travel: TransferMode, shot: Shot, stack: ExitStack
) -> None:
    assert keep_files(shot.manifest, shot.kept) == ()
    in_place = shot.have(stack, travel)
    assert in_place.path == str(shot.scene)
    assert in_place.changed() == ""
    edit(shot.texture)
    assert "wood.png" in in_place.changed()
    copy = shot.have(stack, travel)
    assert copy.path != str(shot.scene)
    assert shot.digest_of(copy.path) == shot.digest
    assert copy.changed() == "", "a copy doesn't change"


@pytest.mark.parametrize("edit", [save_by_renaming, remove])
def test_a_large_scene_is_kept_by_links(
    edit: Callable[[Path], None], shot: Shot, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "SMALL_BYTES", 0)
    monkeypatch.setattr(kept_files, "clone", unable)
    assert keep_files(shot.manifest, shot.kept) == ()
    assert all(path.stat().st_nlink == 2 for path in Path(shot.kept).iterdir()), "no room is taken"
    edit(shot.texture)
    assert shot.digest_of(shot.have(stack).path) == shot.digest


def test_a_link_that_was_written_into_is_noticed_and_the_file_named(
    shot: Shot, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "SMALL_BYTES", 0)
    monkeypatch.setattr(kept_files, "clone", unable)
    keep_files(shot.manifest, shot.kept)
    write_into(shot.texture)
    assert [file.path for file in lost_files(shot.manifest.files, shot.kept)] == [str(shot.texture)]
    with pytest.raises(
        SceneError, match=rf"{re.escape(str(shot.texture))} of the scene shot\.json changed while the job ran"
    ) as error:
        shot.have(stack)
    assert "put it back and resume the job" in error.value.remedy
    assert "run the same job again" in error.value.remedy


def test_a_small_scene_is_kept_in_a_store_that_is_no_folder(
    shot: Shot, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot.kept = ""
    with monkeypatch.context() as large:
        large.setattr(kept_files, "SMALL_BYTES", 0)
        assert len(keep_in_store(shot.manifest, shot.store.url)) == 2
    assert keep_in_store(shot.manifest, shot.store.url) == ()
    save_by_renaming(shot.texture)
    assert shot.digest_of(shot.have(stack).path) == shot.digest


def test_a_file_that_was_not_kept_is_named_when_it_is_gone(shot: Shot, stack: ExitStack) -> None:
    remove(shot.texture)
    with pytest.raises(SceneError, match=r"wood\.png of the scene shot\.json was removed or renamed while the job ran"):
        shot.have(stack)


def test_what_can_be_neither_linked_nor_copied_is_said(shot: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in (("SMALL_BYTES", -1), ("MOST_COPIED_BYTES", -1)):
        monkeypatch.setattr(kept_files, name, limit)
    for way in ("clone", "_link"):
        monkeypatch.setattr(kept_files, way, unable)
    assert sorted(keep_files(shot.manifest, shot.kept)) == [str(shot.scene), str(shot.texture)]
    assert list(Path(shot.kept).iterdir()) == []


def test_a_file_that_changed_before_it_was_kept_is_not_kept(shot: Shot) -> None:
    write_into(shot.texture)
    assert keep_files(shot.manifest, shot.kept) == (str(shot.texture),)


def test_a_read_only_project_is_kept_too(shot: Shot, stack: ExitStack) -> None:
    shot.texture.chmod(0o444)
    shot.folder.chmod(0o555)
    try:
        assert keep_files(shot.manifest, shot.kept) == ()
    finally:
        shot.folder.chmod(0o755)
    save_by_renaming(shot.texture)
    assert shot.digest_of(shot.have(stack).path) == shot.digest


def test_nothing_is_written_of_a_file_with_another_content(shot: Shot) -> None:
    (file,) = (file for file in shot.manifest.files if file.path == str(shot.texture))
    into = io.BytesIO()
    assert read_verified(shot.texture, file, into)
    shutil.copyfile(shot.scene, shot.texture)
    assert not read_verified(shot.texture, file, into)
    assert not read_verified(shot.folder / "nowhere", file, into)
    assert into.getvalue() == b"wood"


def unable(source: Path, place: Path) -> None:
    raise OSError("the drive can't")
