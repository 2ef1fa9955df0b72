"""A layout is all that a job and its scene decide: specs, files, passes; what doesn't fit is refused.

One file over 300 lines: one job is varied here, setting by setting.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.layout import ALIGN_PX, Layout, lay_out
from frontburner.jobs.simulations import last_needed, to_bake
from frontburner.plan.block import Block
from frontburner.plan.unit_sizer import Mode
from storage.scene_view import SceneView
from storage.view import View
from tasks.limits import Limits
from tasks.renderers.base import Capabilities, SceneInfo, Simulation
from tasks.scene.baking import BakedScene
from tasks.scene.frame_scenes import FrameScene
from tasks.spec import Aov, FrameSpec, Region, SampleRange, Size, UnitSpec

ABLE = Capabilities(exact_regions=True, exact_samples=True, aovs=frozenset({Aov.DEPTH, Aov.NORMAL}))
INFO = SceneInfo(
    digest="d" * 64, files=("/s/room.xml",), size=Size(width=640, height=360), samples=64, cameras=("main", "top"),
    notes=("The film's crop is left out.",),
)  # fmt: skip
WHY = "The integrator ptracer sends light from the lamps."


def laid_out(
    info: SceneInfo = INFO, capabilities: Capabilities = ABLE, frames: tuple[int, ...] = (1,), **fields: Any
) -> Layout:
    scenes = tuple(FrameScene(frame=n, path=f"/s/room.{n}.xml", parameters=(("eye", str(n)),)) for n in frames)
    return lay_out(
        make_job({"scene": "/s/room.xml", **fields}),
        build="3.9.1 scalar_rgb",
        capabilities=capabilities,
        scenes=scenes,
        infos=dict.fromkeys(frames, info),
    )


def problem_of(info: SceneInfo = INFO, **fields: Any) -> str:
    with pytest.raises(JobRefused, match="doesn't fit its scene") as refused:
        laid_out(info, **fields)
    (problem,) = refused.value.problems
    return problem


def test_a_still_has_the_jobs_name() -> None:
    assert laid_out().orders[1].keys == ("room.exr", "room.png")
    assert laid_out(name="Hall 2", formats="png").orders[1].keys == ("Hall 2.png",)
    assert laid_out(formats="png,exr,png").orders[1].keys == ("room.png", "room.exr")


def test_frames_of_a_sequence_have_their_numbers() -> None:
    layout = laid_out(frames=(7, 120, 12345))
    assert [layout.orders[n].keys[0] for n in layout.orders] == ["room.0007.exr", "room.0120.exr", "room.12345.exr"]


def test_a_single_frame_that_was_asked_for_has_its_number() -> None:
    scenes = (FrameScene(frame=7, path="/s/room.xml"),)
    job = make_job({"scene": "/s/room.xml", "frames": "7"})
    layout = lay_out(job, build="b", capabilities=ABLE, scenes=scenes, infos={7: INFO})
    assert layout.orders[7].keys == ("room.0007.exr", "room.0007.png")


def test_the_scene_decides_what_the_job_leaves_open() -> None:
    layout = laid_out()
    frame = layout.frames[1]
    assert (frame.size, frame.samples, frame.camera, frame.parameters) == (INFO.size, 64, None, (("eye", "1"),))
    assert (frame.renderer, frame.build, frame.scene_digest) == ("mitsuba", "3.9.1 scalar_rgb", INFO.digest)
    assert layout.region == INFO.size.whole
    assert layout.notes == INFO.notes
    assert (layout.mode, layout.align_px, len(layout.passes)) == (Mode.AUTO, (ALIGN_PX, 1), 3)


def test_the_job_decides_over_its_scene() -> None:
    layout = laid_out(
        size="100x50", samples=9, camera="top", aovs="depth", seed=4, region="10,10,20,20", mode="tiles",
        exr="float", png_bits=16, view="aces", exposure=1.5, unit_timeout_s=30,
    )  # fmt: skip
    frame, order = layout.frames[1], layout.orders[1]
    assert (frame.size, frame.samples, frame.camera) == (Size(width=100, height=50), 9, "top")
    assert (frame.aovs, frame.seed) == ((Aov.DEPTH,), 4)
    assert layout.region == order.region == Region(x0=10, y0=10, x1=20, y1=20)
    assert (layout.mode, layout.unit_timeout_s) == (Mode.TILES, 30)
    how = order.encoding
    assert (how.exr_half, how.png_bits, how.view.value, how.exposure_stops) == (False, 16, "aces", 1.5)


def test_which_of_a_scenes_own_frames_are_rendered_is_said() -> None:
    info = replace(INFO, frames=range(1001, 1011), current_frame=1005)
    still = "Its frame 1005 is rendered, the current one, of 1001-1010: --frames scene renders them all."
    assert still in laid_out(info, frames=(1005,)).notes
    assert "Its own frames are 1001-1010." in laid_out(info, frames=(1, 2)).notes
    assert laid_out(info, frames=tuple(range(1001, 1011))).notes == INFO.notes


def test_the_scenes_own_colours_are_those_of_its_pictures_unless_the_job_says_otherwise() -> None:
    view = SceneView(program="blender 5.0.1", space="ACEScg", interop_id="lin_ap1_scene", display="sRGB", view="AgX")
    how = laid_out(replace(INFO, view=view)).orders[1].encoding
    assert (how.view, how.scene) == (View.SCENE, view)
    how = laid_out(replace(INFO, view=view), view="srgb").orders[1].encoding
    assert (how.view, how.scene) == (View.SRGB, view)
    assert laid_out().orders[1].encoding == laid_out(view="srgb").orders[1].encoding
    assert laid_out().orders[1].digest == laid_out(view="srgb").orders[1].digest


def test_a_limited_job_has_many_short_passes_up_to_a_generous_number() -> None:
    layout = laid_out(noise=0.02)
    assert layout.frames[1].samples == layout.passes[-1].stop == 64 * 64
    assert layout.limits == layout.orders[1].limits == Limits(noise=0.02)
    assert laid_out(noise=0.02, samples=512).passes[-1].stop == 512
    assert len(laid_out(noise=0.02, frames=(1, 2)).passes) > 9
    assert laid_out(time_limit="30m").limits == Limits(time_s=1800)


def test_limits_decide_which_files_are_in_place() -> None:
    plain, noise, finer = laid_out(samples=512), laid_out(samples=512, noise=0.02), laid_out(samples=512, noise=0.01)
    assert len({layout.orders[1].digest for layout in (plain, noise, finer)}) == 3
    assert laid_out(finish_by="08:00").orders[1].digest == laid_out().orders[1].digest


@pytest.mark.parametrize("limit", [{"noise": 0.02}, {"time_limit": "30m"}])
def test_a_scene_whose_samples_cannot_be_parted_is_refused_limits(limit: dict[str, Any]) -> None:
    for info, capabilities, why in (
        (replace(INFO, whole_frames_because=WHY), ABLE, WHY),
        (INFO, replace(ABLE, exact_samples=False), "mitsuba can't render a frame's samples in parts."),
    ):
        with pytest.raises(JobRefused, match="can't be ended by a limit") as refused:
            laid_out(info, capabilities, **limit)
        (problem,) = refused.value.problems
        assert problem.startswith(next(iter(limit)))
        assert why in problem


def test_a_time_is_refused_for_a_sequence_the_scene_alone_knows_of() -> None:
    with pytest.raises(JobRefused, match="can't be ended by a limit") as refused:
        laid_out(frames=(1, 2), time_limit="30m")
    assert "not a sequence" in refused.value.problems[0]


def test_a_sequence_is_rendered_in_one_pass_a_frame() -> None:
    assert laid_out(frames=(1, 2)).passes == (SampleRange(start=0, stop=64),)


@pytest.mark.parametrize("mode", Mode)
def test_a_scene_that_renders_whole_only_is_dealt_out_frame_by_frame_and_says_why(mode: Mode) -> None:
    layout = laid_out(replace(INFO, whole_frames_because=WHY), mode=mode.value)
    assert layout.mode is Mode.FRAMES
    assert layout.passes == (SampleRange(start=0, stop=64),)
    assert layout.notes == (*INFO.notes, WHY)


def test_one_frame_that_renders_whole_only_decides_for_the_sequence() -> None:
    scenes = tuple(FrameScene(frame=n, path="/s/room.xml") for n in (1, 2))
    infos = {1: INFO, 2: replace(INFO, whole_frames_because=WHY)}
    job = make_job({"scene": "/s/room.xml"})
    assert lay_out(job, build="b", capabilities=ABLE, scenes=scenes, infos=infos).mode is Mode.FRAMES


def test_a_renderer_whose_regions_are_not_exact_renders_whole_frames() -> None:
    unable = Capabilities(exact_regions=False, exact_samples=False)
    assert laid_out(capabilities=unable, mode="tiles").mode is Mode.FRAMES


def test_cuts_suit_the_renderer() -> None:
    assert laid_out(capabilities=replace(ABLE, region_align_px=(32, 4))).align_px == (32, 4)
    assert laid_out(capabilities=replace(ABLE, region_align_px=(1, 1))).align_px == (ALIGN_PX, 1)


def test_a_scenes_own_region_is_rendered_at_its_own_size() -> None:
    crop = Region(x0=10, y0=20, x1=110, y1=90)
    info = replace(INFO, region=crop)
    assert laid_out(info).region == crop
    assert laid_out(info).notes == INFO.notes
    assert laid_out(info, size="1280x720").region == Size(width=1280, height=720).whole
    assert any("region" in note for note in laid_out(info, size="1280x720").notes)
    assert laid_out(info, region="0,0,5,5").region == Region(x0=0, y0=0, x1=5, y1=5)


def test_channels_that_a_scene_asks_for_are_rendered_once() -> None:
    info = replace(INFO, channels=("normal.X", "p.X"))
    assert laid_out(info).frames[1].channels == ("R", "G", "B", "A", "normal.X", "p.X")
    assert laid_out(info, aovs="normal").frames[1].channels[4:] == ("normal.X", "normal.Y", "normal.Z", "p.X")


def test_a_region_outside_of_the_scenes_own_frame_is_refused() -> None:
    problem = problem_of(region="600,0,641,360")
    assert problem.startswith("region: region '600,0,641,360' reaches outside the frame of 640x360.")
    assert "x1 is at most 640" in problem


def test_a_picture_that_is_smaller_than_the_renderer_can_is_refused_with_its_limit() -> None:
    problem = problem_of(capabilities=replace(ABLE, min_side_px=4), size="64x3")
    assert problem == "size: mitsuba renders no picture smaller than 4x4, and this is 64x3."


def test_a_region_of_a_scene_that_renders_whole_only_is_refused() -> None:
    problem = problem_of(replace(INFO, whole_frames_because=WHY), region="0,0,8,8")
    assert problem == f"region: {WHY} Leave region empty."


def test_a_channel_the_renderer_lacks_is_refused_with_those_it_has() -> None:
    assert problem_of(aovs="depth,albedo") == "aovs: mitsuba has no albedo. It has depth, normal."


@pytest.mark.parametrize("camera", ["main", "top", "0", "1"])
def test_a_camera_goes_by_name_or_number(camera: str) -> None:
    assert laid_out(camera=camera).frames[1].camera == camera


@pytest.mark.parametrize("camera", ["2", "-1", "Main", "side"])
def test_a_camera_that_is_not_there_is_refused_with_those_that_are(camera: str) -> None:
    assert problem_of(camera=camera) == f"camera: '{camera}' is not in the scene. It has main, top."


def test_all_that_does_not_fit_is_told_at_once() -> None:
    with pytest.raises(JobRefused) as refused:
        laid_out(region="0,0,999,9", camera="side", aovs="albedo")
    assert len(refused.value.problems) == 3


BASE = FrameSpec(
    renderer="mitsuba", build="b", scene="/s/room.xml", scene_digest="d", frame=1, size=INFO.size, samples=64
)
OTHERS: dict[str, Any] = {
    "renderer": "null", "build": "c", "scene_digest": "e", "frame": 2, "size": Size(width=640, height=361),
    "samples": 65, "seed": 1, "parameters": (("x", "1"),), "camera": "0", "aovs": (Aov.DEPTH,),
    "bake": 1, "scene_channels": ("p.X",), "allow_scripts": True,
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_decides_pixels_makes_another_unit(name: str) -> None:
    region, samples = INFO.size.whole, SampleRange(start=0, stop=64)
    other = replace(BASE, **{name: OTHERS[name]})
    assert other.digest != BASE.digest
    units = [UnitSpec(frame=frame, region=region, samples=samples) for frame in (BASE, other)]
    assert units[0].digest != units[1].digest


def test_every_field_of_a_frame_but_where_its_scene_lies_decides_pixels() -> None:
    assert set(OTHERS) | {"scene", "manifest", "baked_digest"} == set(FrameSpec.__dataclass_fields__)
    elsewhere = replace(BASE, scene="/elsewhere/room.xml", manifest="f" * 64, baked_digest="b" * 64)
    assert elsewhere.digest == BASE.digest


def test_region_and_samples_make_another_unit_and_the_time_limit_does_not() -> None:
    unit = UnitSpec(frame=BASE, region=INFO.size.whole, samples=SampleRange(start=0, stop=64))
    assert replace(unit, region=Region(x0=0, y0=0, x1=8, y1=8)).digest != unit.digest
    assert replace(unit, samples=SampleRange(start=0, stop=8)).digest != unit.digest
    limited = replace(unit, timeout_s=5.0)
    assert limited == unit
    assert limited.digest == unit.digest


def test_a_block_becomes_the_full_unit() -> None:
    layout = laid_out(unit_timeout_s=12)
    block = Block(frame=1, samples=layout.passes[0], region=Region(x0=0, y0=0, x1=8, y1=8)).failed_on("n1")
    assert layout.unit(block) == UnitSpec(frame=layout.frames[1], region=block.region, samples=block.samples)
    assert layout.unit(block).timeout_s == 12


FALL = Simulation(name="rigid bodies", first=1, last=250)
DROP = Simulation(name="cloth of Flag", first=10, last=20)


def test_frames_of_simulations_that_are_not_baked_are_other_frames_than_before() -> None:
    plain, moving = laid_out(frames=(1, 12)), laid_out(replace(INFO, simulations=(FALL, DROP)), frames=(1, 12))
    assert {number: frame.bake for number, frame in moving.frames.items()} == {1: 0, 12: 1}
    assert moving.frames[1].digest == plain.frames[1].digest, "at its first frame a simulation is at rest"
    assert moving.frames[12].digest != plain.frames[12].digest
    note = "Simulations that aren't baked are baked first: rigid bodies (frames 1-13), cloth of Flag (frames 10-13)."
    assert note in moving.notes
    assert "They are baked with the parameters of the first of the frames, which change." in moving.notes
    assert not any("baked" in note for note in laid_out(replace(INFO, simulations=(DROP,)), frames=(10,)).notes)


def test_a_bake_ends_with_the_simulations_at_the_latest() -> None:
    infos = dict.fromkeys((1, 50, 60), replace(INFO, simulations=(DROP,)))
    assert last_needed(infos, (1, 50, 60)) == 20


def test_a_job_that_bakes_nothing_is_refused_if_its_frames_need_it() -> None:
    assert not laid_out(replace(INFO, simulations=(DROP,)), frames=(1, 10), bake="no").frames[10].bake
    with pytest.raises(JobRefused) as refused:
        laid_out(replace(INFO, simulations=(DROP,)), frames=(10, 11, 12, 13), bake="no")
    (problem,) = refused.value.problems
    assert problem.startswith("bake no: frames 11-13 need simulations that aren't baked: cloth of Flag (frames 10-14).")


def test_what_is_played_is_not_baked_and_said() -> None:
    hair = Simulation(name="hair Locks of Head", first=1, last=250, played=True)
    layout = laid_out(replace(INFO, simulations=(hair,)), frames=(1, 12))
    assert layout.frames[12].bake
    assert any("can't be baked into a copy of the file: hair Locks of Head (frames 1-13)" in n for n in layout.notes)
    infos = dict.fromkeys((1, 12), replace(INFO, simulations=(hair,)))
    assert to_bake(infos, infos) == ()


def test_what_is_opened_instead_of_the_scene_does_not_count_for_a_frame() -> None:
    infos = dict.fromkeys((1, 12), replace(INFO, simulations=(FALL,)))
    scenes = tuple(FrameScene(frame=frame, path="/s/room.blend") for frame in infos)
    job = make_job({"scene": "/s/room.blend"})
    options: dict[str, Any] = {"build": "b", "capabilities": ABLE, "scenes": scenes, "infos": infos, "manifest": "m"}
    before = lay_out(job, **options)
    after = lay_out(job, **options, baked=BakedScene(manifest="n", digests={12: "e" * 64}))
    assert before.frames[12].digest == after.frames[12].digest
    assert (after.frames[12].manifest, after.frames[12].content_digest) == ("n", "e" * 64)
