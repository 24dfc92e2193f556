"""R-hat and effective sample size are ArviZ's, for whatever chains."""

import pytest
import torch

from sciadv.metrics import effective_sample_size, r_hat

array_stats = pytest.importorskip("arviz_stats.base").array_stats


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def walk(correlation, shape):
    draws = noise(*shape)
    for t in range(1, shape[2]):
        draws[:, :, t] = correlation * draws[:, :, t - 1] + (1 - correlation**2) ** 0.5 * draws[:, :, t]
    return draws


def refused(shape):
    """Return chains in which two of three moves were refused: most draws are equal to the one before."""
    draws = walk(0.7, shape)
    return draws[:, :, torch.arange(shape[2]) // 3]


CHAINS = {
    "independent": noise(2, 4, 100, 3),
    "correlated": walk(0.9, (2, 4, 200, 2)),
    "very correlated": walk(0.999, (1, 2, 100, 4)),
    "alternating": walk(-0.8, (2, 3, 101, 2)),
    "odd": walk(0.5, (1, 4, 51, 5)),
    "short": noise(3, 2, 6, 7),
    "shortest": noise(5, 2, 4, 7),
    "nearly shortest": noise(5, 3, 5, 7),
    "ten draws": walk(0.3, (4, 2, 10, 9)),
    "refused moves": refused((2, 4, 90, 3)),
    "apart": noise(1, 4, 50, 3) + 3 * torch.arange(4)[:, None, None],
    "of other spreads": noise(1, 4, 50, 3) * (1 + torch.arange(4))[:, None, None],
    "float32": walk(0.6, (2, 2, 80, 2)).float(),
}


@pytest.mark.parametrize("chains", CHAINS.values(), ids=CHAINS)
def test_numbers_are_those_of_arviz(chains):
    drawn = chains.double().numpy()
    theirs = [
        torch.as_tensor(f(drawn, chain_axis=1, draw_axis=2)) for f in (array_stats.rhat, array_stats.ess)
    ]
    for ours, reference in zip((r_hat(chains), effective_sample_size(chains)), theirs, strict=True):
        torch.testing.assert_close(ours, reference.double(), rtol=1e-9, atol=1e-9)


def test_chains_that_never_moved_disagree_and_one_value_says_nothing():
    stuck = torch.arange(3.0)[None, :, None, None].expand(1, 3, 20, 1)
    assert float(r_hat(stuck)) == float("inf")
    assert float(r_hat(torch.ones(1, 3, 20, 1))) == 1.0
    assert float(effective_sample_size(torch.ones(1, 3, 20, 1))) == 60.0
