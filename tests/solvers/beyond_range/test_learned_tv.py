from dataclasses import replace

import numpy as np
import pytest
import torch

from sciadv import Gaussian, Poisson, Prior, Problem, Status
from sciadv.data.moments import DENSE_PIXELS, Moments, Residual
from sciadv.errors import InputError
from sciadv.forward import LinearForward, Mask, MaskedFourier, ParallelBeam
from sciadv.solvers import LMMSE, TV, Laplace, LearnedTV
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.linear.factored_gaussian import FactoredGaussian, linear_image
from sciadv.testing import check_solver
from sciadv.verbs.solve import solve

SIZE, LATENT = 12, 3
PIXELS, SHAPE = SIZE * SIZE, (1, SIZE, SIZE)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(n: int, size: int, seed: int) -> torch.Tensor:
    waves = draw(n, 1, size, size, seed=seed)
    return torch.nn.functional.avg_pool2d(waves, 3, 1, 1).flatten(1)


def make_prior(size: int = SIZE, rank: int = 20) -> Prior:
    pixels = size * size
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Linear(LATENT, pixels), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, size, size))
        )
        encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(pixels, LATENT))
    net[0].weight.data = smooth(LATENT, size, 1).T * 4
    factor, diagonal = smooth(rank, size, 2).T * 0.1, torch.full((pixels,), 1e-3)
    residual = Moments(torch.zeros(1, size, size), factor=factor, diagonal=diagonal)
    spread = 0.25 * net[0].weight.data  # the sigmoid's slope at 0
    wide = torch.cat([factor, spread], 1)
    moments = Moments(torch.full((1, size, size), 0.5), factor=wide, diagonal=diagonal)
    return Prior(
        net.eval(),
        LATENT,
        encoder,
        moments=moments,
        residual=Residual(residual, residual, torch.rand(8, 1, size, size)),
    )


def truths(prior: Prior, n: int) -> torch.Tensor:
    assert prior.residual is not None
    image = prior.residual.image
    assert image.factor is not None
    pixels = image.mean.numel()
    nu = draw(n, image.factor.shape[1], seed=3) @ image.factor.T + 1e-3**0.5 * draw(n, pixels, seed=4)
    return (prior.sample(n, seed=5).flatten(1) + nu).reshape(n, *image.mean.shape)


def make(forward: LinearForward, *, n: int = 3, sigma: float = 0.05, size: int = SIZE) -> Problem:
    prior = make_prior(size)
    x = truths(prior, n).clamp(0, 1)
    y = Gaussian(sigma).sample(forward(x), generator=torch.Generator().manual_seed(1))
    return Problem(prior, forward, Gaussian(sigma), y, truth=x)


OPERATORS: list[LinearForward] = [
    Mask(torch.rand(SHAPE, generator=torch.Generator().manual_seed(0)) < 0.4),
    MaskedFourier(SHAPE, torch.arange(SIZE) % 4 != 1),
    ParallelBeam(SHAPE, [0.0, 45.0, 90.0, 135.0]),
]


def test_the_law_inverts_its_covariance() -> None:
    columns, diagonal = draw(2, 30, 5), torch.rand(30) + 0.1
    law = FactoredGaussian.of(torch.zeros(2, 30), columns, diagonal, 2)
    covariance = columns @ columns.transpose(1, 2) + diagonal.diag()
    v = draw(2, 30, seed=1)
    assert torch.allclose((covariance @ law.precision(v)[:, :, None]).squeeze(2), v, atol=1e-4)


@pytest.mark.parametrize("forward", OPERATORS, ids=lambda f: type(f).__name__)
def test_the_linear_image_is_that_of_lmmse_with_half_of_each_covariance(forward: LinearForward) -> None:
    problem = make(forward)
    moments = problem.prior.moments
    assert moments is not None
    variance = moments.covariance.diagonal().diag()
    halved = replace(problem.prior, moments=Moments(moments.mean, (moments.covariance + variance) / 2))
    told = LMMSE().solve(replace(problem, prior=halved)).x
    assert torch.allclose(linear_image(problem), told, atol=2e-3)


@pytest.mark.parametrize("forward", OPERATORS, ids=lambda f: type(f).__name__)
def test_explains_the_data_without_fitting_their_noise_and_beats_tv(forward: LinearForward) -> None:
    problem = make(forward)
    solution = solve(problem, LearnedTV(n_outer=5, chi_square=0.95))
    assert problem.truth is not None
    assert bool(((solution.misfit**2 > 0.9) & (solution.misfit**2 < 1.1)).all())
    ours = (solution.x - problem.truth).square().mean()
    assert ours < (solve(problem, TV(weight=10.0)).x - problem.truth).square().mean()
    assert solution.x_range is not None
    assert set(solution.status) == {Status.EXPLAINED}


def test_keeps_the_promises_of_every_solver() -> None:
    check_solver(LearnedTV(), problem=make(OPERATORS[2]))


