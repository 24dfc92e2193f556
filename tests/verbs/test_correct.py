"""The verb `correct`: by name, by path, by a problem; bad input in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.domains.batch_correction import BatchCorrector, simulate_counts
from sciadv.domains.batch_correction.batch_problem import cell_problem
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import find_entry
from sciadv.verbs.correct import correct

NAME = "pbmc-correction"


@pytest.fixture(scope="module")
def cells():
    return simulate_counts(120, 30, n_batches=3, n_types=2, seed=0)


def test_a_name_a_path_and_the_corrector_give_the_same(cells):
    expected = BatchCorrector().correct(cells.counts, batch=cells.batch)
    for problem in (NAME, find_entry("problems", NAME) / "problem.toml"):
        np.testing.assert_array_equal(correct(problem, cells.counts, batch=cells.batch), expected)


def test_a_problem_of_a_fitted_corrector_is_solved_and_given_back_in_kind(cells):
    corrector = BatchCorrector(method="linear").fit(cells.counts, batch=cells.batch)
    some = torch.as_tensor(cells.counts[cells.batch == "batch 1"][:4])
    found = correct(cell_problem(corrector, some, own="batch 1"), some)
    assert isinstance(found, torch.Tensor)
    torch.testing.assert_close(found, corrector.transform(some, batch=["batch 1"] * 4), atol=1e-4, rtol=1e-4)


def image_problem() -> Problem:
    net = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Unflatten(1, (1, 4, 4)))
    return Problem(Prior(net, 3), torch.eye(16), Gaussian(1.0), torch.ones(1, 16))


@pytest.mark.parametrize(
    ("problem", "settings", "words"),
    [
        (NAME, {"batch": 5}, "batches must be one name for each cell, but they are 5"),
        (
            NAME,
            {"batch": "batch 1"},
            r"but they are 'batch 1'; of a column give the values, obs\['batch 1'\]",
        ),
        (NAME, {"batch": np.zeros((120, 2))}, "batches must be one name for each cell"),
        (NAME, {}, "an array does not say which cell is of which batch"),
        (NAME, {"seed": -1}, "seed must be a whole number"),
        (NAME, {"seed": 0.5}, "seed must be a whole number"),
        (NAME, {"device": "abacus"}, "device 'abacus' is not on this machine"),
        (NAME, {"method": "combat"}, "no method is named 'combat'"),
        (NAME, {"method": ["linear"]}, "no method is named"),
        ("pbmc", {}, "no problem is named 'pbmc'"),
        ("mri-undersampled", {}, "is no batch correction but a problem to solve"),
        (3, {}, "problem must be a Problem, a name or a path, but it is 3"),
        (None, {}, "problem must be a Problem, a name or a path, but it is None"),
        (image_problem(), {}, "is no problem of a batch corrector"),
        (image_problem(), {"batch": ["a"]}, "leave batch and labels out"),
    ],
)
def test_bad_requests_are_refused_in_words(cells, problem, settings, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        correct(problem, cells.counts, **settings)


def broken_cells(cells, what: str):
    from scipy import sparse

    counts = cells.counts
    broken = sparse.csr_matrix(counts)
    broken.indices[3] = 10**6
    return {
        "ragged": [[1, 2], [3]],
        "masked": np.ma.masked_greater(counts, 3),
        "complex": counts.astype(complex),
        "dates": np.full(counts.shape, np.datetime64("2020-01-01")),
        "nothing": None,
        "overflow": counts.astype(np.float64) * 1e38 + 0.5,
        "index": broken,
    }[what]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("ragged", "not a rectangular array"),
        ("masked", "masked"),
        ("complex", "expression is a matrix of numbers"),
        ("dates", "must be an array of numbers"),
        ("nothing", "must be an array of numbers"),
        ("overflow", "values are Inf"),
        ("index", "broken sparse matrix"),
    ],
)
def test_what_is_no_expression_is_refused_in_words(cells, what, words):
    with pytest.raises(InputError, match=words):
        correct(NAME, broken_cells(cells, what), batch=cells.batch)


def test_cells_that_do_not_fit_into_memory_are_refused_with_the_estimate(cells, monkeypatch):
    monkeypatch.setattr("sciadv.arguments.memory.total_bytes", lambda device="cpu": 60_000)
    with pytest.raises(InputError, match="correcting 120 cells x 30 genes would take about"):
        correct(NAME, cells.counts, batch=cells.batch)


def test_numbers_of_other_libraries_are_numbers(cells):
    found = correct(NAME, cells.counts, batch=iter(cells.batch), seed=np.int64(0))
    assert np.isfinite(found).all()
