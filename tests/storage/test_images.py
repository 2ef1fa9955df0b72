"""Pictures come back as they were given, show what their view says, and are refused when they are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from storage.errors import CorruptObject, StoreError
from storage.images import decode_exr, encode_exr, encode_png, encode_preview
from storage.view import View, apply_view

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

CHANNELS = ("R", "G", "B", "A", "depth.Z", "normal.X", "normal.Y", "normal.Z", "albedo.R", "albedo.G", "albedo.B")
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ANYTHING = st.one_of(st.text(max_size=5), st.integers(-(2**70), 2**70), st.floats(allow_nan=False))


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Floats, tuple[str, ...]]:
    """Pixels and as many channel names, in any order; the pixels lie in memory in some odd way or other."""
    names = draw(st.permutations(CHANNELS))[: draw(st.integers(1, len(CHANNELS)))]
    shape = (draw(st.integers(1, 19)), draw(st.integers(1, 9)), len(names))
    noise = np.random.default_rng(draw(st.integers(0, 2**32))).normal(0, 10, shape).astype(np.float32)
    noise[0, 0] = draw(arrays.arrays(np.float32, len(names), elements=FLOATS))
    layouts = [noise, np.asfortranarray(noise), noise.repeat(2, axis=1)[:, ::2], noise[::-1].copy()[::-1]]
    return draw(st.sampled_from(layouts)), tuple(names)


def plain(shape: tuple[int, ...] = (5, 7, 4)) -> Floats:
    return np.random.default_rng(1).random(shape, np.float32)


def read_png(data: bytes, folder: Path) -> tuple[npt.NDArray[Any], dict[str, object]]:
    """Values as they are in the file, and its tags."""
    path = folder / "it.png"
    path.write_bytes(data)
    config = OpenImageIO.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    source = OpenImageIO.ImageInput.open(str(path), config)
    assert source is not None
    spec = source.spec()
    pixels = source.read_image(spec.format)
    assert pixels is not None
    return pixels, {tag.name: tag.value for tag in spec.extra_attribs}


@given(picture=pictures(), metadata=st.dictionaries(st.text(min_size=1, max_size=5), ANYTHING, max_size=4))
def test_exr_in_32_bits_is_exact(picture: tuple[Floats, tuple[str, ...]], metadata: dict[str, Any]) -> None:
    pixels, names = picture
    again, channels, said = decode_exr(encode_exr(pixels, names, half=False, metadata=metadata))
    assert again.tobytes() == pixels.tobytes()
    assert again.shape == pixels.shape
    assert channels == names
    assert said == metadata
    assert again.flags.c_contiguous


@given(picture=pictures())
def test_exr_in_16_bits_rounds_colours_only(picture: tuple[Floats, tuple[str, ...]]) -> None:
    pixels, names = picture
    again, channels, _ = decode_exr(encode_exr(pixels, names, half=True, metadata={}))
    assert channels == names
    assert np.isfinite(again).all()
    for index, name in enumerate(names):
        given_plane, read_plane = pixels[..., index], again[..., index]
        if name.startswith(("depth", "normal")):
            assert (read_plane == given_plane).all()
        else:
            limited = np.clip(given_plane, -65504, 65504)
            np.testing.assert_allclose(read_plane, limited, rtol=2**-11, atol=2**-25)


def test_exr_in_16_bits_never_overflows() -> None:
    pixels = np.array([[[65504.0, 65519.0, 65520.0, 3e38], [-1e9, -0.0, 0.0, 1e-9]]], np.float32)
    again, _, _ = decode_exr(encode_exr(pixels, "RGBA", half=True, metadata={}))
    assert again[0, 0].tolist() == [65504.0] * 4
    assert again[0, 1].tolist() == [-65504.0, 0.0, 0.0, 0.0]


def test_exr_is_what_other_programs_expect(tmp_path: Path) -> None:
    data = encode_exr(plain((6, 5, 11)), CHANNELS, half=True, metadata={"job": "teapot", "samples": 64})
    path = tmp_path / "it.exr"
    path.write_bytes(data)
    source = OpenImageIO.ImageInput.open(str(path))
    assert source is not None
    spec = source.spec()
    assert (spec.width, spec.height) == (5, 6)
    assert set(spec.channelnames[:4]) == set("RGBA")
    formats = {name: str(kind) for name, kind in zip(spec.channelnames, spec.channelformats, strict=True)}
    assert {formats[name] for name in ("R", "A", "albedo.G")} == {"half"}
    assert {formats[name] for name in ("depth.Z", "normal.X", "normal.Z")} == {"float"}
    assert spec.getattribute("compression") == "zip"
    assert spec.getattribute("frontburner/job") == "teapot"
    assert spec.getattribute("frontburner/samples") == 64


def test_equal_pictures_are_equal_bytes() -> None:
    for half in (True, False):
        first, second = (encode_exr(plain(), "RGBA", half=half, metadata={"a": 1}) for _ in range(2))
        assert first == second
    first, second = (encode_png(plain(), bits=8, view=View.ACES) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("half", [True, False])
def test_a_damaged_exr_is_never_read_as_something_else(*, half: bool) -> None:
    names = CHANNELS[:6]
    metadata: dict[str, str | int | float] = {"job": "teapot", "samples": 64}
    data = encode_exr(plain((9, 7, 6)), names, half=half, metadata=metadata)
    whole = decode_exr(data)[0].tobytes()
    for place in range(0, len(data), 5):
        changed = bytearray(data)
        changed[place] ^= 0x11
        try:
            pixels, channels, said = decode_exr(bytes(changed))
        except CorruptObject:
            continue
        # Some bytes, such as the aspect ratio of a pixel, say nothing about the picture.
        assert (pixels.tobytes(), channels, said) == (whole, names, metadata)


@pytest.mark.parametrize("end", [0, 4, 100, -100, -1])
def test_a_truncated_exr_is_refused(end: int) -> None:
    data = encode_exr(plain((40, 40, 4)), "RGBA", half=False, metadata={})
    with pytest.raises(CorruptObject, match=r"'0001.exr'.*Delete it and render its frame again"):
        decode_exr(data[:end], key="0001.exr")


def test_what_is_no_exr_of_ours_is_refused() -> None:
    with pytest.raises(CorruptObject):
        decode_exr(encode_png(plain(), bits=8, view=View.SRGB))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    pixels = plain()
    pixels[2, 3, 1] = value
    with pytest.raises(StoreError, match="1 of the picture's pixels"):
        encode_exr(pixels, "RGBA", half=True, metadata={})
    with pytest.raises(StoreError, match="1 of the picture's pixels"):
        encode_png(pixels, bits=16, view=View.SRGB)
    assert encode_preview(pixels, max_px=4, view=View.SRGB)


def test_channels_must_fit() -> None:
    for names in ("RGB", "RGBB"):
        with pytest.raises(ValueError, match="distinct channel names"):
            encode_exr(plain(), names, half=True, metadata={})


@pytest.mark.parametrize(("bits", "levels"), [(8, 255), (16, 65535)])
@pytest.mark.parametrize("view", list(View))
def test_png_shows_the_view(tmp_path: Path, bits: Any, levels: int, view: View) -> None:
    pixels = plain((33, 18, 3)) * 1.5
    data = encode_png(pixels, bits=bits, view=view, exposure_stops=-0.5)
    shown, tags = read_png(data, tmp_path)
    expected = apply_view(pixels, view, exposure_stops=-0.5) * levels
    assert shown.shape == pixels.shape
    assert shown.dtype.itemsize == bits // 8
    assert np.abs(shown - expected).max() <= (1.01 if bits == 8 else 0.51)
    assert tags["oiio:ColorSpace"] == ("lin_rec709_scene" if view is View.RAW else "srgb_rec709_scene")
    assert (b"sRGB" in data) == (view is not View.RAW)


def test_png_alpha_is_not_multiplied_in(tmp_path: Path) -> None:
    colour, alpha = np.array([0.8, 0.2, 0.05], np.float32), np.array([1.0, 0.5, 0.1, 0.0, -0.2, 1.3], np.float32)
    pixels = np.zeros((1, 6, 4), np.float32)
    pixels[0, :, :3] = colour * np.clip(alpha, 0, 1)[:, None]
    pixels[0, :, 3] = alpha
    shown, _ = read_png(encode_png(pixels, bits=16, view=View.SRGB), tmp_path)
    expected = apply_view(colour.reshape(1, 1, 3), View.SRGB)[0, 0] * 65535
    assert np.abs(shown[0, [0, 1, 2, 5], :3] - expected).max() <= 1
    assert shown[0, 3:5].tolist() == [[0, 0, 0, 0]] * 2
    assert shown[0, :, 3].tolist() == [65535, 32768, 6554, 0, 0, 65535]


def test_png_of_an_opaque_picture_is_rgb(tmp_path: Path) -> None:
    pixels = plain()
    pixels[..., 3] = 1 - 1e-7
    for bits in (8, 16):
        shown, _ = read_png(encode_png(pixels, bits=bits, view=View.SRGB), tmp_path)
        assert shown.shape == (5, 7, 3)


def test_png_gradients_are_dithered_but_their_mean_holds(tmp_path: Path) -> None:
    for value in (0.0, 100.25 / 255, 100.5 / 255, 101 / 255, 1.0):
        pixels = np.full((64, 64, 3), value, np.float32)
        shown, _ = read_png(encode_png(pixels, bits=8, view=View.RAW), tmp_path)
        assert abs(float(shown.mean()) - value * 255) < 0.02
        assert np.ptp(shown) == (0 if (value * 255).is_integer() else 1)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 4), (300, 200, 7)])
def test_previews_are_small(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    data = encode_preview(np.full(shape, 0.5, np.float32), max_px=100, view=View.SRGB)
    assert data[:2] == b"\xff\xd8"
    path = tmp_path / "it.jpg"
    path.write_bytes(data)
    source = OpenImageIO.ImageInput.open(str(path))
    assert source is not None
    spec = source.spec()
    pixels = source.read_image("uint8")
    assert pixels is not None
    assert max(spec.width, spec.height) == min(100, max(shape[:2]))
    assert min(spec.width, spec.height) >= 1
    assert np.abs(pixels.astype(int) - 188).max() <= 2


def test_a_full_scratch_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.image_files.gettempdir", lambda: str(tmp_path / "gone"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(StoreError, match="gone"):
        encode_png(plain(), bits=8, view=View.SRGB)
