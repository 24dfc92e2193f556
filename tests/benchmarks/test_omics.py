"""The bench of batch correction: rows for every bar, seeds, cache, and words where data are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.biology import omics, omics_methods
from benchmarks.biology.measures import carried_over, drug_effect, shared_labels_found
from benchmarks.biology.omics import draw, measure, run, summarise, table
from benchmarks.biology.omics_conditions import condition_tables, drift
from benchmarks.biology.omics_margins import MARGINS, margins
from benchmarks.biology.omics_methods import HALF, METHODS, in_largest, largest_labelled
from benchmarks.biology.omics_sets import Task, read_set, variable_genes
from benchmarks.contract import Row, Settings, judge_bars
from sciadv.catalogue import entry_spec, load_problem
from sciadv.domains.batch_correction import simulate_counts
from sciadv.domains.batch_correction.assessment.assess import Assessment
from sciadv.errors import InputError


@pytest.fixture
def task() -> Task:
    cells = simulate_counts(240, 60, n_batches=2, n_types=2)
    rng = np.random.default_rng(0)
    return Task(
        "pbmc_symphony", None, cells.batch, cells.cell_type, rng.normal(size=(240, 50)).astype(np.float32)
    )


def test_every_method_is_judged_alike_whatever_its_length(task, monkeypatch) -> None:
    monkeypatch.setattr(omics, "has_scib", lambda: False)
    monkeypatch.setitem(METHODS, "short", lambda task, seed: task.components[:, :5])
    row = measure(task, "short", 0)
    assert {"probe", "chance", "unpredictability", "transfer", "largest_transfer", "kept"} <= set(row)
    assert row["chance"] == 0.5
    assert 0.7 < row["unpredictability"] < 1.3  # noise knows no batch


def test_half_labelled_cells_are_judged_on_the_half_whose_labels_were_hidden(task, monkeypatch) -> None:
    seen = {}

    class Corrector:
        def __init__(self, **_) -> None: ...

        def fit(self, adata, labels):
            seen["told"] = labels
            return self

        def embed(self, adata):
            return task.components

    def remember(embeddings, batch, labels, **_):
        seen["judged"] = labels
        return Assessment({"it": {}})

    monkeypatch.setattr(omics_methods, "BatchCorrector", Corrector)
    monkeypatch.setattr(omics, "has_scib", lambda: False)
    monkeypatch.setattr(omics, "assess", remember)
    measure(task, HALF, 0)
    hidden = seen["told"] == ""
    assert hidden.sum() == len(task.labels) // 2
    assert (seen["told"][~hidden] == task.labels[~hidden]).all()
    assert (seen["judged"] == task.labels[hidden]).all()


NUMBERS = {
    "total": 0.8,
    "batch": 0.9,
    "bio": 0.7,
    "unpredictability": 1.0,
    "cpu_seconds": 9.0,
    "probe": 0.5,
    "chance": 0.5,
    "transfer": 0.9,
    "largest_transfer": 0.9,
    "kept": 0.95,
}


def faked(monkeypatch, task: Task, *, worse: float) -> list[tuple[str, int]]:
    """Let the bench take numbers for measured; Harmony's total is so much worse."""
    calls: list[tuple[str, int]] = []

    def fake(task: Task, method: str, seed: int, cache: Path | None) -> dict[str, float]:
        calls.append((method, seed))
        return {**NUMBERS, "total": 0.8 - (worse if method == "Harmony" else 0.01 * seed)}

    def null(*_) -> dict[str, float]:
        return {"null_overlap": 1.0}

    monkeypatch.setattr(omics, "load_tasks", lambda name, **_: [replace(task, name=name)])
    fake.__name__ = "measure"
    null.__name__ = "measure_null"
    monkeypatch.setattr(omics, "measure", fake)
    monkeypatch.setattr(omics, "measure_null", null)
    monkeypatch.setattr(omics, "conditions", lambda *_, n_seeds: [])
    monkeypatch.setattr(omics, "read_set", lambda name: name)
    monkeypatch.setattr(
        omics, "compare_combat", lambda adata: {"row": f"{adata}, linear", "difference": 1e-6}
    )
    return calls


def test_rows_have_a_value_for_every_bar_of_the_problem_and_parts_are_kept(
    task, monkeypatch, tmp_path
) -> None:
    calls = faked(monkeypatch, task, worse=0.1)
    settings = Settings(peers=("harmonypy", "scanpy"), cache=tmp_path)
    rows = run(settings)
    n_calls = len(calls)
    assert calls.count(("adversarial", 2)) == len(omics.SETS)
    assert run(settings) == rows
    assert len(calls) == n_calls
    judged = judge_bars(entry_spec("pbmc-correction").bench.bars, rows)
    assert all(bar.value is not None and bar.holds for bar in judged)
    row = next(row for row in rows if row["row"] == "pbmc_atlas, auto")
    assert row["n_seeds"] == 5
    assert row["total"] == pytest.approx(0.78)
    assert row["null_overlap"] == 1.0
    assert all(json.loads(file.read_text()) for file in tmp_path.glob("*.json"))
    text = table(rows)
    assert "0.780 +- 0.014" in text
    assert "| pbmc_symphony, unlabelled half, 120 cells |" in text
    assert "| scVI | not installed |" in text
    figure = Figure()
    draw(figure, rows)
    assert len(figure.axes) == 2 * len(omics.SETS)


