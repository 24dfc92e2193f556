"""Wasserstein-1 against SciPy, closed forms and translations."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from sciadv.errors import InputError
from sciadv.metrics import sliced_wasserstein, wasserstein_1


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 31), (1, 7)])
def test_it_is_that_of_scipy(n: int, m: int) -> None:
    x, y = draw(0, n, 3), 0.5 * draw(1, m, 3) + 1
    expected = [wasserstein_distance(x[:, i], y[:, i]) for i in range(3)]
    assert wasserstein_1(x, y).tolist() == pytest.approx(expected, rel=1e-12)


def test_of_two_normal_distributions_it_is_the_closed_form() -> None:
    # N(0, 1) and N(0, 3^2): W1 = (3 - 1) E|u| = 2 sqrt(2 / pi)
    x, y = draw(0, 200_000), 3 * draw(1, 200_000)
    assert float(wasserstein_1(x, y)) == pytest.approx(2 * math.sqrt(2 / math.pi), rel=0.01)


@pytest.mark.parametrize("d", [2, 3, 20])
def test_a_translation_has_the_mean_of_a_coordinate_of_the_sphere(d: int) -> None:
    # E|u_1| on the sphere of d dimensions is Gamma(d/2) / (sqrt(pi) Gamma((d + 1)/2))
    mean = math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)
    x = draw(2, 50, d)
    shift = torch.nn.functional.one_hot(torch.tensor(0), d) * 4.0
    found = sliced_wasserstein(x, x + shift, n_directions=4000)
    assert abs(found.value - 4 * mean) < 4 * found.standard_error
    assert found.greatest <= 4.0


def test_in_one_dimension_slices_are_exact() -> None:
    x, y = draw(3, 30), draw(4, 20)
    assert sliced_wasserstein(x, y).value == pytest.approx(wasserstein_distance(x, y), rel=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 4), "one shape"),
        (torch.zeros(0), torch.zeros(3), "one shape"),
        (torch.tensor([float("nan")]), torch.zeros(3), "NaN"),
    ],
    ids=["shapes", "none", "NaN"],
)
def test_what_cannot_be_compared_is_refused(x, y, words) -> None:
    with pytest.raises(InputError, match=words):
        wasserstein_1(x, y)
