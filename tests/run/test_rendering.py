"""A job rendered from its first unit to its last picture, on a farm in this process: real tiles, stitches and files."""

from __future__ import annotations

import logging
import time
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from frontburner import events as ev
from frontburner.cluster.dask_farm import DaskFarm
from frontburner.control.desired_state import DesiredStateWatch
from frontburner.control.halting import Halted, HaltKind, HaltWatch
from frontburner.dispatch.messages import Failed, Finished, Joined
from frontburner.jobs.job import make_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.missing import missing_work
from frontburner.jobs.scenes import frame_scenes
from frontburner.run.chunks import Stage
from frontburner.run.rendering import Rendering
from storage.images import decode_exr
from storage.objects import open_store
from tasks.errors import UnitFailed
from tasks.job_context import JobContext
from tasks.node.unit_ledger import UnitLedger
from tasks.renderers.base import SceneInfo
from tasks.renderers.null import Null, gradient
from tasks.spec import Size, Tile, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from frontburner.plan.block import Block
    from frontburner.run.chunks import Chunk
    from tasks.spec import UnitSpec

SIZE = Size(width=48, height=32)


class Done:
    """A task that has ended, with what it came to."""

    def __init__(self, work: Callable[..., Any], args: Sequence[Any]) -> None:
        self.status = "finished"
        try:
            self._answer = work(*(_plain(arg) for arg in args))
        except Exception as error:  # noqa: BLE001 - as Dask does
            self.status, self._answer = "error", error

    def done(self) -> bool:
        return True

    def result(self, _timeout_s: float = 0.0) -> Any:
        if self.status == "error":
            raise self._answer
        return self._answer

    def exception(self, _timeout_s: float = 0.0) -> Any:
        return self._answer


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.result() if isinstance(value, Done) else value


class LocalFarm:
    """A farm of two nodes in this process, which draw gradients and spoil the tiles a test names."""

    def __init__(self, store_url: str, spoil: Callable[[Tile, int], Tile | UnitFailed]) -> None:
        self.context, self._spoil = JobContext(store_url=store_url, topic=""), spoil
        self.admission = SimpleNamespace(addresses={"a": "", "b": ""})
        self.node_timeout_s, self.priority, self.store_url = 60.0, 50, store_url
        self.unit_for: Callable[[Block], UnitSpec] = cast("Any", None)
        self.tiles: dict[int, Any] = {}
        self.drawn: list[Block] = []
        self._news: deque[Any] = deque([Joined(node="a"), Joined(node="b")])
        self._store = open_store(store_url)

    def start(self, units: Mapping[int, Block], node: str) -> None:
        for ticket, block in units.items():
            self.drawn.append(block)
            unit = self.unit_for(block)
            record = UnitRecord(
                unit=unit.digest, node=node, build=unit.frame.build, isa="", started_s=0.0, wall_s=0.01, cpu_s=0.01,
                load_s=0.0, peak_memory_bytes=1,
            )  # fmt: skip
            sums = gradient(unit.frame, unit.region) * np.float32(unit.samples.count)
            tile = self._spoil(
                Tile(
                    region=unit.region, samples=unit.samples, channels=unit.frame.channels,
                    sums=np.ascontiguousarray(sums), record=record,
                ),
                block.frame,
            )  # fmt: skip
            if isinstance(tile, UnitFailed):
                self._news.append(Failed(ticket=ticket, error=tile))
                continue
            UnitLedger(store=self._store).create(unit, tile)
            self.tiles[ticket] = tile
            self._news.append(Finished(ticket=ticket, record=record))

    def messages(self, timeout_s: float) -> list[Any]:  # noqa: ARG002 - nothing takes time here
        news, self._news = list(self._news), deque()
        return news

    def stop(self, tickets: Sequence[int]) -> None:
        self.forget(tickets)

    def load(self, ticket: int, block: Block) -> None:
        self.tiles[ticket] = UnitLedger(store=self._store).load(self.unit_for(block))

    def tile(self, ticket: int) -> Any:
        return self.tiles[ticket]

    def unload(self, tickets: Sequence[int]) -> None: ...

    def forget(self, tickets: Sequence[int]) -> None:
        for ticket in tickets:
            self.tiles.pop(ticket, None)

    def submit(self, work: Callable[..., Any], *args: Any, **_: Any) -> Done:
        return Done(work, args)

    def report_demand(self, **_: Any) -> None: ...

    def prioritise(self, priority: int) -> None: ...


