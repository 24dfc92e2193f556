"""Covariates: their effect is found and removed within batches, and nothing where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from sciadv.domains.batch_correction import BatchCorrector
from sciadv.domains.batch_correction.reading.covariates import CovariateEffects
from sciadv.errors import InputError

PROTEOME = Path(os.environ.get("SCIADV_DATA", "")) / "omics" / "aging_mice_proteome"


def drifting(seed: int, *, drift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    batch = np.repeat([0, 1], 60)
    order = np.arange(120.0)
    slope = rng.normal(size=(2, 50))
    x = 20 + rng.normal(size=(120, 50)) + np.array([0, 2])[batch, None]
    place = (order - np.array([29.5, 89.5])[batch]) / 30
    return (x + drift * place[:, None] * slope[batch]).astype(np.float32), order[:, None], batch


def test_a_drift_is_removed_and_the_means_of_batches_stay() -> None:
    x, order, batch = drifting(0, drift=2.0)
    still, _, _ = drifting(0, drift=0.0)
    found = CovariateEffects.fit(x, order, batch, 2, seed=0).remove(x, order, batch)
    assert np.square(found - still).mean() < 0.1 * np.square(x - still).mean()
    for b in (0, 1):
        np.testing.assert_allclose(found[batch == b].mean(0), x[batch == b].mean(0), atol=1e-4)


def test_where_there_is_no_drift_next_to_nothing_changes() -> None:
    changes = []
    for seed in range(5):
        x, order, batch = drifting(seed, drift=0.0)
        found = CovariateEffects.fit(x, order, batch, 2, seed=0).remove(x, order, batch)
        changes.append(np.square(found - x).mean())
    assert np.median(changes) < 0.005


def test_cells_are_corrected_alike_alone_and_from_a_file(tmp_path) -> None:
    x, order, batch = drifting(1, drift=2.0)
    names = [f"b{b}" for b in batch]
    given = {"order": order[:, 0]}
    corrector = BatchCorrector(covariates="order", method="linear", is_counts=False)
    found = corrector.correct(x, batch=names, covariates=given)
    again = BatchCorrector.load(corrector.save(tmp_path / "saved"))
    some = again.transform(x[5:9], batch=names[5:9], covariates={"order": order[5:9, 0]})
    np.testing.assert_allclose(some, found[5:9], atol=1e-5)
    known = BatchCorrector(covariates="order", method="linear", is_counts=False)
    known.fit(x[:90], batch=names[:90], covariates={"order": order[:90, 0]})
    with pytest.raises(InputError, match="the covariates 'order' are needed, but none came"):
        corrector.transform(x, batch=names)
    with pytest.raises(InputError, match="must be a number for each of the 120 cells"):
        corrector.transform(x, batch=names, covariates={"order": ["a"] * 120})


@pytest.mark.skipif(not PROTEOME.is_dir(), reason="SCIADV_DATA has no omics/aging_mice_proteome")
@pytest.mark.filterwarnings("ignore:batches of equal means")
def test_the_run_order_of_a_proteome_with_gaps_is_removed() -> None:
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    adata = anndata.read_h5ad(PROTEOME / "aging_mice_proteome.h5ad")
    corrected = BatchCorrector(covariates="order").correct(adata).layers["corrected"]
    np.testing.assert_array_equal(np.isnan(corrected), np.isnan(adata.X))
    order = adata.obs["order"].to_numpy()

    def drift(x: np.ndarray) -> float:
        of = [(adata.obs["batch"] == name).to_numpy() for name in adata.obs["batch"].unique()]
        genes = [(g, own & ~np.isnan(g)) for own in of for g in x.T]
        return float(np.mean([abs(spearmanr(order[s], g[s])[0]) for g, s in genes if s.sum() > 8]))

    assert drift(adata.X) > 0.35
    assert drift(corrected) < 0.15
