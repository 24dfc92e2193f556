"""The residual correction: what is matched, how far it moves, and what it never does to a gene."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from benchmarks.biology.measures import least_purity, overlap
from benchmarks.biology.simulations import chain, simulate, with_absent_gene
from sciadv.domains.batch_correction import BatchCorrector, batch_unpredictability
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.cluster_moments import Moments
from sciadv.domains.batch_correction.matched.clusters import (
    Shared,
    SoftClusters,
    in_strata,
    n_leading,
    over_strata,
)
from sciadv.domains.batch_correction.matched.islands import bridges
from sciadv.domains.batch_correction.matched.presence import counts_of
from sciadv.domains.batch_correction.matched.scatter import Scatter
from sciadv.domains.batch_correction.matched.shift import Round


def log_normalised(counts):
    return np.log1p(1e4 * counts / counts.sum(1, keepdims=True))


def residual(cells, **options):
    return BatchCorrector(method="residual").fit(cells.counts, batch=cells.batch, **options)


def test_types_that_the_other_batch_lacks_are_not_laid_onto_others() -> None:
    cells = simulate(chain(3, 120), seed=1, effect=0.9, n_genes=200)
    z = residual(cells).embed(cells.counts, batch=cells.batch)
    assert least_purity(z, cells.kind) > 0.97
    assert batch_unpredictability(z, cells.batch, cells.kind) > 0.8


def test_batches_that_differ_by_chance_stay_where_they_are() -> None:
    cells = simulate([[150, 150], [150, 150]], seed=2, batch_scale=0.0, n_genes=300)
    corrector = residual(cells)
    z = corrector.embed(cells.counts, batch=cells.batch)
    assert overlap(corrector.uncorrected(cells.counts), z) > 0.9


def test_a_gene_that_some_cells_have_none_of_stays_at_none_and_the_others_keep_theirs() -> None:
    cells, lacks = with_absent_gene(
        simulate([[150, 150], [150, 150]], seed=0, n_genes=200), shares=(0.8, 0.2), seed=0
    )
    corrected = residual(cells).transform(cells.counts, batch=cells.batch)[:, 0]
    assert (corrected[lacks] == 0).all()
    moved = (corrected - log_normalised(cells.counts)[:, 0])[~lacks]
    assert np.abs(moved).mean() < 0.4


def test_no_expression_comes_out_of_nothing_or_below_it() -> None:
    cells = simulate([[60, 60], [60, 60]], seed=0, n_genes=100)
    corrected = residual(cells).transform(cells.counts, batch=cells.batch)
    assert (corrected >= 0).all()
    assert ((corrected > 0) == (cells.counts > 0)).all()


def test_what_is_kept_is_kept_where_shares_differ() -> None:
    """A gene that only the treated have, most of them in one batch, is no part of the batch."""
    rng = np.random.default_rng(0)
    cells = simulate([[200], [200]], seed=3, n_genes=100, batch_scale=0.1)
    treated = rng.random(400) < np.where(cells.batch == "batch 1", 0.8, 0.2)
    x = log_normalised(cells.counts) - 2.0  # with negative values: shifted, not multiplied
    x[:, :20] += 0.5 * treated[:, None]

    def effect(**options) -> float:
        corrected = BatchCorrector(method="residual").correct(x, batch=cells.batch, **options)[:, :20]
        means = [
            corrected[treated & (cells.batch == b)].mean() - corrected[~treated & (cells.batch == b)].mean()
            for b in np.unique(cells.batch)
        ]
        across = corrected[treated].mean() - corrected[~treated].mean()
        return abs(across - np.mean(means))

    assert effect(keep={"treatment": treated}) < 0.05
    assert effect(keep={"treatment": treated}) < effect()


def test_a_batch_takes_part_in_a_cluster_by_its_share() -> None:
    weights = np.repeat(np.eye(2), [20, 20], axis=0)
    batch = np.array([0] * 19 + [1] * 21)
    shared = Shared.of(weights, batch, 2)
    assert shared.n.tolist() == [[19.0, 1.0], [0.0, 20.0]]
    assert shared.present.tolist() == [[True, False], [False, True]]
    np.testing.assert_allclose(shared.n_effective[0, 0], 19.0)


def test_strata_are_clusters_of_their_own_and_averaged_by_their_cells() -> None:
    weights = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    apart = in_strata(weights, np.array([0, 0, 1]))
    np.testing.assert_array_equal(apart, [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1]])
    values = np.array([[1.0], [2.0], [3.0], [6.0]])
    np.testing.assert_allclose(over_strata(values, np.array([1.0, 1.0, 0.0, 3.0]), 2), [[1.0], [5.0]])


def types_of(rng, centres, n=60):
    """Cells ``(types * n, 8)`` about centres, and their types."""
    return (centres[:, None] + 0.1 * rng.normal(size=(len(centres), n, 8))).reshape(-1, 8)


def in_two_batches(rng, first, second):
    z = np.concatenate([types_of(rng, first), types_of(rng, second)])
    batch = np.repeat([0, 1], [60 * len(first), 60 * len(second)])
    return z, Groups(batch, np.zeros_like(batch), 2, 1)


def bridged(z, groups, nearest):
    shared = Shared.of(np.eye(nearest.max() + 1)[nearest], groups.batch, 2)
    return bridges(z, nearest, shared, groups, n_leading=8)


def test_a_type_that_a_batch_shifts_past_others_is_joined_to_itself() -> None:
    rng = np.random.default_rng(0)
    types = 3 * np.eye(8)[:3]
    shifted = types.copy()
    shifted[2, 4] += 2.5  # farther than the width of a cluster, along no other type
    z, groups = in_two_batches(rng, types, shifted)
    nearest = np.repeat([0, 1, 2, 0, 1, 3], 60)
    moves = bridged(z, groups, nearest)
    assert moves is not None
    moved = z + moves[nearest, groups.batch]
    of_type = np.isin(nearest, [2, 3])
    gap = moved[of_type & (groups.batch == 0)].mean(0) - moved[of_type & (groups.batch == 1)].mean(0)
    assert np.abs(gap).max() < 1e-9
    assert (moves[:2] == 0).all()


def test_types_of_one_batch_each_are_not_joined() -> None:
    rng = np.random.default_rng(1)
    types = 3 * np.eye(8)[:4]
    z, groups = in_two_batches(rng, types[[0, 1, 2]], types[[0, 1, 3]])
    assert bridged(z, groups, np.repeat([0, 1, 2, 0, 1, 3], 60)) is None


def test_types_of_different_labels_are_not_joined() -> None:
    rng = np.random.default_rng(0)
    types = 3 * np.eye(8)[:3]
    shifted = types.copy()
    shifted[2, 4] += 2.5
    z, groups = in_two_batches(rng, types, shifted)
    nearest = np.repeat([0, 1, 2, 0, 1, 3], 60)
    labelled = Groups(groups.batch, nearest.astype(np.int64), 2, 4)
    assert bridged(z, labelled, nearest) is None


def test_batches_of_other_noise_scatter_alike_and_keep_their_means() -> None:
    rng = np.random.default_rng(0)
    batch = np.repeat([0, 1], 400)
    z = np.zeros((800, 12))
    z[:, 0] = np.where(np.arange(800) % 2, 3.0, -3.0)
    z += rng.normal(size=z.shape) * np.where(batch == 1, 0.6, 0.2)[:, None]
    clusters = SoftClusters(np.array([[-3.0], [3.0]]), 0.5)
    groups = Groups(batch, np.zeros_like(batch), 2, 1)
    even = Scatter.fit(z, clusters, groups, n_leading=1)(z, batch)
    scatter = [even[batch == b, 1:].std() for b in (0, 1)]
    assert scatter[0] == pytest.approx(scatter[1], rel=0.05)
    for b in (0, 1):
        one = (batch == b) & (z[:, 0] > 0)
        assert np.abs(even[one].mean(0) - z[one].mean(0)).max() < 0.05


def test_what_a_batch_has_for_itself_moves_with_what_it_shares_nearby() -> None:
    rng = np.random.default_rng(0)
    first = np.array([[0.0] * 8, [4.0] + [0.0] * 7])
    z, groups = in_two_batches(rng, first + np.array([0, 0.3] + [0.0] * 6), first[:1])
    moves = Round.between(z, SoftClusters(first, 0.3), groups).moves
    np.testing.assert_allclose(moves[1, 0], moves[0, 0])
    assert moves[0, 0, 1] < -0.1


def test_counts_are_read_off_their_log_normalised_expression() -> None:
    counts = np.random.default_rng(0).poisson(1.0, (30, 40)).astype(np.float32)
    counts[:, 0] = 1
    expression = sparse.csr_matrix(log_normalised(counts).astype(np.float32))
    np.testing.assert_array_equal(counts_of(expression).toarray(), counts)
    assert counts_of(sparse.csr_matrix(np.random.default_rng(0).random((5, 9)))) is None
    assert counts_of(sparse.csr_matrix(np.full((2, 2), -1.0))) is None


@pytest.mark.parametrize("counts", [True, False])
def test_it_is_the_same_after_saving(tmp_path, counts) -> None:
    cells = simulate([[40, 40], [40, 40]], seed=0, n_genes=60)
    x = cells.counts if counts else log_normalised(cells.counts) - 1.0
    corrector = BatchCorrector(method="residual").fit(x, batch=cells.batch)
    again = BatchCorrector.load(corrector.save(tmp_path / "c"))
    np.testing.assert_array_equal(
        again.transform(x, batch=cells.batch), corrector.transform(x, batch=cells.batch)
    )


def test_moments_over_strata_are_those_without_them() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(90, 4))
    batch = rng.integers(0, 3, 90)
    weights = SoftClusters(rng.normal(size=(5, 2)), 1.0).weights(z)
    plain = Moments.of(z, weights, batch, 3)
    merged = Moments.of(z, in_strata(weights, rng.integers(0, 2, 90)), batch, 3).over_strata(5)
    for name in ("n", "squared_weights", "mean", "square"):
        np.testing.assert_allclose(getattr(merged, name), getattr(plain, name))


def test_a_further_batch_moves_onto_the_fitted_ones_which_stay() -> None:
    rng = np.random.default_rng(0)
    first = np.array([[0.0] * 8, [4.0] + [0.0] * 7])
    shift = np.array([0.0, 0.3] + [0.0] * 6)
    z, groups = in_two_batches(rng, first, first + shift)
    of_two = Round.between(z, SoftClusters(first, 0.3), groups)
    further = of_two.extended(types_of(rng, first - shift))
    np.testing.assert_array_equal(further.moves[:, :2], of_two.moves)
    np.testing.assert_allclose(further.moves[:, 2, 1], 0.45, atol=0.03)


def test_a_fitted_batch_given_once_more_lies_where_it_lay() -> None:
    cells = simulate([[120, 120], [120, 120]], seed=4, n_genes=200)
    corrector = residual(cells)
    again = cells.batch == "batch 2"
    adapted = corrector.adapt(cells.counts[again], batch=np.full(again.sum(), "again"))
    z = corrector.embed(cells.counts[again], batch=cells.batch[again])
    same = adapted.embed(cells.counts[again], batch=np.full(again.sum(), "again"))
    assert np.sqrt(((same - z) ** 2).sum(1).mean()) < 0.1 * np.sqrt(z.var(0).sum())


@pytest.mark.parametrize("shape", [(100, 1000), (500, 500), (2000, 400)])
def test_no_component_of_noise_leads_however_many_cells_and_genes(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    z = Components.fit(noise, 50, seed=0).scores(noise)
    assert n_leading(np.asarray(z, np.float64), least=0) <= 2


def test_types_that_differ_by_little_more_than_the_noise_lead() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(600, 300))
    edge = (1 + np.sqrt(300 / 600)) * np.sqrt(600)  # the largest singular value of noise
    left, right = (np.linalg.qr(rng.normal(size=(n, 6)))[0] for n in (600, 300))
    x = (noise + 1.3 * edge * left @ right.T).astype(np.float32)
    z = Components.fit(x, 50, seed=0).scores(x)
    assert n_leading(np.asarray(z, np.float64)) == 6
