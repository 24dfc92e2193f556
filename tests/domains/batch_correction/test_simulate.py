"""Simulated counts: reproducible, counts, with batch effects of the size asked for."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.domains.batch_correction import simulate_counts
from sciadv.errors import InputError


def test_counts_are_whole_and_depend_on_the_seed_only() -> None:
    one, two, other = simulate_counts(60, 30), simulate_counts(60, 30), simulate_counts(60, 30, seed=1)
    np.testing.assert_array_equal(one.counts, two.counts)
    assert (one.counts != other.counts).any()
    assert (one.counts == np.rint(one.counts)).all()
    assert one.counts.min() >= 0


def test_counts_scatter_around_what_is_expected_when_batches_do_not_differ() -> None:
    cells = simulate_counts(3000, 20, batch_scale=0.0)
    np.testing.assert_allclose(cells.counts.mean(0), cells.expected.mean(0), rtol=0.05, atol=0.02)
    excess = (cells.counts - cells.expected).var(0) / cells.expected.mean(0)
    assert (excess > 0.9).all()  # at least Poisson


def test_batch_factors_have_the_spread_asked_for() -> None:
    cells = simulate_counts(4000, 200, n_batches=2, n_types=1, batch_scale=0.5, seed=3)
    means = [cells.counts[cells.batch == name].mean(0) + 1e-3 for name in ("batch 1", "batch 2")]
    seen = np.log(means[0] / means[1])[means[0] > 0.2]
    assert 0.5 < seen.std() < 0.9  # 0.5 sqrt(2) = 0.71


@pytest.mark.parametrize("wrong", [{"n_batches": 1}, {"n_cells": 3}, {"n_types": 0}, {"batch_scale": -1.0}])
def test_what_cannot_be_simulated_is_refused(wrong) -> None:
    with pytest.raises(InputError, match="a simulation needs 2 batches"):
        simulate_counts(**wrong)
