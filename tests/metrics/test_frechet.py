import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from sciadv.errors import InputError
from sciadv.metrics import effective_rank, frechet_distance, frechet_from_moments


def draw(seed: int, n: int, d: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_closed_form_of_two_gaussians() -> None:
    mean, eye = torch.zeros(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    shifted = mean.clone()
    shifted[0] = 1
    assert frechet_from_moments(mean, eye, shifted, 4 * eye) == pytest.approx(5.0, abs=1e-12)


def test_samples_reach_the_closed_form() -> None:
    fake = 2 * draw(1, 40_000, 4) + torch.tensor([1.0, 0, 0, 0])
    assert frechet_distance(draw(0, 40_000, 4), fake) == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize("n", [200, 6])  # 6 samples of 8 features: singular covariances
def test_matches_scipy_sqrtm(n: int) -> None:
    mixing = draw(2, 8, 8)
    x, y = draw(0, n, 8) @ mixing, draw(1, n, 8) + 0.5
    covariance_x, covariance_y = np.cov(x.numpy().T), np.cov(y.numpy().T)
    root = np.real(sqrtm(covariance_x @ covariance_y + 1e-14 * np.eye(8)))
    expected = float((x.mean(0) - y.mean(0)).square().sum()) + np.trace(
        covariance_x + covariance_y - 2 * root
    )
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-4)


def test_same_set_has_distance_zero_and_order_does_not_matter() -> None:
    x, y = draw(0, 50, 5), draw(1, 60, 5)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), abs=1e-10)


def test_one_feature_is_allowed() -> None:
    assert frechet_distance(draw(0, 50, 1), draw(0, 50, 1) + 3) == pytest.approx(9.0)


def test_effective_rank_counts_directions() -> None:
    x = draw(0, 5000, 6)
    assert effective_rank(x) == pytest.approx(6, abs=0.02)
    assert effective_rank(x * torch.tensor([1.0, 1, 1, 0, 0, 0])) == pytest.approx(3, abs=0.02)
    assert effective_rank(torch.full((10, 6), 0.3)) == 0.0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (torch.zeros(1, 3), "n >= 2"),
        (torch.zeros(5, 4), "differ in length"),
        (torch.full((5, 3), torch.nan), "NaN or Inf"),
    ],
)
def test_bad_features_are_refused(bad: torch.Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        frechet_distance(torch.zeros(5, 3), bad)
