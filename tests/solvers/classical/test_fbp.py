import pytest
import torch
from jaxtyping import TypeCheckError

from sciadv import Gaussian, Prior, Problem, Status
from sciadv.errors import InputError
from sciadv.forward import Matrix, ParallelBeam, filtered_back_projection
from sciadv.solvers import FBP
from sciadv.verbs.solve import solve

SHAPE = (1, 33, 33)
PRIOR = Prior(torch.nn.Sequential(torch.nn.Linear(2, 33 * 33), torch.nn.Unflatten(1, SHAPE)), 2)


def disc() -> torch.Tensor:
    line = torch.arange(33) - 16.0
    return ((line[:, None] ** 2 + line[None] ** 2) < 100).float().reshape(1, *SHAPE)


def problem_of(n_angles: int) -> Problem:
    forward = ParallelBeam(SHAPE, [180 * i / n_angles for i in range(n_angles)])
    return Problem(PRIOR, forward, Gaussian(0.1), forward(disc()))


def test_a_disc_comes_back_from_many_angles_and_is_the_operators_fbp() -> None:
    problem = problem_of(60)
    solution = solve(problem, "fbp")
    assert isinstance(problem.forward, ParallelBeam)
    assert torch.allclose(solution.x, filtered_back_projection(problem.forward, problem.measurements))
    assert (solution.x - disc()).square().mean() < 0.01
    assert solution.status == [Status.DIRECT]


def test_fewer_angles_give_more_error() -> None:
    errors = [float((FBP().solve(problem_of(n)).x - disc()).square().mean()) for n in (60, 6)]
    assert errors[1] > 2 * errors[0]


def test_the_filter_is_passed_on() -> None:
    problem = problem_of(30)
    assert not torch.allclose(FBP("hann").solve(problem).x, FBP().solve(problem).x)
    with pytest.raises((InputError, TypeCheckError), match="box"):  # whichever looks first
        FBP("box").solve(problem)  # type: ignore[arg-type]


def test_another_operator_gets_a_sentence() -> None:
    problem = Problem(PRIOR, Matrix(torch.ones(2, 33 * 33), SHAPE), Gaussian(1.0), torch.zeros(1, 2))
    with pytest.raises(InputError, match="parallel-beam tomography only, but the operator is Matrix"):
        FBP().solve(problem)
