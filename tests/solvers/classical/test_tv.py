import numpy as np
import pytest
import torch

from sciadv import Gaussian, Poisson, Prior, Problem, Status
from sciadv.errors import InputError
from sciadv.forward import Forward, LinearForward, Mask, MaskedFourier, Matrix, NonlinearForward, ParallelBeam
from sciadv.solvers import TV
from sciadv.solvers.classical.tv import divergence, gradient
from sciadv.testing import check_solver
from sciadv.verbs.solve import solve

SIZE = 12


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def blocks(n: int = 2, size: int = SIZE) -> torch.Tensor:
    x = torch.zeros(n, 1, size, size)
    x[:, :, 3:9, 2:7] = 0.8
    x[1:, :, 6:10, 6:11] = 0.4
    return x


def make(forward: Forward, x: torch.Tensor, sigma: float | torch.Tensor = 0.05) -> Problem:
    prior = Prior(
        torch.nn.Sequential(torch.nn.Linear(2, x[0].numel()), torch.nn.Unflatten(1, x.shape[1:])), 2
    )
    y = Gaussian(sigma).sample(forward(x), generator=torch.Generator().manual_seed(1))
    return Problem(prior, forward, Gaussian(sigma), y, truth=x)


def everything(x: torch.Tensor) -> Mask:
    return Mask(torch.ones(x.shape[1:], dtype=torch.bool))


def total_variation(x: np.ndarray) -> float:
    down, right = np.diff(x, axis=0, append=x[-1:]), np.diff(x, axis=1, append=x[:, -1:])
    return float(np.sqrt(down**2 + right**2).sum())


@pytest.mark.parametrize("sizes", [(6,), (5, 7), (4, 1, 3)])
def test_divergence_is_minus_the_adjoint_of_the_gradient(sizes: tuple[int, ...]) -> None:
    x, dual = draw(2, 1, *sizes).double(), draw(len(sizes), 2, 1, *sizes, seed=1).double()
    assert torch.allclose((gradient(x) * dual).sum(), -(x * divergence(dual)).sum())


def test_on_the_identity_it_is_the_denoiser_of_scikit_image() -> None:
    from skimage.restoration import denoise_tv_chambolle

    x, sigma, weight = blocks(1, 24), 0.1, 12.0
    problem = make(everything(x), x, sigma)
    ours = TV(weight, bounds=None, n_iterations=400, tolerance=1e-7).solve(problem).x[0, 0].double().numpy()
    noisy = problem.measurements.reshape(24, 24).double().numpy()
    # scikit-image minimises |x - y|^2 / 2 + weight sigma^2 TV(x) by Chambolle's algorithm
    theirs = denoise_tv_chambolle(noisy, weight * sigma**2, eps=1e-9, max_num_iter=3000)
    assert np.abs(ours - theirs).max() < 5e-3

    def objective(image: np.ndarray) -> float:
        return float(((image - noisy) ** 2).sum() / 2 + weight * sigma**2 * total_variation(image))

    assert objective(ours) <= objective(theirs) * (1 + 1e-4)


@pytest.mark.parametrize("sizes", [(40,), (9, 8, 10)])
def test_signals_and_volumes_are_denoised_as_by_scikit_image(sizes: tuple[int, ...]) -> None:
    from skimage.restoration import denoise_tv_chambolle

    x = torch.zeros(1, 1, *sizes)
    x[..., 3:6] = 0.8
    problem = make(everything(x), x, 0.1)
    ours = TV(12.0, bounds=None, n_iterations=600, tolerance=1e-7).solve(problem).x[0, 0].double().numpy()
    noisy = problem.measurements.reshape(sizes).double().numpy()
    theirs = denoise_tv_chambolle(noisy, 12.0 * 0.1**2, eps=1e-9, max_num_iter=5000)
    assert np.abs(ours - theirs).max() < 5e-3


def test_a_constant_phase_does_not_change_what_is_found_of_complex_images() -> None:
    x = blocks(1)
    mask = draw(SIZE, SIZE, seed=5) > -0.3
    real = make(MaskedFourier((1, SIZE, SIZE), mask), x, 0.02)
    forward = MaskedFourier((1, SIZE, SIZE), mask, dtype=torch.complex64)
    turn = torch.exp(torch.tensor(0.7j))
    found = _complex_tv(forward, real.measurements * turn, 0.02)
    unturned = _complex_tv(forward, real.measurements, 0.02)
    torch.testing.assert_close(found, turn * unturned, atol=2e-4, rtol=0)
    assert float((unturned - x).abs().square().mean()) < 0.01 * float(x.square().mean())


