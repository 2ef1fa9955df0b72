"""Noise is taken out of the whole picture: no seams, and nothing but its colours changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tasks.picture.denoise import denoise
from tasks.picture.stitch import Picture
from tasks.spec import Aov, Size, channel_names

SIZE = Size(width=128, height=96)


def clean() -> npt.NDArray[np.float32]:
    """A soft light over a floor of fine tiles in two colours."""
    y, x = np.mgrid[: SIZE.height, : SIZE.width]
    light = 0.2 + 1.5 * np.exp(-((x - 70) ** 2 + (y - 40) ** 2) / 2000)
    tint = np.where(((x // 3 + y // 3) % 2 == 0)[..., None], (0.8, 0.3, 0.2), (0.2, 0.4, 0.7))
    return np.asarray(light[..., None] * tint, np.float32)


def picture(aovs: tuple[Aov, ...] = ()) -> Picture:
    random = np.random.default_rng(1)
    channels = channel_names(aovs)
    pixels = np.ones((SIZE.height, SIZE.width, len(channels)), np.float32)
    noise = random.gamma(4.0, 0.25, size=(SIZE.height, SIZE.width, 1))
    pixels[..., :3] = clean() * noise
    pixels[..., 3] = 0.75
    if Aov.ALBEDO in aovs:
        first = channels.index("albedo.R")
        pixels[..., first : first + 3] = clean() / clean().max(axis=2, keepdims=True)
    return Picture(pixels=pixels, channels=channels, region=SIZE.whole, samples=4)


def error(pixels: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(((pixels[..., :3] - clean()) ** 2).mean()))


def jump(pixels: npt.NDArray[np.float32], column: int) -> float:
    """How far the picture jumps between two columns, against its neighbours' jumps."""
    steps = np.abs(np.diff(pixels[..., :3], axis=1)).mean(axis=(0, 2))
    around = np.concatenate([steps[column - 9 : column - 1], steps[column : column + 8]])
    return float(steps[column - 1] / around.mean())


def test_most_of_the_noise_goes_and_all_else_stays() -> None:
    noisy = picture((Aov.ALBEDO, Aov.NORMAL, Aov.DEPTH))
    before = noisy.pixels.copy()
    result = denoise(noisy)
    assert error(result.pixels) < 0.6 * error(before)
    np.testing.assert_array_equal(result.pixels[..., 3:], before[..., 3:])
    np.testing.assert_array_equal(noisy.pixels, before)
    assert result.channels == noisy.channels


def test_albedo_keeps_what_is_fine() -> None:
    with_albedo, without = (error(denoise(picture(aovs)).pixels) for aovs in ((Aov.ALBEDO,), ()))
    assert with_albedo < 0.9 * without


def test_there_is_no_seam_where_tiles_meet() -> None:
    """Tile by tile the same picture has one."""
    noisy, middle = picture(), 80
    halves = [
        denoise(
            Picture(pixels=np.ascontiguousarray(part), channels=noisy.channels, region=noisy.region, samples=4)
        ).pixels
        for part in (noisy.pixels[:, :middle], noisy.pixels[:, middle:])
    ]
    whole, tiled = jump(denoise(noisy).pixels, middle), jump(np.concatenate(halves, axis=1), middle)
    assert whole < tiled, (whole, tiled)
