"""Periods, amplitudes and duties of oscillations against closed forms: waves, damping, pulses, noise."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.physics.dynamics.oscillations import measure_oscillations

TIMES = 0.5 * torch.arange(400, dtype=torch.float64)


def sine(period: float, phase: float = 0.0, decay: float = 0.0) -> torch.Tensor:
    """Return ``5 + 2 exp(-decay t / period) sin``."""
    return 5 + 2 * (-decay * TIMES / period).exp() * (2 * math.pi * TIMES / period + phase).sin()


@settings(max_examples=30, deadline=None)
@given(period=st.floats(5, 40), phase=st.floats(0, 6))
def test_a_sine_is_measured_finer_than_its_samples(period, phase):
    found = measure_oscillations(sine(period, phase), spacing=0.5)
    assert float(found.period) == pytest.approx(period, rel=1e-4)
    assert float(found.period_scatter) < 1e-3
    assert float(found.amplitude) == pytest.approx(4, rel=5e-4)
    assert float(found.duty) == pytest.approx(0.5, abs=2e-3)
    assert abs(float(found.growth)) < 1e-3
    assert int(found.n_cycles) in (math.floor(199.5 / period), math.floor(199.5 / period) - 1)
    assert bool(found.is_settled())


@settings(max_examples=20, deadline=None)
@given(decay=st.floats(0.05, 0.4), period=st.floats(6, 20))
def test_a_damped_sine_is_not_settled_and_its_decay_is_found(decay, period):
    found = measure_oscillations(sine(period, decay=decay), spacing=0.5)
    assert float(found.growth) == pytest.approx(-decay, rel=0.1)
    assert not bool(found.is_settled())


def test_amplitudes_that_grow_count_as_settled():
    assert bool(measure_oscillations(sine(10.0, decay=-0.03), spacing=0.5).is_settled())


def test_a_wave_of_two_peaks_is_one_period():
    part = (TIMES / 11.1) % 1
    wave = torch.exp(-(((part - 0.3) / 0.06) ** 2)) + 0.8 * torch.exp(-(((part - 0.75) / 0.08) ** 2))
    found = measure_oscillations(wave, spacing=0.5)
    assert float(found.period) == pytest.approx(11.1, rel=1e-3)
    assert int(found.n_rises) == 2
    assert float(found.amplitude) == pytest.approx(1, abs=0.01)


def test_a_train_of_pulses_has_its_duty():
    part = (TIMES / 20) % 1
    pulses = torch.sigmoid(60 * (part - 0.2)) * torch.sigmoid(60 * (0.5 - part))
    found = measure_oscillations(pulses, spacing=0.5)
    assert float(found.period) == pytest.approx(20, rel=1e-6)
    assert float(found.duty) == pytest.approx(0.3, abs=0.01)


def test_ripples_are_no_cycles():
    ripples = 0.1 * (2 * math.pi * TIMES / 1.7).sin()
    found = measure_oscillations(sine(16.0) + ripples, spacing=0.5, hysteresis=0.2)
    assert float(found.period) == pytest.approx(16, rel=0.02)
    assert int(found.n_rises) == 1


def test_noise_shows_in_the_scatter():
    generator = torch.Generator().manual_seed(0)
    rate = 1 + 0.5 * torch.randn(400, generator=generator, dtype=torch.float64)
    drifting = (2 * math.pi * 0.5 * rate.cumsum(0) / 10).sin()
    found = measure_oscillations(drifting, spacing=0.5)
    assert 0.03 < float(found.period_scatter) < 0.3
    assert not bool(found.is_settled())


@pytest.mark.parametrize("series", [torch.ones(50), (TIMES > 60).double(), (-TIMES).exp()])
def test_what_does_not_oscillate_has_no_period(series):
    found = measure_oscillations(series, spacing=0.5)
    assert int(found.n_cycles) == 0
    assert bool(found.period.isnan())
    assert not bool(found.is_settled())


def test_series_are_measured_one_by_one():
    waves = torch.stack([sine(7.0), sine(13.0, decay=0.1), torch.ones(400).double()], 1)
    together = measure_oscillations(waves.reshape(400, 3, 1), spacing=0.5)
    assert together.period.shape == (3, 1)
    for i in range(3):
        alone = measure_oscillations(waves[:, i], spacing=0.5)
        for name in ("period", "period_scatter", "amplitude", "growth", "duty"):
            torch.testing.assert_close(getattr(together, name)[i, 0], getattr(alone, name), equal_nan=True)


@pytest.mark.parametrize(
    ("levels", "arguments", "words"),
    [
        (torch.ones(3), {"spacing": 1.0}, "at least four samples"),
        (torch.full((9,), torch.nan), {"spacing": 1.0}, "NaN or Inf"),
        (torch.ones(9), {"spacing": 0.0}, "spacing > 0"),
        (torch.ones(9), {"spacing": 1.0, "hysteresis": 1.0}, "hysteresis < 1"),
        (torch.ones(9), {"spacing": 1.0, "most_rises": 0}, "most_rises >= 1"),
    ],
)
def test_bad_input_is_refused_in_words(levels, arguments, words):
    with pytest.raises(InputError, match=words):
        measure_oscillations(levels, **arguments)
