"""Principal components and moments: the quick ways give what the plain ones do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA

from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.linear.group_moments import GroupMoments


@pytest.mark.parametrize("offset", [0.0, 12.0])
def test_components_of_covariances_are_those_of_the_matrix(offset) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 80)) + rng.normal(size=(300, 80))
    x = (0.1 * x + offset).astype(np.float32)
    exact = PCA(6, svd_solver="full").fit(x.astype(np.float64))
    found = Components.fit(x, 6, seed=0)
    np.testing.assert_allclose(found.loadings, exact.components_.T, atol=1e-3)
    np.testing.assert_allclose(found.variance, exact.explained_variance_, rtol=1e-4)
    assert found.noise == pytest.approx(exact.noise_variance_, rel=1e-4)
    plain = Components.fit(x, 6, seed=0, most_genes=0)
    np.testing.assert_allclose(found.scores(x), plain.scores(x), atol=1e-3)


def test_moments_of_a_sparse_matrix_are_those_of_its_array() -> None:
    rng = np.random.default_rng(1)
    x = sparse.random(50, 12, density=0.3, format="csr", dtype=np.float32, random_state=2)
    groups = Groups(rng.integers(0, 3, 50), rng.integers(0, 2, 50), 3, 2)
    one, other = (GroupMoments.of(each, groups, torch.device("cpu")) for each in (x, x.toarray()))
    for name in ("batch", "label", "n", "mean", "deviations"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name))
