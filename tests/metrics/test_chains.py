"""R-hat and effective sample size against chains whose mixing is known in closed form."""

import pytest
import torch

from sciadv.errors import InputError
from sciadv.metrics import effective_sample_size, r_hat


def autoregressive(correlation: float, *, n_chains: int = 4, n_draws: int = 4000, seed: int = 0):
    draws = torch.randn(1, n_chains, n_draws, 1, generator=torch.Generator().manual_seed(seed))
    chain = draws.clone()
    for t in range(1, n_draws):
        step = (1 - correlation**2) ** 0.5 * draws[:, :, t]
        chain[:, :, t] = correlation * chain[:, :, t - 1] + step
    return chain


@pytest.mark.parametrize("correlation", [-0.3, 0.0, 0.5, 0.9])
def test_effective_sample_size_of_an_autoregressive_chain_is_the_closed_form(correlation):
    measured = float(effective_sample_size(autoregressive(correlation)))
    expected = 16000 * (1 - correlation) / (1 + correlation)
    assert measured == pytest.approx(expected, rel=0.15)


def test_r_hat_is_one_for_chains_of_one_law_and_not_for_others():
    same = autoregressive(0.5)
    assert float(r_hat(same)) < 1.01
    shifted, wider = same.clone(), same.clone()
    shifted[:, 0] += 1.0
    wider[:, 0] *= 3.0
    drifting = same + torch.linspace(0, 2, same.shape[2])[:, None]
    assert all(float(r_hat(bad)) > 1.05 for bad in (shifted, wider, drifting))


def test_r_hat_of_shifted_chains_is_the_closed_form_of_gelman_and_rubin():
    # normal scores of two far apart halves of the draws: |score| has mean and variance in closed form
    draws = autoregressive(0.0, n_chains=2)
    draws[:, 1] += 1000.0
    between, within = 2 * (2 / torch.pi) * 2 / 3, 1 - 2 / torch.pi  # four split chains, two at each mean
    assert float(r_hat(draws)) == pytest.approx((1 + between / within) ** 0.5, rel=0.02)


def test_numbers_are_per_measurement_and_parameter():
    chains = torch.cat([autoregressive(0.9), autoregressive(0.0)], dim=3).expand(3, -1, -1, -1)
    assert r_hat(chains).shape == effective_sample_size(chains).shape == (3, 2)
    assert bool((effective_sample_size(chains)[:, 0] < effective_sample_size(chains)[:, 1]).all())


def test_chains_of_another_shape_are_refused():
    with pytest.raises(InputError, match="at least 4 draws"):
        r_hat(torch.zeros(1, 2, 3, 1))


def test_chains_of_one_median_and_other_spreads_are_told_by_the_fold():
    """Ranks alone see no difference: only distances from the median do."""
    chains = autoregressive(0.0)
    chains[:, :2] *= 5.0
    chains = torch.cat([chains, -chains], 2)  # every chain's median is 0
    assert float(r_hat(chains)) > 1.1


def test_normal_scores_are_those_of_blom():
    from sciadv.metrics.chains import _scores

    scores = _scores(torch.tensor([3.0, 1.0, 2.0]).reshape(1, 1, 3, 1)).flatten()
    expected = torch.special.ndtri((torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64) - 0.375) / 3.25)
    torch.testing.assert_close(scores, expected)


def test_r_hat_counts_the_draws_of_a_split_chain():
    """With few draws the factor (n - 1) / n is seen: chains of equal means have an R-hat below 1."""
    draws = torch.tensor([1.0, 2.0, 3.0, 4.0]).repeat(2).reshape(1, 1, 8, 1)
    assert float(r_hat(draws)) < 1.0
