"""Past the generator's range with any operator and any noise: the linear answer, optimisers, truths."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy import optimize
from torch import Tensor

from sciadv.data.moments import Moments, Residual
from sciadv.forward import Forward, Magnitude, Matrix, NonlinearForward
from sciadv.likelihood import Gaussian, Likelihood, Poisson, StudentT
from sciadv.problem import Problem
from sciadv.solvers import Auto, RepresentationError, Solver, TangentKernel
from sciadv.solvers.linear.linearised_data import data_model
from sciadv.testing import check_solver
from sciadv.testing.solver_suite import linear_problem

SHAPE = (1, 4, 6)


class Disguised(NonlinearForward):
    """A linear operator that does not say so."""

    def __init__(self, inner: Forward) -> None:
        super().__init__(inner.in_shape, inner.out_shape)
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        predicted: Tensor = self.inner(x)
        return predicted


class Rates(NonlinearForward):
    """``scale exp(A x / 4)``."""

    def __init__(self, inner: Forward, scale: float) -> None:
        super().__init__(inner.in_shape, inner.out_shape)
        self.inner, self.scale = inner, scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * (self.inner(x) / 4).exp()


def leaving(m: int, *, n: int = 4) -> tuple[Problem, Tensor]:
    """Return a linear generator with statistics of what it leaves out, and truths that leave its range."""
    problem = linear_problem(n_problems=n, n_measurements=m)
    draw = torch.Generator().manual_seed(1)
    root = 0.3 * torch.randn(24, 24, generator=draw)
    mean = 0.1 * torch.randn(1, 4, 6, generator=draw)
    moments = Moments(mean, root @ root.T + 0.01 * torch.eye(24))
    prior = replace(problem.prior, residual=Residual(moments, moments, torch.zeros(1, 1, 4, 6)))
    nu = mean + (torch.randn(n, 24, generator=draw) @ root.T).reshape(-1, 1, 4, 6)
    assert problem.truth is not None
    return replace(problem, prior=prior), problem.truth + nu


def measured(problem: Problem, forward: Forward, likelihood: Likelihood, x: Tensor) -> Problem:
    with torch.no_grad():
        y = likelihood.sample(forward(x), generator=torch.Generator().manual_seed(2))
    return Problem(problem.prior, forward, likelihood, y, truth=x)


@pytest.mark.parametrize("m", [12, 40])
@pytest.mark.parametrize("solver", [RepresentationError(), TangentKernel(tolerance=1e-7)])
def test_a_linear_operator_written_as_a_nonlinear_one_gives_the_same_answer(m: int, solver: Solver) -> None:
    bare, x = leaving(m)
    problem = measured(bare, bare.forward, Gaussian(0.05), x)
    disguised = replace(problem, forward=Disguised(problem.forward))
    torch.testing.assert_close(solver.solve(disguised).x, solver.solve(problem).x, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("m", [12, 40])
def test_the_derivative_of_magnitudes_is_that_of_autograd(m: int) -> None:
    draw = torch.Generator().manual_seed(0)
    matrix = torch.randn(m, 24, generator=draw) + 1j * torch.randn(m, 24, generator=draw)
    bare, x = leaving(12, n=2)
    data = data_model(measured(bare, Magnitude(Matrix(matrix, SHAPE)), Gaussian(0.1), x))

    def magnitudes(image: Tensor) -> Tensor:
        return (matrix @ image.to(matrix.dtype)).abs()

    for row in range(2):
        exact = torch.func.jacrev(magnitudes)(x[row].flatten())
        torch.testing.assert_close(data.jacobian(x.flatten(1))[row].T.float(), exact, atol=1e-4, rtol=1e-4)


class Spectrum(NonlinearForward):
    """Complex data of a nonlinear operator: ``A x`` turned by its square."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__(SHAPE, (len(matrix),))
        self.matrix = matrix

    def forward(self, x: Tensor) -> Tensor:
        u = x.flatten(1) @ self.matrix.T
        return torch.complex(u, u.square())


