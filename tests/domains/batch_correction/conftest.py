"""Simulated cells, and settings of an adversarial fit that takes a second."""

from __future__ import annotations

import pytest

from sciadv.domains.batch_correction import AdversarialSettings, SimulatedCounts, simulate_counts

QUICK = AdversarialSettings(n_components=20, n_latent=8, n_hidden=32, least_steps=60, epochs=1, minibatch=64)


@pytest.fixture(scope="session")
def cells() -> SimulatedCounts:
    return simulate_counts(300, 80, n_batches=3, n_types=3, seed=0)


@pytest.fixture
def quick() -> AdversarialSettings:
    return QUICK


@pytest.fixture
def adata(cells: SimulatedCounts):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    names = [f"cell {i}" for i in range(len(cells.batch))]
    obs = pandas.DataFrame(
        {"batch": cells.batch, "cell_type": cells.cell_type}, index=names, dtype="category"
    )
    return anndata.AnnData(cells.counts, obs=obs, var=pandas.DataFrame(index=list(cells.genes)))
