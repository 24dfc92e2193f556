import math

import pytest
import torch

from sciadv.nets.bounded.exact_mean import with_volume
from sciadv.physics.continuum.density_filter import cone_filter, filtered_sensitivity


def field(batch, height, width, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, height, width, generator=generator, dtype=torch.float64)


def weighted_mean(values, row, column, radius):
    total = weight = 0.0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            w = max(0.0, radius - math.hypot(i - row, j - column))
            weight += w
            total += w * float(values[i, j])
    return total / weight


@pytest.mark.parametrize("radius", [1.0, 1.5, 2.4, 4.0])
def test_filter_is_the_weighted_mean(radius):
    x = field(2, 6, 7)
    got = cone_filter(x, radius)
    for row, column in ((0, 0), (3, 4), (5, 6)):
        expected = weighted_mean(x[1], row, column, radius)
        assert float(got[1, row, column]) == pytest.approx(expected, rel=1e-12)


def test_sensitivity_filter_is_sigmunds():
    x = field(1, 5, 6)
    slope = -field(1, 5, 6, seed=1)
    got = filtered_sensitivity(x, slope, 2.0)
    expected = weighted_mean(x[0] * slope[0], 2, 3, 2.0) / float(x[0, 2, 3])
    assert float(got[0, 2, 3]) == pytest.approx(expected, rel=1e-12)


def test_volume_is_exact_for_each_field():
    wanted = torch.tensor([0.15, 0.5, 0.85], dtype=torch.float64)
    logits = 20 * (field(3, 8, 9) - 0.5)
    got = with_volume(logits, wanted)
    torch.testing.assert_close(got.mean((1, 2)), wanted, atol=1e-14, rtol=0)
    assert bool((got.flatten(1).argsort(1) == logits.flatten(1).argsort(1)).all())


def test_volume_keeps_its_gradient_in_both_modes():
    logits = (4 * field(2, 3, 4)).requires_grad_()
    wanted = torch.tensor([0.3, 0.6], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: with_volume(x, wanted), logits, check_forward_ad=True)
    (slope,) = torch.autograd.grad(with_volume(logits, wanted).mean(), logits)
    assert float(slope.abs().max()) < 1e-12
