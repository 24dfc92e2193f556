"""ComBat: against scanpy, against its own model, and at its edges."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.domains.batch_correction import BatchCorrector
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.linear.combat import fit_location_scale
from sciadv.domains.batch_correction.linear.group_moments import GroupMoments
from sciadv.errors import InputError

X = [[1.0, 2.0, 3.0], [1.5, 2.2, 2.5], [0.8, 1.9, 3.4], [3.0, 2.5, 5.0], [3.6, 2.1, 5.5], [2.9, 2.8, 6.1]]
SCANPY = [
    [1.973526, 2.286902, 4.228242],
    [2.46699, 2.497743, 3.725431],
    [1.776141, 2.181481, 4.630491],
    [2.082116, 2.187873, 3.927366],
    [2.517779, 1.902536, 4.289684],
    [2.009505, 2.401876, 4.724466],
]
GFRN = Path(os.environ.get("SCIADV_DATA", "")) / "omics" / "gfrn_bulk" / "gfrn_bulk.h5ad"


def moments(x: torch.Tensor, batch: torch.Tensor, labels: torch.Tensor) -> GroupMoments:
    groups = Groups(batch.numpy(), labels.numpy()[: len(batch)], 3, 0)
    return GroupMoments.of(x.numpy(), groups, torch.device("cpu"))


def random_expression(seed: int, n: int = 40, n_genes: int = 12, n_batches: int = 3):
    generator = torch.Generator().manual_seed(seed)
    batch = torch.arange(n) % n_batches
    shift = torch.randn(n_batches, n_genes, generator=generator, dtype=torch.float64)
    x = 5 + torch.randn(n, n_genes, generator=generator, dtype=torch.float64) + shift[batch]
    return x, batch


def scanpy_combat(x: np.ndarray, batch: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside scanpy and anndata
        scanpy = pytest.importorskip("scanpy", reason="scanpy is not installed")
        adata = scanpy.AnnData(x, obs={"batch": [f"b{b}" for b in batch]})
        return scanpy.pp.combat(adata, key="batch", inplace=False)


def test_it_equals_scanpys_combat_on_random_expression() -> None:
    x, batch = random_expression(0)
    ours = fit_location_scale(moments(x, batch, batch), n_batches=3, n_labels=0).remove(x, batch, batch)
    np.testing.assert_allclose(ours.numpy(), scanpy_combat(x.numpy(), batch.numpy()), atol=1e-4)


@pytest.mark.skipif(not GFRN.is_file(), reason="SCIADV_DATA has no omics/gfrn_bulk")
def test_it_equals_scanpys_combat_on_bulk_rna() -> None:
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    adata = anndata.read_h5ad(GFRN)
    ours = BatchCorrector(method="linear").correct(adata).layers["corrected"]
    np.testing.assert_allclose(ours, scanpy_combat(adata.X, adata.obs["batch"].to_numpy()), atol=1e-4)


def test_it_equals_values_that_scanpys_combat_gave() -> None:
    """Three genes of six samples, scanpy 1.11.5 on float64."""
    x = torch.tensor(X, dtype=torch.float64)
    batch = torch.tensor([0, 0, 0, 1, 1, 1])
    ours = fit_location_scale(moments(x, batch, batch), n_batches=2, n_labels=0).remove(x, batch, batch)
    np.testing.assert_allclose(ours.numpy(), SCANPY, atol=1e-4)


@given(st.integers(0, 1000), st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
@settings(max_examples=20)
def test_it_follows_a_change_of_units(seed: int, scale: float, offset: float) -> None:
    x, batch = random_expression(seed)

    def corrected(values: torch.Tensor) -> torch.Tensor:
        return fit_location_scale(moments(values, batch, batch), n_batches=3, n_labels=0).remove(
            values, batch, batch
        )

    torch.testing.assert_close(
        corrected(scale * x + offset), scale * corrected(x) + offset, atol=1e-4, rtol=1e-5
    )


def test_batches_end_with_nearly_one_mean_and_variance() -> None:
    x, batch = random_expression(1, n=600)
    x[batch == 0] = 5 + 3 * (x[batch == 0] - 5)
    found = fit_location_scale(moments(x, batch, batch), n_batches=3, n_labels=0).remove(x, batch, batch)
    means = torch.stack([found[batch == b].mean(0) for b in range(3)])
    spreads = torch.stack([found[batch == b].std(0) for b in range(3)])
    assert float((means - means.mean(0)).abs().max()) < 0.05
    assert float(spreads.max() / spreads.min()) < 1.2


def test_the_order_of_cells_does_not_matter() -> None:
    x, batch = random_expression(2)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    one = fit_location_scale(moments(x, batch, batch), n_batches=3, n_labels=0).remove(x, batch, batch)
    other = fit_location_scale(moments(x[order], batch[order], batch), n_batches=3, n_labels=0)
    torch.testing.assert_close(other.remove(x, batch, batch), one)


def test_a_gene_that_does_not_vary_stays_as_it_is() -> None:
    x, batch = random_expression(3)
    x[:, 4] = 2.5
    found = fit_location_scale(moments(x, batch, batch), n_batches=3, n_labels=0).remove(x, batch, batch)
    assert bool(found.isfinite().all())
    torch.testing.assert_close(found[:, 4], x[:, 4])


def test_labels_keep_what_they_explain_where_batches_hold_other_shares_of_them() -> None:
    x, batch = random_expression(4, n=240, n_batches=2)
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(240, generator=generator) < torch.where(batch == 0, 0.2, 0.8)).long()
    x[labels == 1] += 3.0

    def gap(n_labels: int) -> float:
        found = fit_location_scale(moments(x, batch, labels), n_batches=2, n_labels=n_labels).remove(
            x, batch, labels
        )
        return float((found[labels == 1].mean(0) - found[labels == 0].mean(0)).mean())

    assert abs(gap(2) - 3.0) < 0.15
    assert gap(0) < 2.5


def test_confounded_labels_are_refused_in_words(cells) -> None:
    corrector = BatchCorrector(method="linear", label_key="x")
    with pytest.raises(InputError, match="batch and 'labels' are confounded: no two batches share a value"):
        corrector.fit(cells.counts, batch=cells.batch, labels=cells.batch)


def test_values_that_were_not_measured_are_left_out_and_stay_so() -> None:
    x, batch = random_expression(5, n=90)
    complete = fit_location_scale(moments(x, batch, batch), n_batches=3, n_labels=0)
    gaps = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.1
    some = x.masked_fill(gaps, torch.nan)
    fitted = fit_location_scale(moments(some, batch, batch), n_batches=3, n_labels=0)
    torch.testing.assert_close(fitted.mean, complete.mean, atol=0.2, rtol=0)
    found = fitted.remove(some, batch, batch)
    assert bool((found.isnan() == gaps).all())
    expected = complete.remove(x, batch, batch)
    assert float((found - expected)[~gaps].square().mean().sqrt()) < 0.15


def test_a_gene_without_gaps_is_fitted_as_if_no_other_had_any() -> None:
    x, batch = random_expression(6)
    some = x.clone()
    some[:5, 0] = torch.nan
    one = moments(some, batch, batch)
    other = moments(x, batch, batch)
    torch.testing.assert_close(one.mean[:, 1:], other.mean[:, 1:])
    torch.testing.assert_close(one.deviations[:, 1:], other.deviations[:, 1:])
    np.testing.assert_allclose(one.mean[0, 0], np.nanmean(some[batch == 0, 0].numpy()))
