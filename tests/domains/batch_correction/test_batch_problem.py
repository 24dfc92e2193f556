"""What would this cell be in another batch: the problem, its solution, and the corrector's own answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sciadv
from sciadv.domains.batch_correction import AdversarialSettings, BatchCorrector
from sciadv.domains.batch_correction.batch_problem import OwnBatch, cell_problem, expression_in
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.errors import InputError
from sciadv.testing import check_forward


@pytest.fixture(scope="module")
def adversarial(cells) -> BatchCorrector:
    settings = AdversarialSettings(20, 8, 32, least_steps=60, epochs=1, minibatch=64)
    return BatchCorrector(method="adversarial", settings=settings).fit(cells.counts, batch=cells.batch)


@pytest.fixture(scope="module")
def some(cells):
    """The first eight cells of the second batch."""
    return cells.counts[cells.batch == "batch 2"][:8]


def test_the_solution_is_the_correction_and_its_own_batch_is_the_cell(adversarial, some) -> None:
    problem = cell_problem(adversarial, some, own="batch 2")
    solution = sciadv.solve(problem)
    assert {status.name for status in solution.status} == {"EXPLAINED"}
    expected = adversarial.transform(some, batch=["batch 2"] * 8)
    np.testing.assert_allclose(expression_in(adversarial, some, solution.x), expected, atol=1e-4)
    own = expression_in(adversarial, some, solution.x, batch="batch 2")
    _, measured, _ = adversarial.learnt().prepare(some, Given(), needs_batch=False)
    np.testing.assert_allclose(own, measured, atol=1e-4)


def test_another_batch_differs_by_what_the_decoder_gives_both(adversarial, some) -> None:
    solution = sciadv.solve(cell_problem(adversarial, some, own="batch 2"))
    correction = adversarial.fitted()
    _, expression, _ = adversarial.learnt().prepare(some, Given(), needs_batch=False)
    with torch.no_grad():
        z = correction.nets.posterior(torch.as_tensor(correction.measure(expression)))[0]
        there, here = (correction.nets.decode(z, torch.full((8,), b)) for b in (0, 1))
    found = expression_in(adversarial, some, solution.x, batch="batch 1") - expression
    np.testing.assert_allclose(found, correction.components.to_genes((there - here).numpy()), atol=1e-4)


def test_the_most_probable_answer_explains_the_cell_and_is_near_the_correction(adversarial, some) -> None:
    solution = sciadv.solve(cell_problem(adversarial, some, own="batch 2", latent_weight=1.0))
    assert float(solution.misfit.max()) < 3
    corrected = adversarial.transform(some, batch=["batch 2"] * 8)
    _, expression, _ = adversarial.learnt().prepare(some, Given(), needs_batch=False)
    moved = np.linalg.norm(corrected - expression)
    gap = np.linalg.norm(expression_in(adversarial, some, solution.x) - corrected)
    assert gap < moved  # the gap of amortised inference, less than the correction itself


def test_a_linear_corrector_with_labels_has_the_problem_of_each_label(cells) -> None:
    corrector = BatchCorrector(method="linear").fit(cells.counts, batch=cells.batch, labels=cells.cell_type)
    rows = (cells.batch == "batch 1") & (cells.cell_type == "type 2")
    some = cells.counts[rows][:5]
    solution = sciadv.solve(cell_problem(corrector, some, own="batch 1", label="type 2"))
    expected = corrector.transform(some, batch=["batch 1"] * 5, labels=["type 2"] * 5)
    np.testing.assert_allclose(expression_in(corrector, some, solution.x), expected, atol=1e-3)


def test_the_row_of_a_batch_is_a_forward_operator(adversarial) -> None:
    check_forward(OwnBatch((4, 20), adversarial, row=2))
    with pytest.raises(InputError, match="row is one of them"):
        OwnBatch((4, 20), adversarial, row=4)


def test_what_was_not_fitted_is_refused_in_words(adversarial, some) -> None:
    with pytest.raises(InputError, match="which the corrector has not seen"):
        cell_problem(adversarial, some, own="batch 9")
    with pytest.raises(InputError, match="latent_weight must be a finite number >= 0"):
        cell_problem(adversarial, some, own="batch 1", latent_weight=-1)
    with pytest.raises(InputError, match="call fit or correct first"):
        cell_problem(BatchCorrector(), some, own="batch 1")
