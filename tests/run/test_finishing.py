"""Frames on their way to their places: what a task holds is bounded by bytes, and a bad frame spoils no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from frontburner.jobs.job import make_job
from frontburner.jobs.layout import Layout, lay_out
from frontburner.run.chunks import Stage
from frontburner.run.finishing import COLLECT_S, TASK_BYTES, WAITING_BYTES, Finisher, StillFinisher
from storage.errors import FrontburnerError, StoreError
from storage.scene_view import SceneView
from tasks.job_context import JobContext
from tasks.node.frame_tasks import denoise_frame, finish_frames, stitch_frame, write_frame
from tasks.picture.frame_output import FrameRecord
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.scene.frame_scenes import FrameScene
from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

UHD = Size(width=3840, height=2160)
UHD_BYTES = 3840 * 2160 * 4 * 4
OWN_VIEW = SceneView(program="blender 5.0.1", space="ACEScg", interop_id="lin_ap1_scene", display="sRGB", view="AgX")
AWAY = StoreError(reason="The store is away.", remedy="Start it.", retryable=True, url="s3://x")


@dataclass(eq=False)
class Future:
    """A task on a node, as its client sees it."""

    work: Any
    args: tuple[Any, ...]
    status: str = "pending"
    answer: Any = None

    def done(self) -> bool:
        return self.status != "pending"

    def result(self, _timeout_s: float) -> Any:
        return self.answer

    def exception(self, _timeout_s: float) -> Any:
        return self.answer

    def ends(self, answer: Any, status: str = "finished") -> None:
        self.status, self.answer = status, answer


@dataclass
class Farm:
    """Two nodes whose tasks end when the test ends them."""

    futures: list[Future] = field(default_factory=list)
    unloaded: list[int] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    at_renderers: int = 0
    context: JobContext = field(default_factory=lambda: JobContext(store_url="/x", topic=""))
    admission: Any = field(default_factory=lambda: SimpleNamespace(addresses={"a": "", "b": ""}))

    def submit(self, work: Any, *args: Any, priority: int = 0) -> Future:  # noqa: ARG002 - as the farm has it
        self.futures.append(Future(work, args))
        return self.futures[-1]

    def submit_to_renderer(self, work: Any, *args: Any, priority: int = 0) -> Future:
        self.at_renderers += 1
        return self.submit(work, *args, priority=priority)

    def tile(self, ticket: int) -> str:
        return f"tile {ticket}"

    def unload(self, tickets: Sequence[int]) -> None:
        self.unloaded += tickets

    def forget(self, tickets: Sequence[int]) -> None:
        self.forgotten += tickets

    @property
    def running(self) -> list[Future]:
        return [future for future in self.futures if not future.done()]


class Outcomes(list[tuple[int, Stage, Any]]):
    """The outcomes a finisher reported."""

    def __call__(self, frame: int, stage: Stage, outcome: Any) -> None:
        self.append((frame, stage, outcome))


def layout(frames: int, size: Size, view: SceneView | None = None, **fields: Any) -> Layout:
    job = make_job({"scene": "x.json", "renderer": "null", "frames": f"1-{frames}" if frames > 1 else "", **fields})
    scenes = tuple(FrameScene(frame=number + 1, path="x.json") for number in range(frames))
    info = SceneInfo(digest="0" * 64, size=size, samples=1, files=(), cameras=(), view=view)
    able = Capabilities(exact_regions=True, exact_samples=True, aovs=frozenset())
    return lay_out(job, build="1", capabilities=able, scenes=scenes, infos={each.frame: info for each in scenes})


def record(frame: int) -> FrameRecord:
    return FrameRecord(frame=frame, files={f"{frame}.png": "0"})


class FinisherOnFarm:
    """A finisher, its farm and its clock."""

    def __init__(self, frames: int, size: Size) -> None:
        self.farm, self.outcomes, self.now_s = Farm(), Outcomes(), 0.0
        self.finisher = Finisher(
            farm=cast("Any", self.farm),
            layout=layout(frames, size),
            metadata={},
            clock=lambda: self.now_s,
            on_ended=self.outcomes,
        )


@pytest.mark.parametrize("frames", [10, 1_000, 10_000])
@pytest.mark.parametrize("size", [UHD, Size(width=640, height=360), Size(width=16, height=9)])
def test_what_tasks_hold_is_bounded_by_bytes_whatever_the_jobs_length(frames: int, size: Size) -> None:
    setup = FinisherOnFarm(frames, size)
    frame_bytes = size.width * size.height * 16
    for frame in range(1, frames + 1):
        setup.finisher.add(frame, [frame])
    kept = frames - len(setup.farm.unloaded)
    assert kept * frame_bytes <= max(WAITING_BYTES, frame_bytes), "nodes keep no more of what waits"
    taken = 0
    while setup.finisher.busy:
        setup.finisher.poll(flush=True)
        assert len(setup.farm.running) <= 2
        for future in setup.farm.running:
            tiles, orders, *_ = future.args
            assert future.work is finish_frames
            assert len(tiles) == 1 or len(tiles) * frame_bytes <= TASK_BYTES
            taken += len(tiles)
            future.ends([record(order.frame.frame) for order in orders])
    assert taken == len(setup.outcomes) == frames
    assert sorted(setup.farm.forgotten) == list(range(1, frames + 1))


def test_frames_wait_a_moment_for_others_and_no_longer() -> None:
    setup = FinisherOnFarm(100, Size(width=16, height=9))
    setup.finisher.add(1, [1])
    setup.finisher.poll()
    assert not setup.farm.futures
    setup.finisher.add(2, [2])
    setup.now_s = COLLECT_S
    setup.finisher.poll()
    assert [len(future.args[0]) for future in setup.farm.futures] == [2]
    setup.finisher.add(3, [3])
    setup.finisher.poll(flush=True)
    assert len(setup.farm.futures) == 2


def test_a_frame_that_fails_is_reported_alone_and_can_be_retried() -> None:
    setup = FinisherOnFarm(3, Size(width=16, height=9))
    for frame in (1, 2, 3):
        setup.finisher.add(frame, [frame])
    setup.finisher.poll(flush=True)
    setup.farm.futures[0].ends([record(1), AWAY, record(3)])
    setup.finisher.poll()
    assert setup.outcomes == [(1, Stage.FINISH, record(1)), (2, Stage.FINISH, AWAY), (3, Stage.FINISH, record(3))]
    assert not setup.finisher.busy
    setup.finisher.retry(2)
    setup.finisher.poll(flush=True)
    assert setup.farm.futures[1].args[0] == [["tile 2"]]
    setup.farm.futures[1].ends([record(2)])
    setup.finisher.poll()
    assert setup.outcomes[-1] == (2, Stage.FINISH, record(2))


@pytest.mark.parametrize(("view", "where"), [(None, 0), (OWN_VIEW, 1)])
@pytest.mark.parametrize("frames", [1, 2])
def test_pictures_with_the_scenes_own_colours_are_finished_where_its_renderer_is(
    frames: int, view: SceneView | None, where: int
) -> None:
    farm = Farm()
    kind = Finisher if frames > 1 else StillFinisher
    finisher = kind(
        farm=cast("Any", farm), layout=layout(frames, UHD, view), metadata={}, clock=lambda: 0.0, on_ended=Outcomes()
    )
    finisher.add(1, [1])
    if isinstance(finisher, Finisher):
        finisher.poll(flush=True)
    assert farm.futures
    assert farm.at_renderers == where * len(farm.futures)


@pytest.mark.parametrize(("status", "answer"), [("cancelled", None), ("lost", None), ("error", ValueError("odd"))])
def test_a_task_that_is_lost_as_a_whole_can_be_tried_again(status: str, answer: Any) -> None:
    setup = FinisherOnFarm(2, Size(width=16, height=9))
    for frame in (1, 2):
        setup.finisher.add(frame, [frame])
    setup.finisher.poll(flush=True)
    setup.farm.futures[0].ends(answer, status)
    setup.finisher.poll()
    assert [frame for frame, _, _ in setup.outcomes] == [1, 2]
    assert all(isinstance(error, FrontburnerError) and error.retryable for _, _, error in setup.outcomes)


def test_a_still_is_stitched_denoised_and_written_stage_by_stage_and_retried_from_where_it_failed() -> None:
    farm, outcomes = Farm(), Outcomes()
    finisher = StillFinisher(
        farm=cast("Any", farm),
        layout=layout(1, UHD, denoise=True),
        metadata={},
        clock=lambda: 0.0,
        on_ended=outcomes,
    )
    finisher.add(1, [7, 8])
    stitched, denoised, written = farm.futures
    assert [future.work for future in farm.futures] == [stitch_frame, denoise_frame, write_frame]
    assert stitched.args[0] == ["tile 7", "tile 8"]
    assert (denoised.args[0], written.args[0]) == (stitched, denoised), "pictures stay on their node"
    stitched.ends(None)
    finisher.poll()
    denoised.ends(None)
    written.ends(AWAY, "error")
    finisher.poll()
    assert outcomes == [(1, Stage.STITCH, None), (1, Stage.DENOISE, None), (1, Stage.WRITE, AWAY)]
    assert not finisher.busy
    finisher.retry(1)
    (again,) = farm.running
    assert (again.work, again.args[0]) == (write_frame, denoised)
    again.ends(record(1))
    finisher.poll()
    assert outcomes[-1] == (1, Stage.WRITE, record(1))
    assert (finisher.busy, farm.forgotten) == (False, [7, 8])
