"""A node's cache of scene files: fetched once by whoever comes first, verified, and removed when not needed."""

from __future__ import annotations

import hashlib
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from tasks.errors import NoRoomForScene
from tasks.expiring_set import ExpiringSet
from tasks.scene import scene_cache
from tasks.scene.manifest import Manifest, SceneFile
from tasks.scene.scene_cache import SceneCache
from tests.end_to_end.conftest import until

KB = 1000


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have files looked at every time."""
    monkeypatch.setattr(scene_cache, "_in_place", ExpiringSet(lifetime_s=0.0))


UNLIMITED = 10**9


def content(name: str, size_bytes: int = 10 * KB) -> bytes:
    return (name.encode() + b"." * size_bytes)[:size_bytes]


def file(name: str, size_bytes: int = 10 * KB, *, folder: str = "/studio/shot") -> SceneFile:
    data = content(name, size_bytes)
    return SceneFile(path=f"{folder}/{name}", size_bytes=size_bytes, sha256=hashlib.sha256(data).hexdigest())


def scene(*files: SceneFile, **own: SceneFile) -> Manifest:
    return Manifest(common=files, own=tuple((int(frame[1:]), (each,)) for frame, each in own.items()))


class Source:
    """Where files are fetched from: notes each, and may be slow or go away."""

    def __init__(self, *, breaks_at: str = "") -> None:
        self.fetched: list[str] = []
        self.breaks_at = breaks_at

    def __call__(self, wanted: SceneFile, into: BinaryIO) -> None:
        name = wanted.path.rpartition("/")[2]
        self.fetched.append(name)
        data = content(name, wanted.size_bytes)
        into.write(data[: len(data) // 2])
        if name == self.breaks_at:
            raise ConnectionAbortedError
        into.write(data[len(data) // 2 :])


def cache_of(folder: Path, limit_bytes: int = UNLIMITED) -> SceneCache:
    return SceneCache(root=folder / "cache", limit_bytes=limit_bytes)


def kept(cache: SceneCache) -> set[str]:
    return {path.read_bytes().partition(b".")[0].decode() for path in (cache.root / "files").glob("*/*")}


def hold(cache: SceneCache, manifest: Manifest, source: Source, frame: int = 1) -> list[str]:
    """Have a frame's files, and say where they are."""
    with cache.hold(manifest, frame, source) as tree:
        return [str(path.relative_to(tree)) for path in sorted(tree.rglob("*")) if path.is_file()]


def test_files_lie_to_each_other_as_they_did_and_are_fetched_once(tmp_path: Path) -> None:
    cache, source = cache_of(tmp_path), Source()
    manifest = scene(file("room"), file("wood", folder="/studio/tex"), file("sky", folder="/library"))
    places = ["library/sky", "studio/shot/room", "studio/tex/wood"]
    assert hold(cache, manifest, source) == places
    assert hold(cache, manifest, source) == places
    other = scene(file("room"), file("wood", folder="/elsewhere"))
    assert hold(cache, other, source) == ["elsewhere/wood", "studio/shot/room"]
    assert sorted(source.fetched) == ["room", "sky", "wood"]


def test_a_frame_has_its_own_files_alone(tmp_path: Path) -> None:
    cache, source = cache_of(tmp_path), Source()
    manifest = scene(file("room"), f1=file("sea1"), f2=file("sea2"))
    assert hold(cache, manifest, source, 2) == ["studio/shot/room", "studio/shot/sea2"]
    assert sorted(source.fetched) == ["room", "sea2"]
    hold(cache, manifest, source, 1)
    assert sorted(source.fetched) == ["room", "sea1", "sea2"]


def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    cache, source = cache_of(tmp_path), Source()
    manifest = scene(file("room"), file("wood"))
    hold(cache, manifest, source)
    with cache.hold(manifest, 1, source) as tree:
        place = tree / "studio/shot/wood"
        place.chmod(0o644)
        place.write_bytes(content("iron"))
    with cache.hold(manifest, 1, source) as tree:
        assert place.read_bytes() == content("wood")
    assert source.fetched.count("wood") == 2
    assert source.fetched.count("room") == 1


def test_a_fetch_that_broke_off_leaves_no_half_file_and_keeps_the_whole_ones(tmp_path: Path) -> None:
    cache, manifest = cache_of(tmp_path), scene(file("room"))
    more = scene(file("room"), file("wood"))
    hold(cache, manifest, Source())
    with pytest.raises(NoRoomForScene):  # of an OSError nothing else is known
        hold(cache, more, Source(breaks_at="wood"))
    assert kept(cache) == {"room"}
    assert not list((cache.root / "scratch").iterdir())
    assert not list((cache.root / "pins").iterdir())
    again = Source()
    hold(cache, more, again)
    assert again.fetched == ["wood"]


def test_what_was_needed_longest_ago_goes_first(tmp_path: Path) -> None:
    cache, source = cache_of(tmp_path, 25 * KB), Source()
    scenes = {name: scene(file(name)) for name in ("a", "b", "c")}
    hold(cache, scenes["a"], source)
    hold(cache, scenes["b"], source)
    hold(cache, scenes["a"], source)
    hold(cache, scenes["c"], source)
    assert kept(cache) == {"a", "c"}
    assert not (cache.root / "trees" / f"{scenes['b'].digest}.tree").exists(), "no name is left that holds its bytes"
    assert hold(cache, scenes["b"], source) == ["studio/shot/b"]
    assert source.fetched == ["a", "b", "c", "b"]