def test_margins_allow_a_standard_error_of_the_best_peer() -> None:
    one = {**NUMBERS, "total_sd": 0.02, "n_seeds": 5}
    better = {**one, "total": 0.805, "transfer": 0.91, "kept": 0.96}
    (row,) = margins("set", (1000, 400), {"auto": one, "Harmony": better, "uncorrected": one})
    assert set(MARGINS) <= set(row)
    assert row["total_margin"] == pytest.approx(-0.005 + (2 * 0.02**2 / 4) ** 0.5)
    assert row["transfer_margin"] == pytest.approx(-0.01 + (0.91 * 0.09 / 1000) ** 0.5)
    assert row["kept_margin"] == pytest.approx(0.04)
    assert margins("set", (1000, 400), {"auto": one}) == []


def test_variable_genes_are_those_that_vary_more_than_others_of_their_mean() -> None:
    rng = np.random.default_rng(0)
    rate = np.repeat([[2.0]], 200, 0) * np.ones((200, 80))
    rate[::2, :5] *= 6.0
    x = np.log1p(rng.poisson(rate).astype(float))
    batch = np.where(np.arange(200) < 100, "a", "b")
    assert set(variable_genes(x, batch, 5, n_bins=2).tolist()) == set(range(5))


def test_conditions_are_found_from_other_batches_only() -> None:
    z = np.array([[0.0], [0.1], [5.0], [0.0], [0.1], [5.1], [9.0]])
    batch = np.array(["a", "a", "a", "b", "b", "b", "b"])
    labels = np.array(["x", "x", "y", "x", "x", "y", "only b"])
    assert carried_over(z, batch, labels, n=1).tolist() == ["x", "x", "y", "x", "x", "y", "y"]
    assert shared_labels_found(z, batch, labels, n=1) == 1.0
    assert drug_effect(z, batch, labels, n=1) == pytest.approx(2 / 3)


def test_the_worst_seed_is_held_against_the_bounds() -> None:
    parts: list[Row] = [{"unpredictability": u, "cpu_seconds": s} for u, s in ((0.9, 5.0), (1.05, 12.0))]
    found = summarise(parts)
    assert (found["unpredictability_least"], found["unpredictability_most"]) == (0.9, 1.05)
    assert found["cpu_seconds_most"] == 12.0


def test_missing_data_are_said_in_words(monkeypatch, tmp_path) -> None:
    pytest.importorskip("anndata", reason="anndata is not installed")
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    with pytest.raises(InputError, match="is not there; set SCIADV_DATA to a folder"):
        read_set("pbmc_symphony")


def test_a_correction_is_no_problem_to_solve() -> None:
    with pytest.raises(InputError, match="correct your cells by `sciadv correct`"):
        load_problem("pbmc-correction")


def test_the_drift_is_that_of_genes_with_the_run_order_within_batches() -> None:
    order = np.tile(np.arange(20.0), 2)
    batch = np.repeat(["a", "b"], 20)
    noise = np.random.default_rng(0).normal(size=40)
    x = np.stack([order + 100 * (batch == "b"), noise], 1)
    x[3, 0] = np.nan
    assert drift(x[:, :1], batch, order) == pytest.approx(1.0)
    assert drift(x[:, 1:], batch, order) < 0.4


def test_conditions_are_tabulated_a_set_each() -> None:
    rows = [
        {"row": "a, auto", "condition": "a", "method": "auto", "nearest": 0.5, "drift": 0.1},
        {"row": "a, Harmony", "condition": "a", "method": "Harmony", "nearest": 0.4},
        {"row": "b, auto", "condition": "b", "method": "auto", "drug_effect": 0.8},
    ]
    first, second = condition_tables(rows)
    assert "| Harmony | 0.400 | - |" in first
    assert "| auto | 0.800 |" in second


def test_labels_of_the_largest_batch_alone_are_given(task, monkeypatch) -> None:
    given: dict[str, object] = {}

    def fit(self, data, *, labels) -> None:
        given["labels"] = labels

    monkeypatch.setattr("sciadv.domains.batch_correction.BatchCorrector.fit", fit)
    monkeypatch.setattr("sciadv.domains.batch_correction.BatchCorrector.embed", lambda *_: task.components)
    largest_labelled(task, 0)
    known = in_largest(task.batch)
    labels = np.asarray(given["labels"])
    assert (labels[known] == task.labels[known]).all()
    assert len(set(labels[~known])) == 1
