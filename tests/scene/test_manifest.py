"""A manifest says what a scene's files hold, and finds what is different elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from storage.objects import open_store
from tasks.errors import SceneError
from tasks.scene.manifest import Manifest, first_difference, manifest_of

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, **files: bytes) -> dict[str, str]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: str(folder / name) for name in files}


def test_frames_share_what_they_share_and_have_the_rest_for_themselves(tmp_path: Path) -> None:
    path = written(tmp_path, scene=b"s", sea1=b"11", sea2=b"22")
    frames = {1: [path["scene"], path["sea1"]], 2: [path["scene"], path["sea2"]], 3: [path["scene"]]}
    manifest = manifest_of(frames, path["scene"])
    assert {frame: [file.path for file in manifest.of_frame(frame)] for frame in frames} == frames
    assert sorted(file.path for file in manifest.files) == sorted(path.values())
    assert [file.path for file in manifest.common] == [path["scene"]]


def test_it_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    path = written(tmp_path, scene=b"s", sea1=b"11")
    manifest = manifest_of({1: [path["scene"], path["sea1"]], 2: [path["scene"]]}, path["scene"])
    store = open_store(str(tmp_path / "store"))
    manifest.save(store)
    manifest.save(store)
    kept = Manifest.load(store, manifest.digest)
    assert kept == manifest
    assert kept.digest == manifest.digest


def test_equal_contents_are_one(tmp_path: Path) -> None:
    path = written(tmp_path, a=b"same", b=b"same", c=b"other")
    manifest = manifest_of({1: list(path.values())}, path["a"])
    assert len(manifest.files) == 3
    assert len(manifest.contents) == 2


def test_what_is_different_elsewhere_is_named_with_how(tmp_path: Path) -> None:
    path = written(tmp_path, scene=b"s", tex=b"wood")
    manifest = manifest_of({1: list(path.values())}, path["scene"])
    assert first_difference(manifest.files) == ""
    (tmp_path / "tex").write_bytes(b"iron")
    os.utime(tmp_path / "tex", ns=(1, 1))
    assert first_difference(manifest.files) == f"{path['tex']} holds something else here."
    (tmp_path / "tex").write_bytes(b"birch")
    assert first_difference(manifest.files) == f"{path['tex']} has 5 bytes here, not 4."
    (tmp_path / "tex").unlink()
    assert first_difference(manifest.files) == f"{path['tex']} isn't there."


def test_a_file_that_is_gone_is_named_with_the_scene_that_needs_it(tmp_path: Path) -> None:
    path = written(tmp_path, scene=b"s")
    with pytest.raises(SceneError, match=r"gone\.png, which the scene scene needs"):
        manifest_of({1: [path["scene"], str(tmp_path / "gone.png")]}, path["scene"])
