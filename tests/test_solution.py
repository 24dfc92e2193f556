"""Rows of a solution, taken out and put back."""

import torch

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
