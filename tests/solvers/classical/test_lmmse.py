import pytest
import torch

from sciadv import Gaussian, Poisson, Prior, Problem, Status
from sciadv.errors import InputError
from sciadv.forward import (
    BlockSum,
    Blur,
    Forward,
    Mask,
    MaskedFourier,
    Matrix,
    NonlinearForward,
    ParallelBeam,
)
from sciadv.prior import Moments
from sciadv.solvers import LMMSE
from sciadv.verbs.solve import solve

SHAPE = (1, 6, 6)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


MIXING = draw(36, 36, seed=5) / 6
MEAN = draw(*SHAPE, seed=6)
MOMENTS = Moments(MEAN, MIXING @ MIXING.T)


def make(
    forward: Forward, sigma: float | torch.Tensor | None = 0.3, *, n: int = 4, ships: bool = True
) -> Problem:
    net = torch.nn.Sequential(torch.nn.Linear(2, 36), torch.nn.Unflatten(1, SHAPE))
    x = MEAN + (draw(n, 36, seed=7) @ MIXING.T).reshape(n, *SHAPE)
    y = forward(x)
    noise = draw(*torch.view_as_real(y).shape, seed=8) if y.is_complex() else draw(*y.shape, seed=8)
    y = y + 0.3 * (torch.view_as_complex(noise) if y.is_complex() else noise)
    prior = Prior(net, 2, moments=MOMENTS if ships else None)
    return Problem(prior, forward, Gaussian(sigma), y, truth=x)


def real_matrix(forward: Forward) -> torch.Tensor:
    columns = forward(torch.eye(36).reshape(36, *SHAPE))
    columns = torch.view_as_real(columns) if columns.is_complex() else columns
    return columns.flatten(1).T.double()


MASK = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) < 0.5
OPERATORS: list[Forward] = [
    Matrix(draw(9, 36), SHAPE),
    BlockSum(SHAPE, 2),
    Mask(MASK),
    Blur(SHAPE, torch.tensor([[0.1, 0.2], [0.3, 0.4]])),
    MaskedFourier(SHAPE, MASK[0]),
    ParallelBeam(SHAPE, [0.0, 45.0, 90.0]),
]


@pytest.mark.parametrize("forward", OPERATORS, ids=lambda f: type(f).__name__)
def test_is_the_conditional_mean_of_the_gaussian_for_any_linear_operator(forward: Forward) -> None:
    problem = make(forward)
    A, C, mean = real_matrix(forward), MOMENTS.covariance.double(), MEAN.flatten().double()
    y = (
        torch.view_as_real(problem.measurements)
        if problem.measurements.is_complex()
        else problem.measurements
    )
    gain = C @ A.T @ torch.linalg.inv(A @ C @ A.T + 0.3**2 * torch.eye(len(A)))
    expected = mean + (y.flatten(1).double() - A @ mean) @ gain.T
    assert torch.allclose(LMMSE().solve(problem).x.flatten(1).double(), expected, atol=2e-4)


def test_one_sigma_per_datum_is_heeded() -> None:
    sigma = torch.full((9,), 0.3)
    sigma[0] = 1e6  # as if the first datum were absent
    problem = make(OPERATORS[0], sigma)
    without = Problem(
        problem.prior, Matrix(draw(9, 36)[1:], SHAPE), Gaussian(0.3), problem.measurements[:, 1:]
    )
    assert torch.allclose(LMMSE().solve(problem).x, LMMSE().solve(without).x, atol=1e-3)


def test_has_less_error_than_the_mean_and_says_it_is_direct() -> None:
    problem = make(OPERATORS[0], n=200)
    solution = solve(problem, "lmmse")
    assert problem.truth is not None
    assert (solution.x - problem.truth).square().mean() < 0.9 * (MEAN - problem.truth).square().mean()
    assert solution.z is None
    assert set(solution.status) == {Status.DIRECT}
    assert "closed form" in solution.messages[0]


def test_batch_of_one_is_batch_of_four() -> None:
    problem = make(OPERATORS[0])
    together = LMMSE().solve(problem).x
    alone = torch.cat([LMMSE().solve(problem.subset([i])).x for i in range(4)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_given_moments_come_before_the_priors() -> None:
    problem = make(OPERATORS[0], ships=False)
    given = LMMSE(moments=Moments(MEAN, 1e-12 * torch.eye(36))).solve(problem)
    assert torch.allclose(given.x, MEAN.expand(4, *SHAPE), atol=1e-4)
    assert given.settings["moments"] == "given"


def test_clip_bounds_the_estimate() -> None:
    x = LMMSE(clip=(0.0, 1.0)).solve(make(OPERATORS[0])).x
    assert x.min() >= 0
    assert x.max() <= 1


def test_the_monitor_is_told_once() -> None:
    told: list[object] = []
    LMMSE().solve(make(OPERATORS[0]), monitor=told.append)
    assert len(told) == 1


class _Square(NonlinearForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x**2


def test_a_problem_it_cannot_solve_gets_a_sentence() -> None:
    linear = make(OPERATORS[0])
    with pytest.raises(InputError, match="ships no mean and covariance"):
        LMMSE().solve(make(OPERATORS[0], ships=False))
    with pytest.raises(InputError, match="sigma is unknown"):
        LMMSE().solve(make(OPERATORS[0], None))
    with pytest.raises(InputError, match="Gaussian noise"):
        LMMSE().solve(Problem(linear.prior, linear.forward, Poisson(), linear.measurements.abs()))
    with pytest.raises(InputError, match="needs a linear operator, but _Square"):
        LMMSE().solve(Problem(linear.prior, _Square(SHAPE, SHAPE), Gaussian(1.0), torch.zeros(1, *SHAPE)))
    with pytest.raises(InputError, match="moments are of 2 pixels"):
        LMMSE(moments=Moments(torch.zeros(2), torch.eye(2))).solve(linear)
    n = linear.prior.out_shape[1] * linear.prior.out_shape[2]
    with pytest.raises(InputError, match=rf"a covariance of shape \({n}, 2\)"):
        LMMSE(moments=Moments(torch.zeros(n), torch.zeros(n, 2))).solve(linear)


def test_restarts_are_refused() -> None:
    with pytest.raises(InputError, match="does not restart"):
        solve(make(OPERATORS[0]), "lmmse", restarts=3)
