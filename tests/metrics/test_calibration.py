"""Coverage, probability transform and variance ratio against laws whose answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sciadv.errors import InputError
from sciadv.metrics import calibration, interval, probability_transform


def draws(*, spread: float = 1.0, n: int = 400, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(200, n, 20, generator=generator), torch.randn(200, 20, generator=generator)


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_coverage_and_variance_ratio_are_those_of_the_normal_law(spread):
    found = calibration(*draws(spread=spread))
    half_width = spread * stats.norm.ppf(0.95)
    assert found.coverage == pytest.approx(2 * stats.norm.cdf(half_width) - 1, abs=0.02)
    assert found.variance_ratio == pytest.approx(1 / spread**2, rel=0.06)
    assert found.n_values == 4000


def test_transform_is_uniform_when_calibrated_and_not_when_too_narrow():
    assert stats.kstest(probability_transform(*draws()).numpy(), "uniform").pvalue > 0.01
    assert stats.kstest(probability_transform(*draws(spread=0.7)).numpy(), "uniform").pvalue < 1e-6


def test_ties_count_half():
    samples, truth = torch.zeros(1, 9, 1), torch.zeros(1, 1)
    assert probability_transform(samples, truth).item() == pytest.approx(0.5)


@given(st.floats(0.05, 0.99), st.integers(2, 60))
@settings(max_examples=25)
def test_interval_is_numpys_quantile(level, n):
    samples = torch.randn(2, n, 3, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    low, high = interval(samples, level)
    expected = np.quantile(samples.numpy(), [(1 - level) / 2, (1 + level) / 2], axis=1)
    assert np.allclose(torch.stack([low, high]), expected)


def test_a_mask_chooses_the_values_and_an_empty_one_is_refused():
    samples, truth = draws()
    mask = torch.zeros(20, dtype=torch.bool)
    with pytest.raises(InputError, match="leaves no value"):
        calibration(samples, truth, mask=mask)
    mask[3] = True
    assert calibration(samples, truth, mask=mask).n_values == 200


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="samples have shape"):
        calibration(torch.zeros(2, 5, 3), torch.zeros(2, 4))
    with pytest.raises(InputError, match="between 0 and 1"):
        interval(torch.zeros(2, 5, 3), 1.0)
