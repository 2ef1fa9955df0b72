"""The noise of a picture is what its passes say it is: right for noise that is known, the same for any cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import BadTile
from tasks.picture.noise import gather, gather_pass, noise, samples_for
from tasks.spec import FrameSpec, Region, Tile
from tests.picture.tiles import cropped, frame_of, guillotine_cuts, passes_of, tile_of

FRAME = frame_of(160, 90, aovs=())
WHOLE = FRAME.size.whole
LADDER = passes_of(0, 16, 32, 64, 96, 128)


def layers(
    frame: FrameSpec, level: float, sigma: float, *, edges: tuple[int, ...] = (0, 16, 32, 64, 96, 128), seed: int = 1
) -> list[Tile]:
    """Whole passes whose every sample has this mean and this standard deviation."""
    random = np.random.default_rng(seed)
    shape = (frame.size.height, frame.size.width, 4)
    tiles = []
    for samples in passes_of(*edges):
        n = samples.count
        sums = random.normal(level * n, sigma * np.sqrt(n), shape).astype(np.float32)
        sums[..., 3] = n
        tiles.append(tile_of(frame, frame.size.whole, samples, sums))
    return tiles


@pytest.mark.parametrize("sigma", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("level", [1.0, 250.0])
@pytest.mark.parametrize("edges", [(0, 64, 128), (0, 16, 32, 64, 96, 128), tuple(range(0, 129, 4))])
def test_noise_that_is_known_is_found(sigma: float, level: float, edges: tuple[int, ...]) -> None:
    found = noise(gather(None, layers(FRAME, level, sigma * level, edges=edges), WHOLE))
    assert found == pytest.approx(sigma / np.sqrt(128), rel=0.03)


def test_a_quarter_of_the_noise_takes_sixteen_times_the_samples() -> None:
    tiles = layers(FRAME, 1.0, 1.0, edges=(0, 16, 32, 512))
    early, late = noise(gather(None, tiles[:2], WHOLE)), noise(gather(None, tiles, WHOLE))
    assert early is not None
    assert late == pytest.approx(early / 4, rel=0.03)
    assert samples_for(early / 4, noise=early, samples=32) == pytest.approx(512)


def test_one_pass_says_nothing_and_a_picture_without_noise_has_none() -> None:
    assert noise(gather(None, layers(FRAME, 1.0, 1.0)[:1], WHOLE)) is None
    assert noise(gather(None, layers(FRAME, 1.0, 0.0), WHOLE)) == pytest.approx(0.0, abs=1e-6)
    assert noise(gather(None, layers(FRAME, 0.0, 0.0), WHOLE)) == 0.0


def test_lamps_and_darkness_do_not_decide() -> None:
    tiles = layers(FRAME, 1.0, 0.5)
    plain = noise(gather(None, tiles, WHOLE))
    assert plain is not None
    lamps, dark = [], []
    for tile in tiles:
        sums = tile.sums.copy()
        sums[10:20, 10:20, :3] *= 1e5  # a lamp, as noisy relative to its light as the rest
        lamps.append(tile_of(FRAME, WHOLE, tile.samples, sums))
        sums = tile.sums.copy()
        sums[:45, :, :3] = 0  # nothing there
        dark.append(tile_of(FRAME, WHOLE, tile.samples, sums))
    assert noise(gather(None, lamps, WHOLE)) == pytest.approx(plain, rel=0.02)
    assert noise(gather(None, dark, WHOLE)) == pytest.approx(plain, rel=0.02)


def test_noise_in_dark_parts_counts_as_little_as_it_is_seen() -> None:
    tiles = []
    for bright, shade in zip(layers(FRAME, 1.0, 0.5), layers(FRAME, 0.01, 0.005, seed=2), strict=True):
        sums = bright.sums.copy()
        sums[:30] = shade.sums[:30]
        tiles.append(tile_of(FRAME, WHOLE, bright.samples, sums))
    plain = noise(gather(None, layers(FRAME, 1.0, 0.5), WHOLE))
    assert plain is not None
    assert noise(gather(None, tiles, WHOLE)) == pytest.approx(plain * np.sqrt(2 / 3), rel=0.03)


@settings(max_examples=30)
@given(data=st.data())
def test_however_passes_are_cut_and_gathered_the_noise_is_the_same_figure(data: st.DataObject) -> None:
    frame = frame_of(24, 16, aovs=())
    whole = frame.size.whole
    tiles = layers(frame, 1.0, 1.0)
    moments = None
    for tile in tiles:
        cut = [
            tile_of(frame, region, tile.samples, cropped(tile.sums, region, whole))
            for region in data.draw(guillotine_cuts(whole))
        ]
        moments = gather_pass(moments, data.draw(st.permutations(cut)), whole)
    assert moments is not None
    at_once = gather(None, data.draw(st.permutations(tiles)), whole)
    assert noise(moments) == noise(at_once)
    assert moments.means.tobytes() == at_once.means.tobytes()
    mean = np.sum([tile.sums.astype(np.float64) for tile in tiles], axis=0) / 128
    np.testing.assert_allclose(at_once.means, mean[..., :4], rtol=1e-5, atol=1e-6)


def test_what_was_gathered_before_is_left_as_it_was() -> None:
    tiles = layers(FRAME, 1.0, 1.0)
    before = gather(None, tiles[:2], WHOLE)
    figure = noise(before)
    gather(before, tiles[2:], WHOLE)
    assert noise(before) == figure


def test_a_pass_that_lacks_pixels_is_not_measured() -> None:
    part = Region(x0=0, y0=0, x1=100, y1=90)
    first, second = layers(FRAME, 1.0, 1.0)[:2]
    some = tile_of(FRAME, part, second.samples, cropped(second.sums, part, WHOLE))
    with pytest.raises(BadTile, match="lacks pixels"):
        gather_pass(gather(None, [first], WHOLE), [some], WHOLE)


def test_the_true_error_is_what_is_said_of_it() -> None:
    """Noise of many sizes at once: what is estimated without the truth is the error against the truth."""
    random = np.random.default_rng(3)
    shape = (90, 160, 3)
    truth = 10.0 ** random.uniform(-2, 2, shape[:2])[..., None] * np.ones(3)
    spread = truth * random.uniform(0.1, 3, (90, 160, 1))
    tiles, total = [], np.zeros(shape)
    for samples in LADDER:
        n = samples.count
        # Light comes in rare bright samples: a gamma distribution is as skewed as that.
        own = random.gamma(n * (truth / spread) ** 2, spread**2 / truth)
        total += own
        tiles.append(tile_of(FRAME, WHOLE, samples, np.dstack([own, np.full((90, 160), n)]).astype(np.float32)))
    mean = total / 128
    brightness = mean.mean(-1)
    reference = np.maximum(brightness, np.median(brightness))
    true = np.sqrt((((mean - truth) ** 2).mean(-1) / reference**2).mean())
    assert noise(gather(None, tiles, WHOLE)) == pytest.approx(true, rel=0.05)