def _complex_tv(forward: Forward, y: torch.Tensor, sigma: float) -> torch.Tensor:
    class Complex(torch.nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.complex(*z.reshape(-1, 2, 1, SIZE, SIZE).unbind(1))

    prior = Prior(Complex(), 2 * SIZE * SIZE)
    problem = Problem(prior, forward, Gaussian(sigma), y)
    return TV(20.0, bounds=None, tolerance=1e-6, n_iterations=1000).solve(problem).x


def test_reaches_the_optimum_of_a_general_convex_solver() -> None:
    from scipy.optimize import minimize

    matrix, size, weight = draw(20, 36, seed=3), 6, 5.0
    x = blocks(1)[:, :, 2:8, 2:8].contiguous()
    problem = make(Matrix(matrix, (1, size, size)), x, 0.3)
    y = problem.measurements[0].double().numpy()
    ours = TV(weight, n_iterations=3000, tolerance=1e-8).solve(problem).x[0, 0].double().numpy()

    def objective(flat: np.ndarray, smooth: float) -> float:
        image = flat.reshape(size, size)
        down, right = np.diff(image, axis=0, append=image[-1:]), np.diff(image, axis=1, append=image[:, -1:])
        length = np.sqrt(down**2 + right**2 + smooth**2) - smooth
        misfit = matrix.double().numpy() @ flat - y
        return float((misfit**2).sum() / (2 * 0.3**2) + weight * length.sum())

    found = np.full(36, 0.3)
    for smooth in (1e-2, 1e-4):  # from a smooth objective to the true one
        found = minimize(
            objective, found, args=(smooth,), bounds=[(0, 1)] * 36, options={"maxfun": 10**6, "maxiter": 2000}
        ).x
    assert objective(ours.ravel(), 0.0) <= objective(found, 0.0) * (1 + 1e-3)


SHAPE = (1, SIZE, SIZE)
OPERATORS: list[LinearForward] = [
    Mask(torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) < 0.6),
    MaskedFourier(SHAPE, torch.arange(SIZE) % 4 != 1),
    ParallelBeam(SHAPE, [0.0, 36.0, 72.0, 108.0, 144.0]),
]


@pytest.mark.parametrize("forward", OPERATORS, ids=lambda f: type(f).__name__)
def test_sees_blocks_better_than_the_adjoint_alone_and_stays_within_bounds(forward: LinearForward) -> None:
    problem = make(forward, blocks())
    solution = solve(problem, TV(weight=8.0))
    assert problem.truth is not None
    back = forward.adjoint(problem.measurements)
    scaled = back * ((back * problem.truth).sum() / back.square().sum())  # the best multiple
    assert (solution.x - problem.truth).square().mean() < 0.5 * (scaled - problem.truth).square().mean()
    assert solution.x.min() >= 0
    assert solution.x.max() <= 1


def test_one_sigma_per_datum_is_heeded() -> None:
    x = blocks(1)
    sigma = torch.full((SIZE * SIZE,), 0.05)
    sigma[:20] = 1e3  # as if the first rows were not measured
    problem = make(everything(x), x, 0.05)
    loose = Problem(problem.prior, problem.forward, Gaussian(sigma), problem.measurements)
    wrong = problem.measurements.clone()
    wrong[:, :20] += 5.0
    moved = loose.with_measurements(wrong)
    assert torch.allclose(TV().solve(loose).x, TV().solve(moved).x, atol=2e-2)


def test_is_found_by_its_name() -> None:
    assert solve(make(OPERATORS[0], blocks()), "tv").method == "tv"


def test_keeps_the_promises_of_every_solver() -> None:
    check_solver(TV(), problem=make(OPERATORS[2], blocks(3)))


def test_an_unconverged_search_says_so_and_an_interrupted_one_keeps_its_image() -> None:
    problem = make(OPERATORS[2], blocks())
    solution = TV(n_iterations=2).solve(problem)
    assert set(solution.status) == {Status.MAX_ITERATIONS}

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    assert set(TV().solve(problem, monitor=stop).status) == {Status.INTERRUPTED}


class _Square(NonlinearForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x**2


def test_a_problem_it_cannot_solve_gets_a_sentence() -> None:
    x = blocks(1)
    problem = make(everything(x), x)
    with pytest.raises(InputError, match="must be > 0"):
        TV(weight=0.0)
    with pytest.raises(InputError, match="low < high"):
        TV(bounds=(1.0, 0.0))
    with pytest.raises(InputError, match="Gaussian noise"):
        TV().solve(Problem(problem.prior, problem.forward, Poisson(), problem.measurements.abs()))
    with pytest.raises(InputError, match="needs a linear operator, but _Square"):
        TV().solve(Problem(problem.prior, _Square(SHAPE, SHAPE), Gaussian(1.0), torch.zeros(1, *SHAPE)))
    flat = Prior(torch.nn.Linear(2, 4), 2)
    with pytest.raises(InputError, match="works on signals"):
        TV().solve(Problem(flat, torch.eye(4), Gaussian(1.0), torch.zeros(1, 4)))
