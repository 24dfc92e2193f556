"""Latent search: the promises of all solvers, Jacobians against autograd, starts, pruning, stopping."""

import pytest
import torch

from sciadv import Gaussian, Poisson, Prior, Problem, Status, Tolerance, solve
from sciadv.errors import InputError, SolveError, UnknownNameError
from sciadv.forward import FaciesSlowness, Mask, MaskedFourier
from sciadv.nets import build_seeded
from sciadv.solvers import CSGM, LMMSE, SOLVERS, Adam, Auto, Lasso, LevenbergMarquardt
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.search import Point, Search, halved, met_better, thinned
from sciadv.solvers.latent.starts import Starts, choose_starts, start_points
from sciadv.solvers.linear.jacobian import solve_smaller
from sciadv.solvers.linear.linearised_draws import linearised_draws, objectives, predicted_objectives
from sciadv.solvers.many_latents.amortised_search import AmortisedSearch
from sciadv.testing import check_solver, linear_problem, map_objective


def small_prior(seed: int = 0) -> Prior:
    return Prior(
        build_seeded({"kind": "mlp-decoder", "n_latent": 4, "image_shape": [1, 6, 6], "hidden": [16]}, seed),
        4,
    )


def problem_with(forward, likelihood, *, n: int = 5, weight: float = 1.0) -> Problem:
    prior = small_prior()
    truth = prior.sample(n, seed=7)
    with torch.no_grad():
        y = likelihood.sample(forward(truth), generator=torch.Generator().manual_seed(1))
    return Problem(prior, forward, likelihood, y, latent_weight=weight, truth=truth)


MASK = torch.ones(1, 6, 6, dtype=torch.bool)
KINDS = {
    "linear": lambda: problem_with(Mask(MASK), Gaussian(0.01)),
    "per-datum": lambda: problem_with(Mask(MASK), Gaussian(torch.linspace(0.005, 0.02, 36))),
    "complex": lambda: problem_with(
        MaskedFourier((1, 6, 6), torch.ones(6, 6, dtype=torch.bool)), Gaussian(0.01)
    ),
    "nonlinear": lambda: problem_with(
        FaciesSlowness((1, 6, 6), velocity_background=0.08, velocity_facies=0.06), Gaussian(0.01)
    ),
    "poisson": lambda: problem_with(100.0 * Mask(MASK), Poisson(1.0)),
    "tolerance": lambda: problem_with(Mask(MASK), Tolerance(0.02)),
}


@pytest.mark.parametrize(
    "solver", [LevenbergMarquardt(), LevenbergMarquardt(starts="random"), Adam(), Auto(), LMMSE()], ids=repr
)
def test_solvers_reach_the_closed_form(solver):
    check_solver(solver)


@pytest.mark.parametrize("solver", [CSGM(n_iterations=200), Lasso()], ids=repr)
def test_baselines_keep_the_promises_of_all_solvers(solver):
    check_solver(solver, reaches_map=False)


def test_every_registered_solver_has_its_own_name():
    assert all(SOLVERS[name]().name == name for name in SOLVERS)


