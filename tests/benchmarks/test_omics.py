"""The bench of batch correction: rows for every bar, seeds, cache, and words where data are missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.contract import Settings, judge_bars
from benchmarks.design import omics
from benchmarks.design.omics import HALF, METHODS, Task, draw, measure, read_set, run, summarise, table
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
    assert {"cpu_seconds", "probe", "chance", "unpredictability", "transfer"} <= set(row)
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

    monkeypatch.setattr(omics, "BatchCorrector", Corrector)
    monkeypatch.setattr(omics, "has_scib", lambda: False)
    monkeypatch.setattr(omics, "assess", remember)
    measure(task, HALF, 0)
    hidden = seen["told"] == ""
    assert hidden.sum() == len(task.labels) // 2
    assert (seen["told"][~hidden] == task.labels[~hidden]).all()
    assert (seen["judged"] == task.labels[hidden]).all()


def test_rows_have_a_value_for_every_bar_and_parts_are_kept(task, monkeypatch, tmp_path) -> None:
    numbers = {"total": 0.8, "batch": 0.9, "bio": 0.7, "unpredictability": 1.0, "cpu_seconds": 9.0}
    calls: list[tuple[str, int]] = []

    def fake(task: Task, method: str, seed: int) -> dict[str, float]:
        calls.append((method, seed))
        worse = 0.1 if method == "Harmony" else 0.02 * seed
        return {**numbers, "probe": 0.5, "chance": 0.5, "transfer": 0.9, "total": 0.8 - worse}

    monkeypatch.setattr(omics, "load_task", lambda name, **_: task)
    monkeypatch.setattr(omics, "measure", fake)
    monkeypatch.setattr(omics, "read_set", lambda name: name)
    monkeypatch.setattr(
        omics, "compare_combat", lambda adata: {"row": f"{adata}, linear", "difference": 1e-6}
    )
    settings = Settings(peers=("harmonypy", "scanpy"), cache=tmp_path)
    monkeypatch.setattr(omics, "SETS", ("pbmc_symphony", "pbmc_atlas"))
    rows = run(settings)
    assert calls.count(("adversarial", 2)) == 1  # the task of both sets is the same here, so one is cached
    assert run(settings) == rows
    judged = judge_bars(entry_spec("pbmc-correction").bench.bars, rows)
    assert all(bar.value is not None and bar.holds for bar in judged)
    ours = next(row for row in rows if row["row"] == "pbmc_atlas, adversarial")
    assert ours["n_seeds"] == 3
    assert ours["total"] == pytest.approx(0.78)
    assert all(json.loads(file.read_text()) for file in tmp_path.glob("*.json"))
    assert "0.780 +- 0.016" in table(rows)
    assert "| pbmc_symphony, unlabelled half, 120 cells |" in table(rows)
    figure = Figure()
    draw(figure, rows)
    assert len(figure.axes) == 4


def test_the_worst_seed_is_held_against_the_bounds() -> None:
    parts = [{"unpredictability": u, "cpu_seconds": s} for u, s in ((0.9, 5.0), (1.05, 12.0))]
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
