"""Rows of a solution, taken out and put back."""

import numpy as np
import pytest
import torch
from solution_of_everything import full_solution

from sciadv.errors import InputError
from sciadv.solution import Solution, Status


def solution(values: list[float], status: Status) -> Solution:
    x = torch.tensor(values)[:, None]
    return Solution(x, None, 2 * x, x[:, 0], [status] * len(values), "test", margins=x)


def test_rows_are_taken_and_put_back_in_every_field():
    ours, theirs = solution([0.0, 1.0, 2.0], Status.CONVERGED), solution([5.0, 6.0], Status.EXPLAINED)
    index = torch.tensor([2, 0])
    joined = ours.with_rows(index, theirs)
    assert joined.x[:, 0].tolist() == [6.0, 1.0, 5.0]
    assert joined.margins[:, 0].tolist() == [6.0, 1.0, 5.0]
    assert joined.status == [Status.EXPLAINED, Status.CONVERGED, Status.EXPLAINED]
    again = joined.rows(index)
    assert torch.equal(again.prediction, theirs.prediction)
    assert again.status == theirs.status
    assert again.z is None
    assert ours.x[:, 0].tolist() == [0.0, 1.0, 2.0]


def test_an_index_takes_rows_with_posterior_and_diagnosis():
    whole = full_solution()
    one = whole[2]
    assert len(one) == 1
    assert torch.equal(one.x, whole.x[2:3])
    assert torch.equal(one.posterior.samples, whole.posterior.samples[2:3])
    assert torch.equal(one.diagnosis.findings.move, whole.diagnosis.findings.move[2:3])
    assert one.status == [whole.status[2]]
    assert one.diagnosis.words == [whole.diagnosis.words[2]]
    assert one.history == whole.history


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (-1, [3]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        (slice(4, 9), []),
        ([3, 0, 3], [3, 0, 3]),
        (torch.tensor([2]), [2]),
        (np.array([1, 2]), [1, 2]),
        (np.int64(1), [1]),
        (torch.tensor([True, False, False, True]), [0, 3]),
        ([True, False, True, False], [0, 2]),
    ],
)
def test_whatever_takes_rows_of_an_array_takes_rows_of_a_solution(index, rows):
    whole = full_solution()
    assert torch.equal(whole[index].misfit, whole.misfit[rows])
    assert whole[index].status == [whole.status[row] for row in rows]


@pytest.mark.parametrize("index", [torch.tensor([0.5]), torch.tensor([9]), torch.zeros(2, 2).long(), True])
def test_other_indices_are_refused_in_words(index):
    with pytest.raises(InputError, match="a solution of 4 measurements is indexed by"):
        full_solution()[index]


def test_a_number_out_of_range_is_an_index_error():
    with pytest.raises(IndexError, match="no measurement 4: there are 4"):
        full_solution()[4]


def test_a_loop_goes_through_the_measurements():
    whole = full_solution()
    assert torch.equal(torch.cat([one.x for one in whole]), whole.x)


def test_the_median_misfit_is_the_same_in_words_and_in_the_summary():
    ours = solution([0.5, 1.0, 1.5, 4.0], Status.EXPLAINED)
    assert ours.median_misfit == 1.25
    assert ours.summary()["misfit_quantiles_5_50_95"][1] == 1.25
    assert "misfit 1.25 sigma" in repr(ours)
    assert "1.25 sigma" in ours._repr_html_()
