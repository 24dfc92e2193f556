"""Our distribution metrics are those of torch-fidelity, where it is installed, on the same features."""

from __future__ import annotations

import pytest
import torch

from sciadv.metrics import classifier_score, frechet_distance, manifold_metrics
from sciadv.metrics.kernel import squared_mmd

fid = pytest.importorskip("torch_fidelity.metric_fid", reason="torch-fidelity is not installed")
from torch_fidelity import metric_isc, metric_kid, metric_prc  # noqa: E402  after the skip


def features(n: int, shift: float, seed: int) -> torch.Tensor:
    """Correlated features of two clusters."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(16, 16, generator=torch.Generator().manual_seed(99)) / 4
    centre = shift * torch.randint(0, 2, (n, 1), generator=generator)
    return torch.randn(n, 16, generator=generator) @ mixing + centre


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_the_frechet_distance_is_that_of_torch_fidelity(shift: float) -> None:
    real, fake = features(400, 1.0, 0), features(400, shift, 1)
    stats = [fid.fid_features_to_statistics(x.double()) for x in (real, fake)]
    theirs = fid.fid_statistics_to_metric(*stats, verbose=False)[fid.KEY_METRIC_FID]
    assert frechet_distance(real, fake) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_precision_and_recall_are_those_of_torch_fidelity(shift: float) -> None:
    real, fake = features(400, 1.0, 0).double(), features(400, shift, 1).double()
    precision, recall = metric_prc.calculate_precision_recall_full(fake, real, neighborhood=3)[:2]
    ours = manifold_metrics(real, fake, k=3)
    assert (ours.precision, ours.recall) == pytest.approx((precision, recall), abs=1e-6)


def test_the_kernel_distance_is_that_of_torch_fidelity_up_to_the_pairs_of_equal_index() -> None:
    real, fake = features(300, 1.0, 0).double(), features(300, 2.0, 1).double()
    k_xx, k_yy, k_xy = (
        metric_kid.kernel_poly(
            a.numpy(),
            b.numpy(),
            kid_kernel_poly_degree=3,
            kid_kernel_poly_gamma=None,
            kid_kernel_poly_coef0=1,
        )
        for a, b in ((real, real), (fake, fake), (real, fake))
    )
    theirs = metric_kid.mmd2(k_xx, k_xy, k_yy, unit_diagonal=False, mmd_est="u-statistic")
    assert float(squared_mmd(real, fake)) == pytest.approx(float(theirs), rel=1e-6)


def test_the_classifier_score_is_that_of_torch_fidelity() -> None:
    logits = 3 * torch.randn(500, 10, generator=torch.Generator().manual_seed(0))
    theirs = metric_isc.isc_features_to_metric(logits.double(), splits=1, shuffle=False)
    assert classifier_score(logits) == pytest.approx(theirs[metric_isc.KEY_METRIC_ISC_MEAN], rel=1e-6)
