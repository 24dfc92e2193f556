"""What a card says of how useful a prior is."""

from __future__ import annotations

import pytest
import torch

import sciadv
from sciadv.data.image_data import own_data
from sciadv.data.moments import Moments
from sciadv.recipes.images.usefulness import (
    Trial,
    UsefulnessRule,
    components,
    try_prior,
    usefulness_sentence,
    usefulness_table,
)


def trial(m: int, gain: float) -> Trial:
    linear = torch.tensor([1.0, 1.2, 0.9, 1.1])
    auto = linear - gain + torch.tensor([0.01, -0.01, 0.02, -0.02])
    return Trial(f"m = {m}", m, True, {"auto": auto, "lmmse": linear, "tv": None})


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((0.5, 0.4, 0.3), "better than the best linear estimate wherever it was tried, up to m = 30"),
        ((0.5, 0.4, -0.1), "no better than the best linear estimate from m = 30 on"),
        ((0.5, 0.0, -0.1), "no better than the best linear estimate from m = 20 on"),
        ((-0.1, -0.1, -0.1), "no better than the best linear estimate at any number"),
        ((0.5, -0.1, 0.3), "no better than the best linear estimate at m = 20"),
    ],
)
def test_the_sentence_says_where_the_prior_helps(gains, words) -> None:
    trials = tuple(trial(m, gain) for m, gain in zip((10, 20, 30), gains, strict=True))
    assert words in usefulness_sentence(trials)
    table = usefulness_table(trials)
    assert "lmmse" in table
    assert "tv" not in table  # it never applied


def test_a_linear_generator_is_as_good_as_the_linear_estimate() -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 3)
    net = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    net[0].weight.data, net[0].bias.data = weight, torch.zeros(64)
    prior = sciadv.Prior(net, 3, moments=Moments(torch.zeros(1, 8, 8), weight @ weight.T))
    data = own_data(prior.sample(60, seed=3)[:, 0].numpy())
    trials = try_prior(prior, data, rule=UsefulnessRule(n_images=4, tv_iterations=5))
    assert len(trials) == 3
    for each in trials:
        assert each.errors["auto"] is not None
        assert each.errors["lmmse"] is not None
        assert float(each.errors["auto"].mean()) < 2 * float(each.errors["lmmse"].mean()) + 1e-3


def test_principal_components_keep_the_variance() -> None:
    covariance = torch.diag(torch.tensor([5.0, 1.0, 3.0, 1.0]))
    found = components(Moments(torch.zeros(4), covariance), 2).covariance
    assert torch.allclose(found.trace(), covariance.trace())
    assert torch.allclose(found, components(Moments(torch.zeros(4), found), 2).covariance, atol=1e-5)
