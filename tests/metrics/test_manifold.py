import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from sklearn.neighbors import NearestNeighbors

from sciadv.errors import InputError
from sciadv.metrics import manifold_metrics, memorisation
from sciadv.metrics.manifold import nearest_distance, neighbour_radius


def draw(seed: int, n: int = 600, d: int = 5) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_identical_sets_give_one_everywhere(k: int) -> None:
    metrics = manifold_metrics(draw(0), draw(0), k=k)
    assert (metrics.precision, metrics.recall, metrics.density, metrics.coverage) == pytest.approx(
        (1, 1, 1, 1)
    )


def test_radii_and_nearest_distances_match_sklearn() -> None:
    x, y = draw(0), draw(1)
    trees = NearestNeighbors().fit(x.numpy())
    assert np.allclose(neighbour_radius(x, 3), trees.kneighbors(n_neighbors=3)[0][:, -1])
    assert np.allclose(nearest_distance(y, x), trees.kneighbors(y.numpy(), n_neighbors=1)[0][:, 0])


def test_matches_the_definitions_by_loops() -> None:
    real, fake, k = draw(0, 40, 2), 0.7 * draw(1, 30, 2) + 0.5, 3
    distance = np.linalg.norm(real.numpy()[:, None] - fake.numpy()[None], axis=2)
    radius_real = np.sort(np.linalg.norm(real.numpy()[:, None] - real.numpy()[None], axis=2), axis=1)[:, k]
    radius_fake = np.sort(np.linalg.norm(fake.numpy()[:, None] - fake.numpy()[None], axis=2), axis=1)[:, k]
    inside = distance < radius_real[:, None]
    metrics = manifold_metrics(real, fake, k=k)
    assert metrics.precision == pytest.approx(inside.any(0).mean(), rel=1e-6)
    assert metrics.recall == pytest.approx((distance < radius_fake[None]).any(1).mean(), rel=1e-6)
    assert metrics.density == pytest.approx(inside.sum() / (k * len(fake)), rel=1e-6)
    assert metrics.coverage == pytest.approx(inside.any(1).mean(), rel=1e-6)


def test_a_collapsed_set_is_precise_but_covers_nothing() -> None:
    metrics = manifold_metrics(draw(0), draw(1)[:1] * 0 + 1e-3 * draw(2))
    assert metrics.precision == 1
    assert metrics.recall < 0.01
    assert metrics.coverage < 0.1


def test_a_set_far_away_is_zero_everywhere() -> None:
    metrics = manifold_metrics(draw(0), draw(1) + 100)
    assert (metrics.precision, metrics.recall, metrics.density, metrics.coverage) == (0, 0, 0, 0)


def test_constant_features_cover_nothing() -> None:
    metrics = manifold_metrics(torch.full((50, 4), 0.1), torch.full((50, 4), 0.1))
    assert metrics.coverage == 0


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="below the rows"):
        manifold_metrics(draw(0, 5), draw(1), k=5)


def test_new_data_are_not_called_copies() -> None:
    test = memorisation(draw(0), draw(1, 2000), draw(2))
    assert abs(test.z_score) < 3
    assert not test.is_suspicious


def test_copies_are_found() -> None:
    train = draw(1, 2000)
    test = memorisation(train[:600] + 0.01 * draw(0), train, draw(2))
    assert test.z_score < -10
    assert test.share_nearer > 0.9
    assert test.is_suspicious


def test_a_few_copies_among_new_data_are_found() -> None:
    train = draw(1, 2000)
    samples = torch.cat([draw(0, 540), train[:60]])
    assert memorisation(samples, train, draw(2)).is_suspicious


def test_z_score_matches_scipy() -> None:
    samples, train, held_out = draw(0, 80), draw(1, 300), 1.3 * draw(2, 70)
    near, far = nearest_distance(samples, train).numpy(), nearest_distance(held_out, train).numpy()
    expected = mannwhitneyu(near, far, method="asymptotic", use_continuity=False)
    z = memorisation(samples, train, held_out).z_score
    from scipy.stats import norm

    assert 2 * norm.sf(abs(z)) == pytest.approx(expected.pvalue, rel=1e-6)