class Studio:
    """A job on such a farm, and what it came to."""

    def __init__(self, out: Path, spoil: Callable[[Tile, int], Any] = lambda tile, _: tile, **fields: Any) -> None:
        scene = out.parent / "null.json"
        scene.write_text("{}")
        self.job = make_job({"scene": str(scene), "out": str(out), "exr": "float", "formats": ["exr"], **fields})
        self.store, self.events, self.chunks = open_store(self.job.out), list[ev.Event](), list["Chunk"]()
        self.farm = LocalFarm(self.store.url, spoil)
        scenes = frame_scenes(self.job)
        info = SceneInfo(digest="0" * 64, size=SIZE, samples=64, files=(), cameras=())
        self.layout = lay_out(
            self.job, build="1 null", capabilities=Null().capabilities("1 null"), scenes=scenes,
            infos={each.frame: info for each in scenes},
        )  # fmt: skip
        self.farm.unit_for = self.layout.unit

    def render(self, at_chunk: Callable[[Chunk], None] = lambda _: None) -> None:
        watch = DesiredStateWatch(store=self.store, job_id=self.job.job_id)
        halting = HaltWatch(job_id=self.job.job_id, watch=watch, clock=time.monotonic)
        rendering = Rendering(
            job=self.job, layout=self.layout, missing=missing_work(self.layout, self.store),
            farm=cast("Any", self.farm), store=self.store, clock=time.monotonic, halting=halting,
            artifacts=cast("Any", SimpleNamespace(progress=lambda _: None, preview=lambda *_: None)),
            check_stop=lambda: None, on_turn=lambda: None, pictures={},
        )  # fmt: skip
        with ev.observe(self.events.append):
            for chunk in rendering.chunks():
                self.chunks.append(chunk)
                at_chunk(chunk)

    def right(self, frame: int) -> bool:
        """Whether a frame's picture is what the renderer draws."""
        (key,) = self.layout.orders[frame].keys
        pixels = decode_exr(self.store.read(key))[0]
        return bool((pixels == gradient(self.layout.frames[frame], SIZE.whole)).all())

    def of(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


@pytest.fixture(autouse=True)
def _log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frontburner.run.rendering.get_run_logger", lambda: logging.getLogger("run"))


def test_the_real_farm_has_what_this_one_has(tmp_path: Path) -> None:
    farm = LocalFarm(str(tmp_path), lambda tile, _: tile)
    assert {name for name in dir(farm) if not name.startswith("_")} - {"unit_for", "tiles", "drawn"} <= set(
        dir(DaskFarm)
    )


def test_a_sequence_is_rendered_chunk_by_chunk_and_every_picture_is_right(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "out", frames="1-30")
    studio.render()
    assert all(studio.right(frame) for frame in range(1, 31))
    assert [chunk.stage for chunk in studio.chunks].count(Stage.RENDER) == 12
    assert [chunk.stage for chunk in studio.chunks].count(Stage.FINISH) == 12
    assert all(chunk.ended for chunk in studio.chunks)
    assert sorted(event.frame for event in studio.of(ev.FrameWritten)) == list(range(1, 31))
    assert not studio.farm.tiles, "nothing is held of frames that are in place"
    assert not UnitLedger(store=studio.store).finished(studio.layout.frames.values())


def test_a_still_is_rendered_pass_by_pass_then_stitched_denoised_and_written(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "out", samples=64)
    studio.render()
    assert studio.right(1)
    assert [chunk.stage for chunk in studio.chunks] == [Stage.RENDER] * 3 + [Stage.STITCH, Stage.WRITE]
    assert all(chunk.ended for chunk in studio.chunks)


class Spoiled:
    """Spoils tiles of one frame in a way that only the stitch can see: they lie where others do."""

    def __init__(self, frame: int, times: int) -> None:
        self.frame, self.left = frame, times

    def __call__(self, tile: Tile, frame: int) -> Tile:
        if frame != self.frame or self.left == 0:
            return tile
        self.left -= 1
        sums = tile.sums[:, : tile.region.width // 2]
        region = type(tile.region)(
            x0=tile.region.x0, y0=tile.region.y0, x1=tile.region.x0 + sums.shape[1], y1=tile.region.y1
        )
        return Tile(
            region=region, samples=tile.samples, channels=tile.channels, sums=np.ascontiguousarray(sums),
            record=tile.record,
        )  # fmt: skip


@pytest.mark.parametrize("fields", [{"frames": "1-3"}, {"samples": 64}, {"noise": 0.5, "samples": 64}])
def test_a_frame_whose_tiles_do_not_fit_is_really_rendered_again(tmp_path: Path, fields: dict[str, Any]) -> None:
    studio = Studio(tmp_path / "out", Spoiled(1, times=1), **fields)
    studio.render()
    assert all(studio.right(frame) for frame in studio.layout.frames)
    (damaged,) = studio.of(ev.UnitDamaged)
    assert damaged.frame == 1
    assert not studio.of(ev.FrameFailed)
    assert all(chunk.ended for chunk in studio.chunks)
    # A still's may be noticed before its first step has ended, when the noise of a pass is measured.
    assert any(chunk.title.endswith("again") for chunk in studio.chunks) or "frames" not in fields


@pytest.mark.parametrize("fields", [{"frames": "1-3"}, {"samples": 64}])
def test_one_whose_tiles_never_fit_fails_alone_and_says_that_it_was_rendered_again(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    studio = Studio(tmp_path / "out", Spoiled(1, times=-1), **fields)
    studio.render()
    (failed,) = studio.of(ev.FrameFailed)
    assert failed.frame == 1
    assert "Rendering it again didn't help" in failed.reason
    assert all(studio.right(frame) for frame in studio.layout.frames if frame != 1)
    assert all(chunk.ended for chunk in studio.chunks)


def test_a_suspended_rendering_ends_what_it_has_and_its_resume_draws_only_the_rest(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "out", frames="1-24")

    def suspend(chunk: Chunk) -> None:
        if chunk.frames[0] >= 9:
            raise Halted(reason="", remedy="", how=HaltKind.SUSPENDED)

    with pytest.raises(Halted):
        studio.render(suspend)
    drawn = {block.frame for block in studio.farm.drawn}
    assert drawn
    assert drawn != set(range(1, 25))
    again = Studio(tmp_path / "out", frames="1-24")
    again.render()
    assert all(again.right(frame) for frame in range(1, 25))
    in_place = {event.frame for event in studio.of(ev.FrameWritten)}
    assert not in_place & {block.frame for block in again.farm.drawn}
