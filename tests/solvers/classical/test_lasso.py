import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from sklearn.linear_model import Lasso as Oracle

from sciadv import Gaussian, Prior, Problem, Status
from sciadv.errors import InputError
from sciadv.forward import MaskedFourier, Matrix
from sciadv.solvers import Lasso
from sciadv.verbs.solve import solve

SHAPE = (1, 8, 8)
PRIOR = Prior(torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.Unflatten(1, SHAPE)), 2)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def spikes(n: int = 3) -> torch.Tensor:
    """Images with five bright pixels each."""
    x = torch.zeros(n, 64)
    generator = torch.Generator().manual_seed(1)
    for row in x:
        row[torch.randperm(64, generator=generator)[:5]] = 0.9
    return x.reshape(n, *SHAPE)


MATRIX = draw(40, 64)


def problem_of(x: torch.Tensor) -> Problem:
    forward = Matrix(MATRIX, SHAPE)
    return Problem(PRIOR, forward, Gaussian(0.01), forward(x) + 0.01 * draw(len(x), 40, seed=3))


def test_pixel_basis_is_scikit_learns_lasso() -> None:
    problem = problem_of(spikes())
    expected = [
        Oracle(alpha=0.1).fit(MATRIX.numpy(), y.numpy()).coef_.clip(0, 1) for y in problem.measurements
    ]
    assert np.allclose(Lasso().solve(problem).x.flatten(1), np.stack(expected), atol=1e-3)


def test_cosine_basis_is_scikit_learns_lasso_on_cosines() -> None:
    problem = problem_of(spikes())
    cosines = dctn(MATRIX.numpy().reshape(40, 8, 8), axes=(1, 2), norm="ortho").reshape(40, 64)
    weights = [Oracle(alpha=0.05).fit(cosines, y.numpy()).coef_.reshape(8, 8) for y in problem.measurements]
    expected = np.stack([idctn(w, norm="ortho").clip(0, 1) for w in weights])
    assert np.allclose(Lasso("dct", alpha=0.05).solve(problem).x[:, 0], expected, atol=1e-3)


def test_sparse_images_are_recovered_from_fewer_data_than_pixels() -> None:
    x = spikes()
    solution = Lasso(alpha=1e-3).solve(problem_of(x))
    assert (solution.x - x).square().mean() < 1e-4
    assert set(solution.status) == {Status.DIRECT}
    assert solution.settings["n_not_converged"] == 0


def test_smooth_images_are_recovered_in_cosines_but_not_in_pixels() -> None:
    ramp = torch.linspace(0, torch.pi, 8)
    x = (0.5 + 0.4 * torch.cos(ramp)[:, None] * torch.cos(ramp)[None]).reshape(1, *SHAPE)
    errors = {
        basis: (Lasso(basis, alpha=1e-2).solve(problem_of(x)).x - x).square().mean()
        for basis in ("pixel", "dct")
    }
    assert errors["dct"] < 0.1 * errors["pixel"]


def test_complex_data_count_as_two_real_numbers() -> None:
    x = spikes()
    forward = MaskedFourier(SHAPE, torch.rand(8, 8, generator=torch.Generator().manual_seed(0)) < 0.6)
    problem = Problem(PRIOR, forward, Gaussian(0.01), forward(x))
    assert (Lasso(alpha=1e-5).solve(problem).x - x).square().mean() < 1e-3


def test_searches_that_do_not_converge_are_counted_and_do_not_warn() -> None:
    forward = Matrix(draw(40, 1, seed=9) + 0.1 * MATRIX, SHAPE)  # columns nearly equal
    problem = Problem(PRIOR, forward, Gaussian(0.01), draw(1, 40, seed=11))
    assert Lasso(alpha=1e-6).solve(problem).settings["n_not_converged"] == 1


def test_it_is_in_the_registry() -> None:
    assert solve(problem_of(spikes()), "lasso").method == "lasso"


def test_bad_settings_and_operators_get_a_sentence() -> None:
    with pytest.raises(InputError, match="wavelet"):
        Lasso("wavelet")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="alpha must be > 0"):
        Lasso(alpha=0.0)
    flat = Prior(torch.nn.Linear(2, 64), 2)
    with pytest.raises(InputError, match="needs images"):
        Lasso("dct").solve(Problem(flat, Matrix(MATRIX), Gaussian(1.0), torch.zeros(1, 40)))
