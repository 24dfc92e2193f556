"""The conformance suite of batch corrections: each method behind `BatchCorrector` can be checked."""

from __future__ import annotations

from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sciadv.domains.batch_correction import (
    AdversarialSettings,
    BatchCorrector,
    SimulatedCounts,
    simulate_counts,
)
from sciadv.domains.batch_correction.batch_problem import OwnBatch, cell_problem
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.errors import InputError
from sciadv.testing.forward_suite import check_forward
from sciadv.testing.promise import require
from sciadv.verbs.correct import correct

_QUICK = AdversarialSettings(20, 8, 32, least_steps=60, epochs=1, minibatch=64)


def check_corrector(
    method: str,
    *,
    cells: SimulatedCounts | None = None,
    settings: AdversarialSettings | None = None,
    tolerance: float = 1e-4,
) -> None:
    """Check that a method of `BatchCorrector` keeps the promises that all methods make.

    The same correction for a seed; the same from its files; cells that the fit has not seen, in any order,
    one by one or together; arrays, tensors and sparse matrices given back in kind; a gap between batches that
    gets smaller; one batch, unknown batches and cells without counts refused in a sentence; and the problem
    "what would this cell be without the batch?", whose solution is the correction.

    Parameters
    ----------
    method
        Name of the method.
    cells
        Cells to fit; 240 simulated ones of three batches and two types if left out.
    settings
        Of the fit; quick ones if left out.
    tolerance
        Largest difference of two corrections that should be equal, in log expression.

    Raises
    ------
    AssertionError
        A promise is broken; the message says which.
    """
    given = cells or simulate_counts(240, 40, n_batches=3, n_types=2, seed=0)
    quick = settings or _QUICK
    corrector = BatchCorrector(method=method, settings=quick, seed=3).fit(given.counts, batch=given.batch)
    corrected = corrector.transform(given.counts, batch=given.batch)
    require(isinstance(corrected, np.ndarray), "an array was not given back as one")
    require(corrected.shape == given.counts.shape, f"the correction has shape {corrected.shape}")
    require(bool(np.isfinite(corrected).all()), "the correction is not finite")
    again = BatchCorrector(method=method, settings=quick, seed=3).correct(given.counts, batch=given.batch)
    require(np.array_equal(corrected, again), "the same seed gave another correction")
    _check_files(corrector, given, corrected)
    _check_cells(corrector, given, corrected, tolerance)
    _check_kinds(corrector, given, corrected, tolerance)
    _check_gap(corrector, given, corrected)
    _check_refusals(corrector, given)
    _check_problem(corrector, given, corrected, tolerance)


def _check_files(corrector: BatchCorrector, given: SimulatedCounts, corrected: NDArray[Any]) -> None:
    with TemporaryDirectory() as folder:
        loaded = BatchCorrector.load(corrector.save(folder))
    found = loaded.transform(given.counts, batch=given.batch)
    require(np.array_equal(found, corrected), "a corrector that was saved and loaded corrects otherwise")
    require(loaded.card() == corrector.card(), "a corrector that was saved and loaded has another card")


def _check_cells(
    corrector: BatchCorrector, given: SimulatedCounts, corrected: NDArray[Any], tolerance: float
) -> None:
    """Check that neither order nor company of cells changes their correction."""
    order = np.random.default_rng(0).permutation(len(given.batch))
    for rows, what in ((order, "in another order"), (order[:7], "without the others"), (order[:1], "alone")):
        found = corrector.transform(given.counts[rows], batch=given.batch[rows])
        gap = float(np.abs(found - corrected[rows]).max())
        require(gap <= tolerance, f"cells {what} are corrected otherwise, by {gap:.1e}")


def _check_kinds(
    corrector: BatchCorrector, given: SimulatedCounts, corrected: NDArray[Any], tolerance: float
) -> None:
    from scipy import sparse

    tensor = corrector.transform(torch.as_tensor(given.counts), batch=given.batch)
    require(isinstance(tensor, torch.Tensor), "a tensor was not given back as one")
    rows = corrector.transform(sparse.csr_matrix(given.counts), batch=given.batch)
    for name, found in (("a tensor", np.asarray(tensor)), ("a sparse matrix", rows)):
        gap = float(np.abs(found - corrected).max())
        require(gap <= tolerance, f"{name} is corrected otherwise than an array, by {gap:.1e}")


def _check_gap(corrector: BatchCorrector, given: SimulatedCounts, corrected: NDArray[Any]) -> None:
    """Check that the mean expression of the batches comes nearer within each cell type."""
    _, expression, _ = corrector.learnt().prepare(given.counts, Given(), needs_batch=False)

    def gap(x: NDArray[Any]) -> float:
        means = [
            [
                x[(given.cell_type == kind) & (given.batch == batch)].mean(0)
                for batch in np.unique(given.batch)
            ]
            for kind in np.unique(given.cell_type)
        ]
        return float(np.std(means, axis=1).mean())

    before = gap(np.asarray(expression))
    after = gap(corrected)
    require(after < before, f"the gap between batches grows, from {before:.3f} to {after:.3f}")


def _check_refusals(corrector: BatchCorrector, given: SimulatedCounts) -> None:
    n = len(given.batch)
    empty = given.counts.copy()
    empty[0] = 0
    broken = given.counts.copy()
    broken[0, 0] = np.nan
    fresh = BatchCorrector(method=corrector.method, settings=corrector.settings)
    refused: dict[str, Callable[[], object]] = {
        "one batch": lambda: fresh.fit(given.counts, batch=["a"] * n),
        "no batch": lambda: fresh.fit(given.counts),
        "an unknown batch": lambda: corrector.transform(given.counts, batch=["new"] * n),
        "cells without counts": lambda: corrector.transform(empty, batch=given.batch),
        "NaN": lambda: corrector.transform(broken, batch=given.batch),
        "negative counts": lambda: corrector.transform(-given.counts, batch=given.batch),
        "fewer genes": lambda: corrector.transform(given.counts[:, 1:], batch=given.batch),
    }
    for what, call in refused.items():
        try:
            call()
        except InputError:
            continue
        raise AssertionError(f"{what} was not refused")


def _check_problem(
    corrector: BatchCorrector, given: SimulatedCounts, corrected: NDArray[Any], tolerance: float
) -> None:
    """Check that the correction is the solution of a problem: the cell without its batch's part."""
    own = str(given.batch[0])
    rows = np.flatnonzero(given.batch == own)[:5]
    problem = cell_problem(corrector, given.counts[rows], own=own)
    assert isinstance(problem.forward, OwnBatch)
    check_forward(OwnBatch(problem.forward.in_shape, corrector, row=problem.forward.row))
    found = correct(problem, given.counts[rows])
    gap = float(np.abs(found - corrected[rows]).max())
    require(gap <= tolerance, f"the solution of the problem differs from the correction by {gap:.1e}")