def test_what_a_unit_under_way_needs_stays_even_beyond_the_limit(tmp_path: Path) -> None:
    cache, source = cache_of(tmp_path, 5 * KB), Source()
    long = scene(file("room"), f1=file("sea1"), f2=file("sea2"))
    with cache.hold(long, 1, source) as tree:
        hold(cache, scene(file("x")), source)
        hold(cache, scene(file("y")), source)
        assert kept(cache) == {"room", "sea1", "y"}, "and the last one while it was needed"
        with cache.hold(long, 2, source):
            pass
        cache.evict()
        assert kept(cache) == {"room", "sea1"}
        assert (tree / "studio/shot/sea1").read_bytes() == content("sea1")
        assert not (tree / "studio/shot/sea2").exists()
    cache.evict()
    assert kept(cache) == set()
    assert not list((cache.root / "trees").iterdir())


def _hold_for_ever(root: Path, began: str) -> None:
    cache = SceneCache(root=root, limit_bytes=0)
    with cache.hold(scene(file("room")), 1, Source()):
        Path(began).touch()
        threading.Event().wait()


def test_a_killed_process_needs_nothing_any_more(tmp_path: Path) -> None:
    cache, began = cache_of(tmp_path, 0), tmp_path / "began"
    process = multiprocessing.get_context("spawn").Process(target=_hold_for_ever, args=(cache.root, str(began)))
    process.start()
    try:
        until(began.exists)
        cache.evict()
        assert kept(cache) == {"room"}
    finally:
        process.kill()
        process.join()
        process.close()
    cache.evict()
    assert kept(cache) == set()


def _hold_many(root: Path, notes: Path, number: int) -> int:
    """Have scenes that share files, over and over, in a cache that can't keep them all."""
    cache, source = SceneCache(root=root, limit_bytes=UNLIMITED), Source()
    for turn in range(8):
        names = ["shared", f"of{turn}", f"of{(turn + number) % 8}"]
        manifest = scene(*(file(name, 300 * KB) for name in dict.fromkeys(names)))
        with cache.hold(manifest, 1, source) as tree:
            for name in names:
                assert (tree / f"studio/shot/{name}").read_bytes() == content(name, 300 * KB)
    (notes / str(number)).write_text("\n".join(source.fetched))
    return len(source.fetched)


def test_processes_at_once_fetch_each_file_once_between_them(tmp_path: Path) -> None:
    cache = cache_of(tmp_path)
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        counts = list(pool.map(partial(_hold_many, cache.root, tmp_path), range(3)))
    assert sum(counts) == 9, "shared, and of0 to of7"
    assert not list((cache.root / "pins").iterdir())


def test_threads_that_fetch_and_remove_at_once_never_miss_a_file(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, 25 * KB)

    def use(number: int) -> None:
        for turn in range(25):
            names = [f"f{(number + turn) % 5}", f"f{(number * turn) % 5}"]
            manifest = scene(*(file(name) for name in dict.fromkeys(names)))
            with cache.hold(manifest, 1, Source()) as tree:
                for name in names:
                    assert (tree / f"studio/shot/{name}").read_bytes() == content(name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    cache.evict()
    assert len(kept(cache)) <= 2


def test_a_disk_without_hard_links_holds_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    cache, source = cache_of(tmp_path, 5 * KB), Source()
    with cache.hold(scene(file("room")), 1, source) as tree:
        assert (tree / "studio/shot/room").read_bytes() == content("room")
    cache.evict()
    assert not list((cache.root / "trees").iterdir())


def test_a_full_disk_is_said_to_be_full(small_disk: Path) -> None:
    cache = SceneCache(root=small_disk / "cache", limit_bytes=UNLIMITED)
    manifest = scene(file("room"), file("huge", 8_000 * KB))
    with pytest.raises(NoRoomForScene, match="No space left on device") as raised:
        hold(cache, manifest, Source())
    assert raised.value.retryable
    assert "FRONTBURNER_CACHE" in raised.value.remedy
    hold(cache, scene(file("room")), Source())


def test_files_are_not_looked_at_again_for_every_unit_unless_some_were_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(scene_cache, "_in_place", ExpiringSet(lifetime_s=10.0, clock=lambda: now[0]))
    looked: list[str] = []
    intact = scene_cache._is_intact

    def look(path: Path, file: SceneFile) -> bool:
        looked.append(file.path)
        return intact(path, file)

    monkeypatch.setattr(scene_cache, "_is_intact", look)
    cache, manifest, source = cache_of(tmp_path), scene(file("room"), file("wood")), Source()
    hold(cache, manifest, source)
    looked.clear()
    hold(cache, manifest, source)
    assert not looked
    now[0] = 11.0
    hold(cache, manifest, source)
    assert len(looked) == 2
    looked.clear()
    cache_of(tmp_path, 0).evict()
    hold(cache, manifest, source)
    assert looked
    assert source.fetched.count("room") == 2
