import pytest
import torch
from scipy.optimize import minimize

from sciadv import Constraint, Gaussian, Prior, Problem, Tolerance, solve
from sciadv.constraint import Constrained
from sciadv.errors import InputError
from sciadv.forward import Matrix
from sciadv.solution import Status
from sciadv.solvers import CSGM

SUM = Constraint("sum", Matrix(torch.ones(1, 2), (2,)), at_most=2.0, unit="m")
FIRST = Constraint("first", Matrix(torch.tensor([[1.0, 0.0]]), (2,)), at_most=1.5)
Y = torch.tensor([[3.0, 1.0], [0.5, 0.2], [-1.0, 5.0]])


def problem(constraints=(SUM, FIRST), y=Y, likelihood=None):
    prior = Prior(torch.nn.Identity(), 2)
    return Problem(
        prior,
        torch.eye(2),
        Gaussian(0.1) if likelihood is None else likelihood,
        y,
        latent_weight=0.0,
        constraints=constraints,
    )


def nearest_feasible(y):
    found = minimize(
        lambda x: ((x - y) ** 2).sum(),
        [0.0, 0.0],
        constraints={"type": "ineq", "fun": lambda x: [2 - x.sum(), 1.5 - x[0]]},
        method="SLSQP",
    )
    return torch.as_tensor(found.x, dtype=torch.float32)


@pytest.mark.parametrize("method", ["levenberg-marquardt", "adam"])
def test_search_finds_the_nearest_feasible_point_as_slsqp_does(method):
    solution = solve(problem(), method)
    assert solution.feasible is not None
    assert solution.feasible.tolist() == [True, True, True]
    expected = torch.stack([nearest_feasible(y.numpy()) for y in Y])
    torch.testing.assert_close(solution.x[[0, 2]], expected[[0, 2]], atol=0.02, rtol=0)
    assert solution.status[1] is Status.EXPLAINED


def test_margins_say_how_far_below_each_limit():
    solution = solve(problem(), "levenberg-marquardt")
    assert solution.margins is not None
    by_hand = torch.stack([(2 - solution.x.sum(1)) / 2, (1.5 - solution.x[:, 0]) / 1.5], 1)
    torch.testing.assert_close(solution.margins, by_hand)
    assert solution.summary()["n_feasible"] == 3


def test_without_constraints_nothing_is_said_of_them():
    solution = solve(problem(constraints=()), "levenberg-marquardt")
    assert solution.margins is None
    assert solution.feasible is None


def test_answer_does_not_hang_on_the_batch():
    together = solve(problem(), "levenberg-marquardt")
    alone = solve(problem().subset([2]), "levenberg-marquardt")
    torch.testing.assert_close(together.x[2:], alone.x, atol=5e-3, rtol=0)


def test_impossible_constraints_end_in_a_status_that_says_so():
    never = Constraint("never", Matrix(torch.zeros(1, 2), (2,)), at_most=-1.0)
    solution = solve(problem(constraints=(never,)), "levenberg-marquardt")
    assert {status.name for status in solution.status} == {"INFEASIBLE"}
    assert "keeps every constraint" in solution.messages[0]


def test_baseline_that_cannot_search_reports_the_margins():
    solution = solve(problem(), CSGM(n_iterations=50))
    assert solution.margins is not None
    assert not bool(solution.feasible.all())


def test_augmented_energy_has_its_gradient_and_curvature():
    likelihood = Constrained(Gaussian(0.5), (2,), (SUM, FIRST), weight=30.0)
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(5, 4, generator=generator, dtype=torch.float64).add(1.5).requires_grad_()
    y = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(likelihood.energy(prediction, y).sum(), prediction)
    torch.testing.assert_close(likelihood.gradient(prediction, y), gradient)
    hessian = torch.autograd.functional.hessian(lambda p: likelihood.energy(p, y).sum(), prediction.detach())
    diagonal = torch.stack([hessian[i, :, i].diagonal() for i in range(5)])
    torch.testing.assert_close(likelihood.curvature(prediction.detach(), y), diagonal)


def test_misfit_is_at_most_one_only_where_all_is_kept():
    likelihood = Constrained(Tolerance(1.0), (1,), (SUM,), weight=1.0)
    y = torch.tensor([[0.0, 0.0]]).expand(3, 2)
    prediction = torch.tensor([[0.5, 1.9], [0.5, 2.1], [1.5, 1.9]])
    assert (likelihood.misfit(prediction, y) <= 1).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Constraint("c", SUM.forward, at_most=float("nan")),
            "at_most of constraint 'c' must be a",
        ),
        (lambda: Constraint("c", SUM.forward, at_most=0.0), "where at_most is 0; give one"),
        (lambda: problem(constraints=(SUM, SUM)), "names of their own"),
        (
            lambda: problem(constraints=(Constraint("c", Matrix(torch.ones(1, 3), (3,)), at_most=1.0),)),
            r"takes candidates \(3,\), but the prior generates \(2,\)",
        ),
    ],
)
def test_bad_constraints_are_refused_in_words(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_relative_tolerance_is_a_part_of_the_target():
    likelihood = Tolerance(0.01, is_relative=True)
    y = torch.tensor([[0.1], [100.0]])
    torch.testing.assert_close(likelihood.misfit(1.005 * y, y), torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)