@pytest.mark.parametrize("kind", KINDS)
def test_jacobian_is_that_of_reverse_mode(kind):
    problem = KINDS[kind]()
    z = problem.prior.sample_latent(2, seed=3)

    def predict(latent):
        y = problem.forward(problem.prior(latent[None]))[0]
        return (torch.view_as_real(y) if y.is_complex() else y).flatten()

    expected = torch.stack([torch.autograd.functional.jacobian(predict, row) for row in z])
    torch.testing.assert_close(Search(problem, 1).jacobian(z), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_that_of_the_objective(kind):
    problem = KINDS[kind]()
    search, rows = Search(problem, 1), torch.arange(problem.n_problems)
    z = problem.prior.sample_latent(problem.n_problems, seed=3).requires_grad_(True)
    objective = search.score(z, problem.forward(problem.prior(z)), rows).objective
    (expected,) = torch.autograd.grad(objective.sum(), z)
    torch.testing.assert_close(search.gradient(z, rows)[1], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_data_of_the_prior_are_explained(kind):
    solution = solve(KINDS[kind](), "levenberg-marquardt")
    assert solution.status.count(Status.EXPLAINED) >= 4, solution.messages
    assert solution.messages[0].endswith("explained to the noise level")


def test_unknown_sigma_converges_and_says_that_it_cannot_judge():
    problem = problem_with(Mask(MASK), Gaussian(0.02))
    unknown = Problem(problem.prior, problem.forward, Gaussian(None), problem.measurements, latent_weight=0.1)
    solution = solve(unknown)
    assert set(solution.status) == {Status.CONVERGED_UNKNOWN_NOISE}
    assert float(solution.misfit.max()) < 0.04  # RMS residual in data units, sigma was 0.02
    assert solution.unit == "measurement units"


def test_the_smaller_system_gives_the_answer_of_the_larger():
    draw = torch.Generator().manual_seed(0)
    for n_measurements in (3, 9):  # latent 6: dual, primal
        jacobian = torch.randn(2, n_measurements, 6, generator=draw, dtype=torch.float64)
        diagonal = torch.rand(2, 6, generator=draw, dtype=torch.float64) + 0.1
        right = torch.randn(2, 6, 4, generator=draw, dtype=torch.float64)
        matrix = jacobian.transpose(1, 2) @ jacobian + torch.diag_embed(diagonal)
        expected = torch.linalg.solve(matrix, right)
        torch.testing.assert_close(solve_smaller(jacobian, diagonal, right), expected)


def test_secant_update_maps_the_move_to_the_change_and_stays_positive():
    from sciadv.solvers.latent.levenberg_marquardt import _secant_update

    draw = torch.Generator().manual_seed(0)
    root, move = (torch.randn(3, 6, n, generator=draw, dtype=torch.float64) for n in (6, 1))
    hessian, move = root @ root.transpose(1, 2) + torch.eye(6), move.squeeze(2)
    pushed = (hessian @ move[:, :, None]).squeeze(2)
    change = torch.stack([2 * pushed[0], -pushed[1], torch.full_like(pushed[2], torch.nan)])
    updated = _secant_update(hessian, move, change)
    torch.testing.assert_close(updated[0] @ move[0], change[0])
    assert float(torch.linalg.eigvalsh(updated[1]).min()) > 0  # negative curvature was damped
    assert torch.equal(updated[2], hessian[2])  # a step out of range teaches nothing


def test_the_model_of_a_draw_predicts_the_minimum_of_a_linear_problem():
    problem = linear_problem()
    draws = linearised_draws(problem, seed=0)
    left = predicted_objectives(problem, draws) - map_objective(problem)[:, None]
    before = objectives(problem, draws.z, draws.prediction) - map_objective(problem)[:, None]
    assert bool((left > -0.05).all())
    assert float((left / before).max()) < 0.01  # what the damping leaves


def test_starts_are_the_draws_of_least_predicted_objective():
    problem = KINDS["linear"]()
    started = start_points(problem, Starts(2, "linearised-draws"), seed=0)
    draws = linearised_draws(problem, seed=0)
    reached = predicted_objectives(problem, draws)
    assert torch.equal(started.z[:, 0], draws.z[reached.argmin(1)])
    raw = objectives(problem, draws.z, draws.prediction)
    assert bool((reached < raw).all())


def test_jacobians_of_linearised_draws_are_those_at_their_latents():
    problem = KINDS["nonlinear"]()
    started = start_points(problem, Starts(3, "linearised-draws"), seed=0)
    rows = torch.tensor([4, 1, 13])
    expected = Search(problem, 3).jacobian(started.z.flatten(0, 1)[rows])
    torch.testing.assert_close(started.jacobian(problem, rows), expected)


def test_long_latents_start_from_the_codebook():
    prior = Prior(torch.nn.Sequential(torch.nn.Linear(600, 4), torch.nn.Unflatten(1, (1, 2, 2))), 600)
    problem = Problem(prior, torch.eye(4), Gaussian(0.1), torch.zeros(1, 4))
    assert start_points(problem, Starts(12, "linearised-draws"), seed=0).draws is None


def test_step_by_step_is_run():
    problem, solver = linear_problem(), LevenbergMarquardt(restarts=1, halve_at=())
    state = solver.init(problem, Run(seed=0))
    while state.is_running:
        state = solver.step(state)
    assert torch.equal(state.best.z, solver.solve(problem, seed=0).z)


def test_more_restarts_are_never_worse():
    problem = problem_with(
        Mask(MASK & (torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.1)), Gaussian(0.01)
    )
    objectives = [LevenbergMarquardt(restarts=r, halve_at=()).solve(problem).objective for r in (1, 4, 16)]
    assert bool((objectives[1] <= objectives[0] * 1.001).all())
    assert bool((objectives[2] <= objectives[1] * 1.001).all())


def test_a_restart_that_meets_a_better_one_ends():
    z = torch.tensor([[0.0, 0.0], [0.01, 0.0], [3.0, 0.0], [0.0, 0.0], [2.0, 2.0], [2.0, 2.0]])
    objective = torch.tensor([2.0, 1.0, 3.0, 1.0, 1.0, 1.0])  # two measurements, three restarts each
    assert met_better(z, objective, 3).tolist() == [True, False, False, False, False, True]
    point = Point(z, z, objective, objective)
    assert thinned(point, 3, 1).tolist() == [False, True, True, True, True, False]
    assert thinned(point, 3, 2).tolist() == [False, True, False, True, False, False]


def test_thinning_out_does_not_change_the_best():
    problem = problem_with(Mask(MASK), Gaussian(0.01), n=20)
    thinned_out, all_on = LevenbergMarquardt(), LevenbergMarquardt(halve_at=())
    best, every = thinned_out.solve(problem).objective, all_on.solve(problem).objective
    torch.testing.assert_close(best, every, rtol=1e-2, atol=1e-2)


def test_halving_keeps_the_best_of_each_measurement():
    objective = torch.tensor([3.0, 1.0, 2.0, 0.0, 5.0, 4.0])
    assert halved(objective, 3, 1).tolist() == [False, True, True, True, False, True]
    assert halved(objective, 3, 2).tolist() == [False, True, False, True, False, False]


@pytest.mark.parametrize("where", ["linearised-draws", "codebook", "random"])
def test_starts_depend_on_the_seed_only(where):
    problem, starts = linear_problem(), Starts(3, where)
    first = choose_starts(problem, starts, seed=1)
    assert first.shape == (6, 3, 4)
    assert torch.equal(first, choose_starts(problem, starts, seed=1))
    assert not torch.equal(first, choose_starts(problem, starts, seed=2))


def test_encoder_starts_come_from_the_encoder():
    class Inverse(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, :4]

    problem = linear_problem()
    prior = Prior(problem.prior.generator, 4, Inverse())
    with_encoder = Problem(prior, problem.forward, problem.likelihood, problem.measurements)
    assert choose_starts(with_encoder, Starts(2, "encoder"), seed=0).shape == (6, 2, 4)
    assert solve(with_encoder, LevenbergMarquardt(starts="encoder")).status.count(Status.EXPLAINED) == 6
    with pytest.raises(InputError, match="has no encoder"):
        choose_starts(problem, Starts(1, "encoder"), seed=0)


def test_given_starts_are_used_and_checked():
    problem = linear_problem()
    z = torch.zeros(6, 2, 4)
    assert torch.equal(choose_starts(problem, Starts(2, z), seed=0), z)
    with pytest.raises(
        InputError, match=r"starts have shape \(6, 2, 4\), but \(batch, restarts, latent\) is \(6, 3, 4\)"
    ):
        choose_starts(problem, Starts(3, z), seed=0)
    with pytest.raises(InputError, match="starts must be"):
        choose_starts(problem, Starts(3, "middle"), seed=0)


def test_auto_says_what_it_picked_and_why():
    picked = solve(linear_problem()).settings["picked_by_auto"]
    assert picked.startswith("levenberg-marquardt: ")
    long_latent = Prior(torch.nn.Sequential(torch.nn.Linear(900, 4), torch.nn.Unflatten(1, (1, 2, 2))), 900)
    problem = Problem(long_latent, torch.eye(4), Gaussian(0.1), torch.zeros(1, 4))
    assert isinstance(Auto().pick(problem)[0], AmortisedSearch)


def test_generator_without_forward_mode_gets_adam():
    class NoForwardMode(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            return z * 2

        @staticmethod
        def backward(ctx, gradient):
            return gradient * 2

    class Net(torch.nn.Module):
        def forward(self, z):
            return NoForwardMode.apply(z).reshape(-1, 1, 2, 2)

    problem = Problem(Prior(Net(), 4), torch.eye(4), Gaussian(0.1), torch.ones(2, 4))
    solution = solve(problem)
    assert solution.method == "adam"
    assert "forward mode" in solution.settings["picked_by_auto"]
    torch.testing.assert_close(solution.x.flatten(1), torch.ones(2, 4), atol=0.05, rtol=0)


def test_unregularised_search_stops_at_the_noise():
    problem = linear_problem()
    free = Problem(
        problem.prior, problem.forward, problem.likelihood, problem.measurements, latent_weight=0.0
    )
    stopped, least_squares = solve(free, Adam(restarts=1)), solve(problem)
    for solver in (Adam(restarts=1, stop_at_noise=False), LevenbergMarquardt(stop_at_noise=False)):
        assert float((solve(free, solver).misfit - least_squares.misfit).max()) < 0.02, solver.name
    assert set(stopped.status) == {Status.EXPLAINED}
    assert float((stopped.misfit - least_squares.misfit).mean()) > 0.05  # more steps would have fitted noise


def test_names_and_restarts_are_checked():
    with pytest.raises(UnknownNameError, match=r"no solver is named 'adams' \(did you mean 'adam'"):
        solve(linear_problem(), "adams")
    with pytest.raises(InputError, match="restarts must be a whole number, at least 1"):
        solve(linear_problem(), "adam", restarts=0)
    with pytest.raises(InputError, match="'lmmse' does not restart"):
        solve(linear_problem(), "lmmse", restarts=3)
    with pytest.raises(InputError, match="to the solver itself"):
        solve(linear_problem(), Adam(), restarts=3)


def test_check_raises_with_the_sentence():
    problem = linear_problem()
    noise = problem.with_measurements(problem.measurements + 100)
    with pytest.raises(SolveError, match="not explained to the noise level"):
        solve(noise).check()
    assert solve(problem).check().method == "levenberg-marquardt"


def test_restarts_and_agreement_are_told():
    solution = solve(linear_problem(), LevenbergMarquardt(restarts=5, halve_at=()))
    assert solution.restart_objectives.shape == (6, 5)
    assert bool((solution.agreement == 1).all())  # a convex problem
    torch.testing.assert_close(
        solution.objective.double(), map_objective(linear_problem()), rtol=1e-3, atol=1e-3
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_gives_the_answer_of_the_cpu():
    here, there = solve(linear_problem()), solve(linear_problem(), device="cuda")
    torch.testing.assert_close(there.x.cpu(), here.x, atol=1e-3, rtol=0)
