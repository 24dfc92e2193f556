import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel

from sciadv.metrics import kernel_distance
from sciadv.metrics.kernel import squared_mmd


def draw(seed: int, n: int = 2000, d: int = 8) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_squared_mmd_matches_sklearn_kernels() -> None:
    x, y, n = draw(0, 30), draw(1, 30) + 0.3, 30
    k_xx, k_yy, k_xy = (polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    total = k_xx + k_yy - 2 * k_xy
    expected = (total.sum() - total.trace()) / (n * (n - 1))
    assert float(squared_mmd(x, y)) == pytest.approx(expected, rel=1e-10)


def test_interval_holds_zero_for_one_law_and_not_for_two() -> None:
    same = kernel_distance(draw(0), draw(1), block=200)
    other = kernel_distance(draw(0), draw(1) + 0.3, block=200)
    assert same.low < 0 < same.high
    assert other.low > 0
    assert same.n_blocks == 10


def test_a_set_has_distance_zero_from_itself() -> None:
    distance = kernel_distance(draw(0), draw(0), block=100)
    assert distance.low <= 0 <= distance.high
    assert distance.value == pytest.approx(0, abs=1e-12)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        distance = kernel_distance(draw(2 * seed, 400, 3), draw(2 * seed + 1, 400, 3), block=40, seed=seed)
        hits += distance.low < 0 < distance.high
    assert hits >= 51  # 95 % of 60 is 57; 51 is three standard deviations below


def test_same_seed_same_value() -> None:
    assert kernel_distance(draw(0), draw(1), seed=3) == kernel_distance(draw(0), draw(1), seed=3)


def test_two_rows_a_set_give_no_interval() -> None:
    assert kernel_distance(draw(0, 3), draw(1, 3)).high == float("inf")


def test_blocks_fit_the_sample_and_the_value_is_unbiased() -> None:
    found = [kernel_distance(draw(2 * k, 60, 3), draw(2 * k + 1, 90, 3), seed=k) for k in range(100)]
    values = torch.tensor([one.value for one in found])
    errors = torch.tensor([one.standard_error for one in found])
    assert {one.n_blocks for one in found} == {10}
    assert abs(float(values.mean())) < 3 * float(values.std()) / 10
    assert float(errors.square().mean().sqrt() / values.std()) == pytest.approx(1, abs=0.25)
    assert sum(one.low < 0 < one.high for one in found) >= 88  # 95 expected, standard deviation 2.2


def test_large_sets_have_blocks_of_a_thousand_rows_and_small_ones_fewer() -> None:
    assert kernel_distance(draw(0, 25_000, 2), draw(1, 25_000, 2)).rows == 1000
    assert kernel_distance(draw(0, 9, 2), draw(1, 9, 2)).n_blocks == 2


def test_of_different_numbers_of_rows_it_is_the_unbiased_formula_of_torch_fidelity() -> None:
    x, y = draw(0, 30), draw(1, 20) + 0.3
    k_xx, k_yy, k_xy = (polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    within = (k_xx.sum() - k_xx.trace()) / (30 * 29) + (k_yy.sum() - k_yy.trace()) / (20 * 19)
    assert float(squared_mmd(x, y)) == pytest.approx(within - 2 * k_xy.sum() / (30 * 20), rel=1e-10)