@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_the_draws_have_the_closed_form_spread(bias: float) -> None:
    forward, n = OPERATORS[0], 1500
    problem = make(forward, n=1)
    prior = problem.prior
    assert prior.residual is not None
    solver = LearnedTV(weight=1.0, n_samples=n)
    # the range of a linear generator has no ends, so that draws are Gaussian
    net = torch.nn.Sequential(torch.nn.Linear(LATENT, PIXELS), torch.nn.Unflatten(1, SHAPE))
    net[0].weight.data = smooth(LATENT, SIZE, 1).T
    torch.nn.init.constant_(net[0].bias, bias)
    linear = Prior(net, LATENT, prior.encoder, moments=prior.moments, residual=prior.residual)
    y = Gaussian(0.05).sample(forward(truths(linear, 1)), generator=torch.Generator().manual_seed(1))
    posed = Problem(linear, forward, Gaussian(0.05), y)
    posterior = solver.solve(posed).posterior
    assert posterior is not None
    weight = net[0].weight.data.double()
    covariance = prior.residual.image.covariance.double() + weight @ weight.T
    A = forward(torch.eye(PIXELS).reshape(-1, *SHAPE)).T.double()
    found = posterior.samples[0].flatten(1).std(0).double()

    def ratio(scale: float) -> torch.Tensor:  # of the learned covariance alone, from the evidence
        C = scale * covariance
        gain = C @ A.T @ torch.linalg.inv(A @ C @ A.T + 0.05**2 * torch.eye(len(A)))
        return found / (C - gain @ A @ C).diagonal().sqrt()

    nearest = min(
        (ratio(scale) for scale in np.geomspace(0.1, 10, 81)), key=lambda r: abs(float(r.mean()) - 1)
    )
    assert np.allclose(nearest, 1.0, rtol=0.12, atol=0.12)


@pytest.mark.parametrize("forward", OPERATORS, ids=lambda f: type(f).__name__)
def test_draws_keep_the_range_of_values_and_fit_the_data_as_noise_does(forward: LinearForward) -> None:
    plain = make(forward, n=4, sigma=0.02)
    assert plain.truth is not None
    x = (2 * (plain.truth - 0.5) + 0.5).clamp(0, 1)  # half of the values are at an end of the range
    y = Gaussian(0.02).sample(forward(x), generator=torch.Generator().manual_seed(1))
    problem = replace(plain, measurements=y, truth=x)
    solution = LearnedTV(n_samples=60).solve(problem)
    assert solution.posterior is not None
    draws = solution.posterior.samples
    assert float(draws.min()) >= 0
    assert float(draws.max()) <= 1
    misfit = torch.stack([problem.likelihood.misfit(forward(one), y) for one in draws.unbind(1)])
    assert bool((solution.misfit <= noise_threshold(problem)).all())
    assert 0.9 < float(misfit.square().mean()) < 1.1


@pytest.mark.parametrize("forward", OPERATORS, ids=lambda f: type(f).__name__)
def test_nine_of_ten_intervals_of_the_draws_hold_the_truth(forward: LinearForward) -> None:
    problem = make(forward, n=6)
    posterior = LearnedTV(n_samples=60).solve(problem).posterior
    assert posterior is not None
    assert problem.truth is not None
    low, high = posterior.samples.quantile(0.05, 1), posterior.samples.quantile(0.95, 1)
    is_covered = (problem.truth >= low - 1e-6) & (problem.truth <= high + 1e-6)
    assert 0.82 < float(is_covered.float().mean()) < 0.98


def test_a_law_that_predicts_no_data_left_out_is_not_taken() -> None:
    problem = make(OPERATORS[2])
    assert LearnedTV().solve(problem).settings["n_total_variation_alone"] == 0
    prior = problem.prior
    assert prior.residual is not None
    image = prior.residual.image
    stripes = torch.zeros_like(image.mean)
    stripes[..., ::2, :] = 3.0
    wrong = replace(prior, residual=replace(prior.residual, image=replace(image, mean=stripes)))
    posed = replace(problem, prior=wrong)
    solution = LearnedTV().solve(posed)
    assert solution.settings["n_total_variation_alone"] == len(solution.x)
    assert torch.equal(solution.x, LearnedTV(weight=float("inf")).solve(posed).x)


def test_auto_tries_it_for_large_images_only() -> None:
    size = 36
    assert size**2 > DENSE_PIXELS
    mask = torch.rand(1, size, size, generator=torch.Generator().manual_seed(0)) < 0.3
    large = solve(make(Mask(mask), n=1, size=size), "auto")
    assert "learned-tv" in large.settings["reference_errors"]
    drawn = Laplace(n_samples=8).solve(make(Mask(mask), n=1, size=size))
    assert drawn.method == "laplace"
    assert drawn.posterior is not None
    assert drawn.posterior.n_samples == 8
    assert "learned-tv" not in solve(make(OPERATORS[0], n=1), "auto").settings["reference_errors"]


def test_a_problem_it_cannot_solve_gets_a_sentence() -> None:
    problem = make(OPERATORS[0])
    prior = problem.prior
    bare = Prior(prior.generator, LATENT, moments=prior.moments, residual=prior.residual)
    with pytest.raises(InputError, match="needs a prior with an encoder"):
        LearnedTV().solve(Problem(bare, problem.forward, Gaussian(0.1), problem.measurements))
    unknown = Prior(prior.generator, LATENT, prior.encoder, moments=prior.moments)
    with pytest.raises(InputError, match="statistics"):
        LearnedTV().solve(Problem(unknown, problem.forward, Gaussian(0.1), problem.measurements))
    with pytest.raises(InputError, match="Gaussian noise"):
        LearnedTV().solve(Problem(prior, problem.forward, Poisson(), problem.measurements.abs()))
    unknown = Prior(prior.generator, LATENT, prior.encoder, residual=prior.residual)
    with pytest.raises(InputError, match="no mean and covariance"):
        LearnedTV().solve(Problem(unknown, problem.forward, Gaussian(0.1), problem.measurements))


@pytest.mark.parametrize(
    "settings",
    [{"weight": 0.0}, {"weight": float("nan")}, {"chi_square": -1.0}, {"n_samples": -1}, {"n_inner": 0}],
)
def test_wrong_settings_get_a_sentence(settings: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        LearnedTV(**settings)  # type: ignore[arg-type]  # as a user may write it
