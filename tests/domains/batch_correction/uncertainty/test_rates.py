"""The model of counts finds what made them, and its posterior covers counts that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sciadv
from sciadv.domains.batch_correction.uncertainty.count_model import CountModel, CountSettings
from sciadv.domains.batch_correction.uncertainty.count_problem import OwnCounts, count_problem
from sciadv.domains.batch_correction.uncertainty.count_regression import CountRegression, overdispersion
from sciadv.domains.batch_correction.uncertainty.rates import Rates, solve_rates
from sciadv.testing import check_forward

PHI = 0.3


@pytest.fixture(scope="module")
def drawn():
    """Counts drawn from the model's own kind: two latents, two batches, an overdispersion of 0.3."""
    rng = np.random.default_rng(0)
    n_cells, n_genes = 300, 60
    z = rng.normal(size=(n_cells, 2))
    batch = np.arange(n_cells) % 2
    loadings = rng.normal(0, 0.5, (2, n_genes))
    of_batch = rng.normal(0, 0.4, (1, n_genes)) * np.array([[0.5], [-0.5]])
    share = np.exp(rng.normal(-4, 1, n_genes) + z @ loadings + of_batch[batch])
    depth = rng.lognormal(np.log(800), 0.4, n_cells)
    rate = depth[:, None] * share * rng.gamma(1 / PHI, PHI, (n_cells, n_genes))
    seen, again = rng.poisson(rate), rng.poisson(rate)
    return z, batch, of_batch, seen.astype(np.float32), again.astype(np.float32)


@pytest.fixture(scope="module")
def model(drawn) -> CountModel:
    z, batch, _, seen, _ = drawn
    return CountModel.fit(seen, z, batch, 2, settings=CountSettings(), seed=0)


def test_regression_finds_the_coefficients_of_poisson_counts() -> None:
    rng = np.random.default_rng(1)
    design = np.concatenate([np.ones((2000, 1)), rng.normal(size=(2000, 2))], 1)
    truth = rng.normal(0, 0.4, (3, 5))
    depth = np.full((2000, 1), 3.0)
    counts = rng.poisson(depth * np.exp(design @ truth)).astype(float)
    regression = CountRegression(design, counts, depth, np.full(3, np.inf))
    np.testing.assert_allclose(regression.solve(np.zeros((3, 5)), 0.0), truth, atol=0.08)


@pytest.mark.parametrize("phi", [0.05, 0.5, 2.0])
def test_overdispersion_is_found_for_genes_that_have_counts(phi) -> None:
    rng = np.random.default_rng(2)
    mean = np.full((3000, 6), 5.0)
    counts = rng.poisson(mean * rng.gamma(1 / phi, phi, mean.shape)).astype(float)
    np.testing.assert_allclose(overdispersion(counts, mean), phi, rtol=0.2)


def test_the_parts_of_batches_are_found(model, drawn) -> None:
    *_, of_batch, seen, _ = drawn
    many = seen.mean(0) > 3
    found = model.of_batch[0] - model.of_batch[1]
    assert np.corrcoef(found[many], (of_batch[0] - of_batch[1])[many])[0, 1] > 0.9
    assert np.median(model.overdispersion[many]) == pytest.approx(PHI, rel=0.25)


def test_the_own_row_is_a_forward_operator() -> None:
    check_forward(OwnCounts((3, 20)))


def test_the_answer_explains_the_counts_and_rows_differ_by_the_batches_parts(model, drawn) -> None:
    seen = drawn[3]
    problem = count_problem(model, torch.as_tensor(seen[:10:2]), own=0, others=(1,))
    solution = sciadv.solve(problem, "levenberg-marquardt")
    assert float(solution.misfit.max()) < 1.6
    own, other, without = solution.x.double().unbind(1)
    parts = torch.as_tensor(model.of_batch)
    torch.testing.assert_close((other / own).log(), (parts[1] - parts[0]).expand(5, -1), atol=1e-4, rtol=0)
    torch.testing.assert_close((without / own).log(), -parts[0].expand(5, -1), atol=1e-4, rtol=0)
    total = own.sum(1).numpy() / seen[:10:2].sum(1)
    np.testing.assert_allclose(total, 1, atol=0.25)


def covered(model: CountModel, seen, again, batch, at) -> float:
    """Return how often 90 % intervals have a count that was drawn again, randomised within its step."""
    rng = np.random.default_rng(3)
    is_in = []
    for some, rates in solve_rates(model, seen, batch, seed=0):
        below, upto = (rates.counts_below(again[some] - k, np.ones(len(some))) for k in (1, 0))
        u = below + rng.random(below.shape) * (upto - below)
        is_in.append(((u > 0.05) & (u < 0.95))[at[some]])
    return float(np.concatenate(is_in).mean())


def test_intervals_cover_counts_that_were_drawn_again(model, drawn) -> None:
    _, batch, _, seen, again = drawn
    many = np.broadcast_to(seen.mean(0) > 2, seen.shape)
    assert 0.88 <= covered(model, seen, again, batch, many) <= 0.92


def test_intervals_cover_genes_that_were_not_measured(model, drawn) -> None:
    _, batch, _, seen, again = drawn
    lacks = np.zeros(seen.shape, bool)
    lacks[:, ::3] = True
    masked = np.where(lacks, -1, seen).astype(np.float32)
    assert 0.87 <= covered(model, masked, again, batch, lacks & (seen.mean(0) > 2)) <= 0.93


def test_a_cell_has_the_same_rates_whatever_the_company(model, drawn) -> None:
    _, batch, _, seen, _ = drawn
    (_, together), *_ = solve_rates(model, seen[:6:2], batch[:6:2], seed=0)
    alone = [rates for _, rates in solve_rates(model, seen[:6:2], batch[:6:2], seed=0, most_numbers=1)]
    assert len(alone) == 3
    np.testing.assert_allclose(np.concatenate([one.mean for one in alone]), together.mean, rtol=1e-3)


def test_quantiles_and_counts_are_those_of_scipy() -> None:
    from scipy import stats

    rates = Rates(np.array([[2.0, 0.3]]), np.array([[4.0, 1.5]]), np.array([0.5, 2.0]))
    expected = stats.gamma(rates.shape, scale=rates.mean / rates.shape).ppf(0.3)
    np.testing.assert_allclose(rates.quantiles(0.3), expected)
    mean = rates.mean * 1.7
    counts = stats.nbinom(rates.shape, rates.shape / (rates.shape + mean))
    found = rates.counts_below(np.array([[3.0, 0.0]]), np.array([1.7]))
    np.testing.assert_allclose(found, counts.cdf([[3, 0]]))
    assert (rates.counts_below(np.array([[-1.0, -1.0]]), np.array([1.7])) == 0).all()


def test_a_further_batch_has_its_part_and_the_others_stay(model, drawn) -> None:
    z, _, _, seen, _ = drawn
    first = slice(0, 200, 2)
    extended = model.extended(seen[first], z[first], np.zeros(100, np.int64), 1)
    np.testing.assert_array_equal(extended.of_batch[:2], model.of_batch)
    many = seen.mean(0) > 3
    np.testing.assert_allclose(extended.of_batch[2][many], model.of_batch[0][many], atol=0.25)
    again = CountModel.from_tensors(extended.tensors(), n_batches=3)
    np.testing.assert_array_equal(again.of_batch, extended.of_batch)
    with pytest.raises(ValueError, match="knows 3 batches, not 2"):
        CountModel.from_tensors(extended.tensors(), n_batches=2)
    assert CountModel.from_tensors({}, n_batches=2) is None
