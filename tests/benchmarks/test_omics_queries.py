"""The bench of intervals and queries: halves of counts, what it measures, and its rows on simulated cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from benchmarks.biology.held_out_counts import Halves, by_gene, by_own_count, by_rates, coverage
from benchmarks.biology.omics_queries import BENCH, calibration_error, query, table, unseen_type
from sciadv.domains.batch_correction import simulate_counts


@pytest.fixture(scope="module")
def cells():
    return simulate_counts(360, 80, n_batches=3, n_types=3, seed=3)


@pytest.fixture(scope="module")
def adata(cells):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    obs = pandas.DataFrame({"batch": cells.batch, "label": cells.cell_type})
    obs.index = obs.index.astype(str)
    return anndata.AnnData(sparse.csr_matrix(cells.counts), obs=obs)


def test_halves_add_up_and_the_mean_share_expects_them(cells) -> None:
    halves = Halves.of(cells.counts, cells.batch, seed=0, n_predicted=50)
    np.testing.assert_array_equal(halves.seen + halves.held, cells.counts)
    assert halves.seen.sum() == pytest.approx(halves.held.sum(), rel=0.02)
    np.testing.assert_allclose(halves.of_gene.sum(1), halves.held[halves.some].sum(1), rtol=1e-5)


def test_rates_cover_what_the_rivals_do_not(cells) -> None:
    rows = {
        name: coverage(predict, cells.counts, cells.batch, seed=0, n_predicted=90)
        for name, predict in (("rates", by_rates), ("gene", by_gene), ("own", by_own_count))
    }
    assert 0.88 <= rows["rates"]["covered_1"] <= 0.92
    assert max(rows["gene"]["covered_1"], rows["own"]["covered_1"]) < 0.85
    assert rows["rates"]["score"] > max(rows["gene"]["score"], rows["own"]["score"])
    hidden = coverage(by_rates, cells.counts, cells.batch, seed=0, n_predicted=90, is_hidden=True)
    assert 0.85 <= hidden["covered_1"] <= 0.95


def test_probabilities_that_are_met_have_no_calibration_error() -> None:
    right = np.arange(1000) % 4 > 0
    assert calibration_error(np.full(1000, 0.75), right) == pytest.approx(0)
    assert calibration_error(np.full(1000, 0.95), right) == pytest.approx(0.2)


def test_a_query_is_measured_beside_its_rivals_and_tabulated(adata) -> None:
    rows = query(adata, "batch 3", 0)
    assert rows["adapt"]["unpredictability"] > rows["no adaptation"]["unpredictability"]
    assert {"quicker", "gain_in_transfer", "calibration_error", "false_alarms"} <= set(rows["adapt"])
    shown = [{"row": f"a, {name}", "query": "batch 3", "method": name} | row for name, row in rows.items()]
    assert table(shown).count("\n") == len(rows) + 1
    assert 0 <= unseen_type(adata, "type 1", 0)["found"] <= 1


def test_every_bar_names_a_row_that_the_bench_makes() -> None:
    rows = {bar.row for bar in BENCH.thresholds}
    assert rows == {
        *(f"{name}, intervals" for name in ("pbmc_symphony", "kang_ifnb", "pbmc_atlas")),
        *(f"{name}, worst query" for name in ("pbmc_symphony", "pbmc_atlas")),
    }