@pytest.mark.parametrize("m", [6, 20])
def test_complex_data_count_as_two_real_numbers(m: int) -> None:
    matrix = torch.randn(m, 24, generator=torch.Generator().manual_seed(0))
    bare, x = leaving(12, n=2)
    data = data_model(measured(bare, Spectrum(matrix), Gaussian(0.1), x))
    u = x.flatten(1) @ matrix.T
    exact = torch.stack([torch.ones_like(u), 2 * u], 2)[..., None] * matrix[:, None]  # (rows, m, 2, pixels)
    found = data.jacobian(x.flatten(1)).transpose(1, 2).float()
    torch.testing.assert_close(found, exact.flatten(1, 2), atol=1e-4, rtol=1e-4)


def operators() -> list[tuple[Forward, Likelihood]]:
    draw = torch.Generator().manual_seed(3)
    matrix = Matrix(torch.randn(16, 24, generator=draw) / 24**0.5, SHAPE)
    return [
        (Rates(matrix, 1.0), Gaussian(0.02)),
        (Rates(matrix, 50.0), Poisson()),
        (matrix, StudentT(0.05, freedom=3.0)),
        (Magnitude(matrix), Gaussian(0.05)),
    ]


@pytest.mark.parametrize("which", range(4), ids=["exp", "poisson", "student-t", "magnitude"])
def test_no_general_optimiser_goes_lower_from_its_answer_and_the_truth_is_nearer(which: int) -> None:
    forward, likelihood = operators()[which]
    bare, x = leaving(12, n=6)
    problem = measured(bare, forward, likelihood, x)
    found = RepresentationError().solve(problem)
    assert found.z is not None
    assert found.x_range is not None
    assert found.objective is not None
    assert problem.prior.residual is not None
    image = problem.prior.residual.image
    precision = torch.linalg.inv(image.covariance.double())
    data, mean = data_model(problem), image.mean.flatten().double()
    net = problem.prior.generator[0]  # type: ignore[index]  # a sequence whose first layer is linear
    weight, bias = net.weight.detach().double(), net.bias.detach().double()

    def with_gradient(at: object) -> tuple[float, object]:
        leaf = torch.as_tensor(at, dtype=torch.float64).requires_grad_(True)
        z, nu = leaf[:4], leaf[4:]
        energy = data.score((weight @ z + bias + mean + nu)[None], torch.tensor([0]))[1][0]
        value = energy + 0.5 * (z @ z + nu @ precision @ nu)
        return float(value.detach()), torch.autograd.grad(value, leaf)[0].numpy()

    z = found.z[0].double()
    nu = found.x[0].double().flatten() - weight @ z - bias - mean
    begun = with_gradient(torch.cat([z, nu]).numpy())[0]
    best = optimize.minimize(
        with_gradient, torch.cat([z, nu]).numpy(), jac=True, method="L-BFGS-B", options={"maxiter": 300}
    )
    assert begun < best.fun + 0.02 * abs(best.fun) + 0.05
    if which != 3:  # magnitudes do not tell x from a reflected one
        ours = (found.x - x).square().mean()
        assert ours < (found.x_range - x).square().mean()


def test_conforms_with_a_nonlinear_operator() -> None:
    bare, x = leaving(12)
    problem = measured(bare, operators()[0][0], Gaussian(0.02), x)
    check_solver(RepresentationError(), problem=problem)
    check_solver(TangentKernel(), problem=problem)


@pytest.mark.parametrize("which", [0, 1], ids=["exp", "poisson"])
def test_auto_leaves_the_range_where_a_nonlinear_problem_is_not_explained_in_it(which: int) -> None:
    forward, likelihood = operators()[which]
    bare, x = leaving(12, n=5)
    inside = bare.prior.sample(1, seed=3)
    problem = measured(bare, forward, likelihood, torch.cat([x, inside]))
    found = Auto().solve(problem)
    outside = "regularised-gauss-newton" if isinstance(problem.likelihood, Gaussian) else "tangent-kernel"
    assert found.settings["stages"][outside] >= 4
    assert found.x_range is not None
    assert bool((found.x[5] == found.x_range[5]).all())
    assert float(found.misfit.max()) < 1.5
    assert (found.x[:5] - x).square().mean() < (found.x_range[:5] - x).square().mean()
