"""Cells as they come: log-normalised to ten thousand counts a cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.linear.combat import fit_location_scale
from sciadv.domains.batch_correction.linear.group_moments import GroupMoments
from sciadv.domains.batch_correction.reading.cells import Cells
from sciadv.domains.batch_correction.reading.columns import Columns
from sciadv.domains.batch_correction.reading.kinds import COUNTS as WHOLE
from sciadv.domains.batch_correction.reading.kinds import LOGGED
from sciadv.domains.batch_correction.reading.matrices import dense
from sciadv.domains.batch_correction.reading.read import read_cells
from sciadv.errors import InputError

COUNTS = np.array([[1.0, 3.0, 0.0], [10.0, 0.0, 30.0]], np.float32)


@pytest.mark.parametrize("as_kind", [np.asarray, sparse.csr_array])
def test_counts_are_normalised_to_ten_thousand_and_logged(as_kind) -> None:
    found = dense(Cells(as_kind(COUNTS), WHOLE).normalised())
    total = COUNTS.sum(1, keepdims=True)
    np.testing.assert_allclose(found, np.log1p(COUNTS * (1e4 / total)), rtol=1e-6)
    np.testing.assert_allclose(np.expm1(found).sum(1), 1e4, rtol=1e-5)


def test_whole_numbers_are_counts_and_others_stay_as_they_are() -> None:
    assert read_cells(COUNTS, Columns()).kind == WHOLE
    normalised = read_cells(COUNTS + 0.5, Columns(is_counts=False))
    assert normalised.kind == LOGGED
    np.testing.assert_array_equal(normalised.normalised(), COUNTS + 0.5)


def test_a_cell_without_counts_is_refused() -> None:
    with pytest.raises(InputError, match="1 of 2 cells have no counts"):
        read_cells(COUNTS * [[0], [1]], Columns()).normalised()


def test_shrinkage_is_the_empirical_bayes_of_johnson_written_out() -> None:
    """One iteration to the fixed point, gene by gene, as equations 3 and 4 of their supplement have it."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(40, 6)) * draw.uniform(0.5, 2, 6)
    batch = np.repeat([0, 1], [25, 15])
    x[batch == 1] += draw.normal(size=6)
    groups = Groups(batch, np.full(40, -1), 2, 0)
    moments = GroupMoments.of(x, groups, torch.device("cpu"))
    model = fit_location_scale(moments, n_batches=2, n_labels=0)
    s = np.sqrt(np.mean((x - np.stack([x[batch == b].mean(0) for b in (0, 1)])[batch]) ** 2, 0))
    z = (x - np.average([x[batch == b].mean(0) for b in (0, 1)], axis=0, weights=[25, 15])) / s
    for b in (0, 1):
        own = z[batch == b]
        n, gamma_hat, delta_hat = len(own), own.mean(0), own.var(0, ddof=1)
        mean, spread = gamma_hat.mean(), gamma_hat.var()
        m, v = delta_hat.mean(), delta_hat.var(ddof=1)
        shape, rate = (2 * v + m**2) / v, (m * v + m**3) / v
        gamma, delta = gamma_hat, delta_hat
        for _ in range(200):
            gamma = (n * spread * gamma_hat + delta * mean) / (n * spread + delta)
            delta = (rate + 0.5 * ((own - gamma) ** 2).sum(0)) / (n / 2 + shape - 1)
        np.testing.assert_allclose(model.gamma[b].numpy(), gamma, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(model.delta[b].numpy(), delta, rtol=1e-3)
