"""Linear estimates of stationary images against dense ones."""

from __future__ import annotations

import pytest
import torch

from sciadv.data.stationary import StationaryField, stationary_of
from sciadv.trainings.autoencoder.stationary_estimates import EstimateRanges, StationaryEstimates

SMOOTH = torch.nn.functional.avg_pool2d(
    torch.rand(60, 1, 18, 18, generator=torch.Generator().manual_seed(0)), 3, 1
)


def test_a_masks_estimate_is_the_dense_one() -> None:
    statistics = stationary_of(SMOOTH, longest=4)
    made = StationaryEstimates(statistics, EstimateRanges(shown=(0.3, 0.3), noise=(0.1, 0.1)))
    centred = SMOOTH[:5] - statistics.mean
    draw = torch.Generator().manual_seed(1)
    found = made._masked(centred, 0.1, 0.3, draw)
    again = torch.Generator().manual_seed(1)
    shown = torch.randperm(256, generator=again)[:77]
    variance = float(statistics.variance)
    y = centred.flatten(1)[:, shown] + 0.1 * variance**0.5 * torch.randn(5, 77, generator=again)
    field = StationaryField(statistics, (1, 16, 16), dtype=torch.float64)
    C = field.times(torch.eye(256, dtype=torch.float64).reshape(256, 1, 16, 16)).reshape(256, 256)
    inner = C[shown][:, shown] + 0.01 * variance * torch.eye(77)
    expected = (C[:, shown] @ torch.linalg.solve(inner, y.double().T)).T.reshape(5, 1, 16, 16)
    torch.testing.assert_close(found, expected.float(), atol=2e-3, rtol=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_every_operator_leaves_less_error_than_the_mean(seed: int) -> None:
    made = StationaryEstimates(stationary_of(SMOOTH, longest=4), EstimateRanges(noise=(0.01, 0.1)))
    estimate = made(SMOOTH, torch.Generator().manual_seed(seed))
    assert estimate.shape == SMOOTH.shape
    assert float((estimate - SMOOTH).square().mean()) < 0.98 * float(SMOOTH.var())


def test_signals_and_volumes_are_estimated_too() -> None:
    for shape in ((4, 1, 24), (2, 1, 8, 8, 8)):
        x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        made = StationaryEstimates(stationary_of(x, longest=3))
        for seed in range(5):
            assert made(x, torch.Generator().manual_seed(seed)).shape == x.shape
