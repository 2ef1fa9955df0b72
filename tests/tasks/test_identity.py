"""What is kept by its digest is found again by every later version, whatever fields have come by then.

The literals were computed by the version that first had an identity; one that differs orphans all that users keep.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.objects import open_store
from storage.view import View
from tasks.identity import ORIGINAL_FIELDS, canonical
from tasks.limits import EndedBy, Ending, Limits
from tasks.picture.frame_output import Encoding, PictureOrder
from tasks.picture.frame_reading import FrameFiles
from tasks.picture.movie import RECIPES, Codec, Recipe
from tasks.picture.products import Footage, _order
from tasks.scene.frame_scenes import FrameScene
from tasks.scene.manifest import Manifest, SceneFile
from tasks.spec import Aov, FrameSpec, Region, SampleRange, Size, UnitSpec

if TYPE_CHECKING:
    from pathlib import Path

FRAME = FrameSpec(
    renderer="mitsuba",
    build="3.9.1 llvm_ad_rgb",
    scene="/s/room.xml",
    scene_digest="d" * 64,
    frame=1,
    size=Size(width=640, height=360),
    samples=64,
)
FULL = FrameSpec(
    renderer="blender",
    build="5.0.1 cpu",
    scene="/s/küche.blend",
    scene_digest="e" * 64,
    frame=-12,
    size=Size(width=8, height=4096),
    samples=1,
    seed=2**32 - 1,
    parameters=(("eye", "1.5"), ("Wärme", "hoch")),
    camera="Kamera 2",
    aovs=(Aov.DEPTH, Aov.ALBEDO),
    manifest="f" * 64,
)
WHOLE = FRAME.size.whole
SAMPLES = SampleRange(start=0, stop=64)
UNIT = UnitSpec(frame=FRAME, region=WHOLE, samples=SAMPLES)
HOW = Encoding(exr_half=True, png_bits=8, view=View.SRGB, exposure_stops=0.0)
DEEP = Encoding(exr_half=False, png_bits=16, view=View.ACES, exposure_stops=-1.25)
ORDER = PictureOrder(
    frame=FRAME,
    region=WHOLE,
    passes=(SampleRange(start=0, stop=4), SampleRange(start=4, stop=64)),
    keys=("room.exr",),
    encoding=HOW,
)
ROOM = SceneFile(path="/s/küche.xml", size_bytes=12, sha256="a" * 64)
WOOD = SceneFile(path="/s/holz.exr", size_bytes=2**40, sha256="b" * 64)

KNOWN: list[tuple[Any, str]] = [
    (FRAME, "376ef859622a03c9f665ccc231974d653cf965414cc272d7c2508f7dec86333d"),
    (replace(FRAME, seed=7), "aa10f7cc14abff87a6f273cd1a1bebf74a0a0a12ecc03e33f6b0fa0aeaa63296"),
    (replace(FRAME, parameters=(("eye", "2"),)), "1e86e8d3de3f8ec4ff3cb82eafe31d97c3603e07aa26afdd590baf6623bf5621"),
    (replace(FRAME, camera="1"), "df7be53d51f27edc7df7ee15c97dcd87c22af6b6579024167db2cece7f6d74a3"),
    (replace(FRAME, aovs=(Aov.NORMAL,)), "67ce4b2cd31e89315d3ec93644510fbd815273879710519e47b512671bb76e44"),
    (FULL, "411fe491159508742d984e50f52cf2f82baeb3439e68ddcd2154f941fd4025ee"),
    (UNIT, "14393c33b16892606e018dee04d452c7b814902153f5287b99f0fa2a508e09ec"),
    (
        UnitSpec(
            frame=FULL,
            region=Region(x0=1, y0=2, x1=3, y1=4),
            samples=SampleRange(start=0, stop=1),
            timeout_s=3.5,
        ),
        "0db994c6435486bf3ff736d0cd9390eb6a58e2a8d226a7afc6f3f7baecc1630d",
    ),
    (ORDER, "c8719e0975b2f857561e5592c66d929ed296f1b2cd1aeab2fecf4289f689c02a"),
    (replace(ORDER, encoding=DEEP), "be713654da2c1773bd2872c6d6014222fa40cf28c048d2ef11e0fe3e9e4cab56"),
    (replace(ORDER, limits=Limits(noise=0.02)), "74ad80b5698f14f6c462e2bfdb4182f7dde6e11f4773142925df994e73e3fc23"),
    (replace(ORDER, limits=Limits(time_s=1800)), "a9b74b7d58ab2b461ecee4c3b18fe07bc65f040ce7dec156cb53e2c265546461"),
    (
        replace(ORDER, limits=Limits(time_s=90.5, noise=1e-5)),
        "5ed30ae512eb7542d2237990ec3bcaa71cc6c7469947015cdacfa9f91b9ccd89",
    ),
    (replace(ORDER, denoise=True), "350165e5065089353e205271eca3a95c0c5fcb198aceea59cd04a87facee235f"),
    (
        replace(
            ORDER,
            frame=FULL,
            region=Region(x0=64, y0=0, x1=128, y1=32),
            keys=("a.png",),
            inspect=True,
            ending=Ending(by=EndedBy.TIME, seconds=3.0, sample_stop=4),
        ),
        "e7bff2a6ea88057273e753a5e10f0c4f7d06bcd5ba6b995d158a5c628f990f1e",
    ),
    (Manifest(common=(ROOM,)), "05bff4b5bde722db1d1196022859335c3642c4337594cc34b74b104b5da27de9"),
    (
        Manifest(common=(ROOM,), own=((1, (WOOD,)), (3, ()))),
        "652a289a6b785a1e25aa4025d6df50f8a20f727d8366e7c73b19ab450bbef40f",
    ),
]
PRODUCTS = {
    Codec.H264: "e3bc81e0bf7e5b42a33570680013ab76492a3ab54631f4dc61a1742526bbb719",
    Codec.HEVC: "92a96e3b255601955f5d9c2d4a62c43b9813395930a26a7520632ce2b7932ad5",
    Codec.AV1: "d155df730270235143857ecb661ded73eed22a56ea199a2a9a80e0696dc18897",
    Codec.PRORES: "ef932f5b9fbe9172fc4690a8740a6805836891a9c4b7e0fc235f7e771016ebdb",
}
FOOTAGE = Footage(
    title="ball",
    frames=(
        FrameFiles(frame=1, files=(("ball.0001.exr", "a" * 64), ("ball.0001.png", "b" * 64))),
        FrameFiles(frame=2, files=()),
    ),
    encoding=DEEP,
)


@pytest.mark.parametrize(("record", "digest"), KNOWN, ids=lambda value: type(value).__name__)
def test_what_earlier_versions_kept_is_found_again(record: Any, digest: str) -> None:
    assert record.digest == digest


@pytest.mark.parametrize("codec", Codec)
def test_movies_of_earlier_versions_are_found_again(codec: Codec) -> None:
    recipe = canonical(RECIPES[codec])
    assert _order(FOOTAGE, codec=codec, fps=str(Fraction(24000, 1001)), recipe=recipe) == PRODUCTS[codec]


def test_contact_sheets_of_earlier_versions_are_found_again() -> None:
    sheet = _order(FOOTAGE, flagged={"2": "black"}, facts="2 frames")
    assert sheet == "0623dac63953c11de7ca4f60ce4cf498677ee17af41ed95bc69c7b4c33af7840"


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderFrame(FrameSpec):
    """A frame of a version to come, which can do more."""

    lens: str = "ideal"
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderRegion(Region):
    eye: int = 0


@dataclass(frozen=True, kw_only=True)
class WiderUnit(UnitSpec):
    light: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderEncoding(Encoding):
    dither: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderLimits(Limits):
    energy_j: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderOrder(PictureOrder):
    bloom: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderFile(SceneFile):
    mode: int = 0


def as_a(kind: type[Any], record: Any, **values: Any) -> Any:
    """The same record in a version to come."""
    return kind(**{own.name: getattr(record, own.name) for own in fields(record)} | values)


NOISY = replace(ORDER, limits=Limits(noise=0.02))


@pytest.mark.parametrize(
    ("now", "later", "chosen"),
    [
        (FRAME, as_a(WiderFrame, FRAME), as_a(WiderFrame, FRAME, lens="thin")),
        (FULL, as_a(WiderFrame, FULL), as_a(WiderFrame, FULL, layers=("sky",))),
        (UNIT, as_a(WiderUnit, UNIT), as_a(WiderUnit, UNIT, light="key")),
        (
            UNIT,
            replace(UNIT, region=as_a(WiderRegion, WHOLE)),
            replace(UNIT, region=as_a(WiderRegion, WHOLE, eye=1)),
        ),
        (ORDER, as_a(WiderOrder, ORDER), as_a(WiderOrder, ORDER, bloom=0.5)),
        (
            ORDER,
            replace(ORDER, encoding=as_a(WiderEncoding, HOW)),
            replace(ORDER, encoding=as_a(WiderEncoding, HOW, dither=True)),
        ),
        (
            NOISY,
            replace(ORDER, limits=as_a(WiderLimits, NOISY.limits)),
            replace(ORDER, limits=as_a(WiderLimits, NOISY.limits, energy_j=1.0)),
        ),
        (
            Manifest(common=(ROOM,)),
            Manifest(common=(as_a(WiderFile, ROOM),)),
            Manifest(common=(as_a(WiderFile, ROOM, mode=0o755),)),
        ),
    ],
    ids=["frame", "full frame", "unit", "region", "order", "encoding", "limits", "scene file"],
)
def test_a_field_that_comes_later_counts_only_where_it_is_chosen(now: Any, later: Any, chosen: Any) -> None:
    assert later.digest == now.digest
    assert chosen.digest != now.digest


def test_another_default_is_another_picture() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Reseeded(FrameSpec):
        seed: int = 1

    given = {own.name: getattr(FRAME, own.name) for own in fields(FRAME) if own.name != "seed"}
    assert Reseeded(**given).digest == replace(FRAME, seed=1).digest != FRAME.digest
    assert Reseeded(**given, seed=0).digest == FRAME.digest


def test_a_manifest_of_a_later_version_is_read_as_it_was_kept(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    later = Manifest(common=(as_a(WiderFile, ROOM),))
    later.save(store)
    assert Manifest.load(store, later.digest) == Manifest(common=(ROOM,))


numbers = st.integers(0, 2**32)
texts = st.text(max_size=9)
floats = st.floats(allow_nan=False, allow_infinity=False)
sizes = st.builds(Size, width=numbers, height=numbers)
regions = st.builds(Region, x0=numbers, y0=numbers, x1=st.just(2**33), y1=st.just(2**33))
ranges = st.builds(SampleRange, start=numbers, stop=st.just(2**33))
pairs = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
encodings = st.builds(
    Encoding, exr_half=st.booleans(), png_bits=st.sampled_from([8, 16]), view=st.sampled_from(View),
    exposure_stops=floats,
)  # fmt: skip
scene_files = st.builds(SceneFile, path=texts, size_bytes=numbers, sha256=texts)
file_tuples = st.lists(scene_files, max_size=2).map(tuple)
frame_files = st.builds(FrameFiles, frame=numbers, files=pairs)
records: st.SearchStrategy[Any] = st.one_of(
    sizes, regions, ranges, encodings, scene_files, frame_files,
    st.builds(Limits, time_s=st.none() | floats, noise=st.none() | floats),
    st.builds(FrameScene, frame=numbers, path=texts, parameters=pairs),
    st.builds(Manifest, common=file_tuples, own=st.lists(st.tuples(numbers, file_tuples), max_size=2).map(tuple)),
    st.builds(Footage, title=st.just(""), frames=st.lists(frame_files, max_size=2).map(tuple), encoding=encodings),
    st.builds(
        Recipe, encoder=texts, pixels=texts, suffix=texts, options=st.dictionaries(texts, texts, max_size=2), tag=texts
    ),
    st.builds(
        FrameSpec, renderer=texts, build=texts, scene=st.just(""), scene_digest=texts, frame=numbers, size=sizes,
        samples=numbers, seed=numbers, parameters=pairs, camera=st.none() | texts,
        aovs=st.lists(st.sampled_from(Aov), max_size=3).map(tuple), manifest=st.just(""),
    ),
)  # fmt: skip


@settings(max_examples=200)
@given(record=records)
def test_the_fields_of_the_first_version_are_written_as_they_were(record: Any) -> None:
    first = asdict(
        record, dict_factory=lambda pairs: {name: value for name, value in pairs if (name, value) != ("scene", None)}
    )
    first = {name: value for name, value in first.items() if name in ORIGINAL_FIELDS[type(record).__name__]}
    written = canonical(record, exclude=("title", "scene", "manifest"))
    assert json.dumps(written, sort_keys=True) == json.dumps(first, sort_keys=True)
