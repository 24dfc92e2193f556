import math

import pytest
import torch

from sciadv.errors import InputError
from sciadv.physics.rough.half_space import wave_numbers
from sciadv.physics.rough.self_affine import (
    SelfAffine,
    largest_slope,
    levelled,
    root_mean_square,
    root_mean_square_slope,
    self_affine_surfaces,
)

SPACING = 0.5
SPECTRUM = {"hurst": 0.7, "roll_off": 0.4, "cut_off": 3.0}


def draw(shape, n, *, seed, **settings):
    roughness = SelfAffine(**(SPECTRUM | settings))
    return self_affine_surfaces(shape, roughness, n=n, spacing=SPACING, seed=seed)


@pytest.mark.parametrize("shape", [(1024,), (96, 64)])
def test_surfaces_have_the_asked_height_or_slope_and_are_seeded(shape):
    high = draw(shape, 3, seed=1, rms_height=2.0)
    torch.testing.assert_close(root_mean_square(high), torch.full((3,), 2.0, dtype=torch.float64))
    steep = draw(shape, 3, seed=1, rms_slope=0.1)
    torch.testing.assert_close(root_mean_square_slope(steep, 0.5), torch.full((3,), 0.1, dtype=torch.float64))
    assert torch.equal(steep, draw(shape, 3, seed=1, rms_slope=0.1))
    assert not torch.equal(steep, draw(shape, 3, seed=2, rms_slope=0.1))


def test_the_spectrum_falls_with_hursts_power_between_roll_off_and_cut_off():
    height = draw((256, 256), 8, seed=0, rms_height=1.0)
    power = torch.fft.rfft2(height).abs().square().mean(0)
    q = wave_numbers((256, 256), 0.5)

    def mean_power(low, high):
        return float(power[(q > low) & (q < high)].mean())

    assert mean_power(3.05, 9) <= 1e-20 * mean_power(2.5, 3)
    fall = math.log(mean_power(2.0, 2.1) / mean_power(1.0, 1.05)) / math.log(2)
    assert fall == pytest.approx(-2 - 2 * 0.7, abs=0.15)
    assert mean_power(0.05, 0.2) == pytest.approx(mean_power(0.2, 0.39), rel=0.2)


def test_slopes_of_a_wave_are_those_of_calculus():
    x = torch.arange(256, dtype=torch.float64) / 256
    wave = 0.01 * torch.cos(2 * math.pi * x).expand(1, 256, 256)
    assert float(root_mean_square_slope(wave, 1 / 256)) == pytest.approx(math.sqrt(2) * math.pi * 0.01)
    assert float(largest_slope(wave, 1 / 256)) == pytest.approx(2 * math.pi * 0.01, rel=1e-3)


def test_levelling_takes_the_plane_and_nothing_else():
    height = draw((32, 48), 2, seed=0, rms_height=1.0)
    plane = 3 + 0.2 * torch.arange(32.0)[:, None] - 0.7 * torch.arange(48.0)
    torch.testing.assert_close(levelled(height + plane), levelled(height), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rms_slope": 1.0}, "give rms_height or rms_slope, one of both"),
        ({"hurst": 1.5}, "Hurst's exponent lies from 0 to 1"),
        ({"roll_off": 4.0}, "the roll-off from above 0 to the cut-off"),
        ({"roll_off": 0.1, "cut_off": 0.15}, "no wave of the grid lies below the cut-off 0.15"),
    ],
)
def test_spectra_that_cannot_be_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        draw((64,), 1, seed=0, **({"rms_height": 1.0} | changes))
