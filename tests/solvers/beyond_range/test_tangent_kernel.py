"""Tangent kernel: its kernels against Jacobians, its steps against an optimiser, and the stages of auto."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy import optimize
from torch import Tensor, nn

from sciadv.data.moments import Moments, Residual, moments_of
from sciadv.errors import InputError
from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian
from sciadv.nets import ConvDecoder, build_seeded
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Status
from sciadv.solvers import Auto, RepresentationError, TangentKernel
from sciadv.solvers.beyond_range import logit_model
from sciadv.solvers.beyond_range.logit_kernels import tangent_kernel
from sciadv.solvers.beyond_range.logit_model import DampedSteps
from sciadv.solvers.beyond_range.output_activation import output_activation
from sciadv.solvers.beyond_range.whitening import in_double
from sciadv.testing import check_solver

SHAPE = (1, 4, 4)


class _Tanh(nn.Module):
    """An image in [-1, 1] from a net that has no logits of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16))

    def forward(self, z: Tensor) -> Tensor:
        return (2 * self.body(z)).tanh().reshape(-1, *SHAPE)


def prior_of(activation: str) -> Prior:
    """Return a small generator with the activation at its end, and statistics of logits that leave it."""
    if activation == "tanh":
        with torch.random.fork_rng():
            torch.manual_seed(0)
            generator: nn.Module = _Tanh()
    else:
        spec = {"kind": "mlp-decoder", "n_latent": 3, "image_shape": SHAPE, "hidden": [16]}
        generator = build_seeded(spec, 0)
        with torch.no_grad():
            generator.last.weight.mul_(8)
    root = 0.8 * torch.randn(16, 16, generator=torch.Generator().manual_seed(5)) / 4
    covariance = root @ root.T + 0.05 * torch.eye(16)
    logits = Moments(torch.zeros(SHAPE), covariance)
    prior = Prior(generator, 3)
    x = truths(replace(prior, residual=Residual(logits, logits, torch.zeros(1, *SHAPE))), 400, seed=9)
    z = prior.sample_latent(400, seed=9)
    with torch.no_grad():
        image = moments_of(x - prior(z))
    image = Moments(image.mean, image.covariance + 1e-4 * torch.eye(16))
    return replace(prior, residual=Residual(image, logits, x[:40]))


def truths(prior: Prior, n: int, *, seed: int) -> Tensor:
    """Draw ``act(l(z) + nu)``."""
    assert prior.residual is not None
    double, draw = in_double(prior), torch.Generator().manual_seed(seed + 1)
    output = output_activation(double)
    root = torch.linalg.cholesky(prior.residual.logits.covariance)
    nu = torch.randn(n, 16, generator=draw) @ root.T
    with torch.no_grad():
        x = output.apply(output.logits(double, prior.sample_latent(n, seed=seed).double()) + nu)
    return x.float().reshape(n, *SHAPE)


def problem_of(prior: Prior, n: int = 6, m: int = 10, sigma: float = 0.02) -> Problem:
    x, forward = truths(prior, n, seed=3), GaussianSensing(SHAPE, m, seed=0)
    with torch.no_grad():
        y = Gaussian(sigma).sample(forward(x), generator=torch.Generator().manual_seed(4))
    return Problem(prior, forward, Gaussian(sigma), y, truth=x)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_the_activation_is_told_and_its_logits_give_the_image_back(activation: str) -> None:
    prior = in_double(prior_of(activation))
    output, z = output_activation(prior), prior.sample_latent(4, seed=0)
    assert output.name == activation
    x = output.apply(output.logits(prior, z))
    torch.testing.assert_close(x, prior(z).flatten(1))
    moved = output.apply(output.logits(prior, z) + 1e-6)
    torch.testing.assert_close((moved - x) / 1e-6, output.slope(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("moving", ["last-layer", "full"])
def test_the_kernel_is_the_jacobian_of_the_weights_times_its_transpose(moving: str) -> None:
    every_layer = moving == "full"
    net = build_seeded({"kind": "conv-decoder", "n_latent": 2, "image_shape": (1, 4, 4), "channels": 2}, 0)
    prior = in_double(Prior(net, 2))
    assert isinstance(prior.generator, ConvDecoder)
    named = dict(prior.generator.named_parameters())
    chosen = {k: v for k, v in named.items() if every_layer or k.startswith("body.9.")}
    z = prior.sample_latent(2, seed=0)

    def logits(weights: dict[str, Tensor], latent: Tensor) -> Tensor:
        x: Tensor = torch.func.functional_call(prior.generator, weights, (latent[None],))
        return x.flatten().logit()

    columns = torch.randn(2, 16, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    made = tangent_kernel(prior, output_activation(prior), every_layer=every_layer, strength=0.5)(z, columns)
    for row in range(2):
        jacobian = torch.func.jacrev(logits)(chosen, z[row])
        J = torch.cat([part.flatten(1) for part in jacobian.values()], 1)
        torch.testing.assert_close(made[row], 0.5 * J @ J.T @ columns[row])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_no_general_optimiser_finds_a_lower_objective_from_its_answer(activation: str) -> None:
    problem = problem_of(prior_of(activation), n=1)
    solver = TangentKernel(tolerance=1e-8, n_iterations=60, stop_at_noise=False)
    model = solver.model(problem)
    found = solver.solve(problem)
    covariance = model.kernel(torch.zeros(1, 3), torch.eye(16, dtype=torch.float64)[None])[0]
    precision = torch.linalg.inv(covariance)

    def objective(at: Tensor) -> Tensor:
        z, nu = at[:3], at[3:]
        x = model.output.apply(model.output.logits(model.prior, z[None])[0] + model.mean + nu)
        energy = model.data.score(x[None], torch.tensor([0]))[1][0]
        return energy + 0.5 * (z @ z + nu @ precision @ nu)

    def with_gradient(at: object) -> tuple[float, object]:
        leaf = torch.as_tensor(at, dtype=torch.float64).requires_grad_(True)
        value = objective(leaf)
        return float(value.detach()), torch.autograd.grad(value, leaf)[0].numpy()

    assert found.z is not None
    assert found.objective is not None
    x = model.output.invert(
        found.x.double().flatten().clamp(model.output.low + 1e-7, model.output.high - 1e-7)
    )
    z = found.z[0].double()
    with torch.no_grad():
        nu = x - model.output.logits(model.prior, z[None])[0] - model.mean
    start = torch.cat([z, nu]).numpy()
    best = optimize.minimize(with_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    assert float(found.objective[0]) < 1.02 * best.fun + 0.05


@pytest.mark.parametrize("m", [8, 40])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_a_step_of_the_pixels_that_move_is_that_of_the_measurements(
    monkeypatch: pytest.MonkeyPatch, activation: str, m: int
) -> None:
    problem = problem_of(prior_of(activation), m=m)
    model = TangentKernel().model(problem)
    rows = torch.arange(problem.n_problems)
    with torch.no_grad():
        start = model.start(problem.prior.sample_latent(problem.n_problems, seed=1).double(), rows)
        steps = []
        for few in (0.0, 1e9):  # by the measurements, by the pixels
            monkeypatch.setattr(logit_model, "_CHEAPER_WIDTH", few)
            steps.append(model.step(start, rows, 0.0)[0])
    for name in ("z", "nu", "objective"):
        torch.testing.assert_close(getattr(steps[0], name), getattr(steps[1], name), atol=1e-7, rtol=1e-7)
    assert bool((steps[0].objective < start.objective).all())


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_it_ends_at_the_noise_level_and_not_far_below(activation: str) -> None:
    problem = problem_of(prior_of(activation), m=40, n=20)
    at_noise = TangentKernel().solve(problem)
    at_minimum = TangentKernel(stop_at_noise=False, tolerance=1e-6).solve(problem)
    assert all(status is Status.EXPLAINED for status in at_noise.status)
    assert float(at_minimum.misfit.mean()) < float(at_noise.misfit.mean()) <= 1


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_pixels_that_the_data_hardly_depend_on_hardly_matter(activation: str) -> None:
    problem = problem_of(prior_of(activation), m=40, n=20)
    objectives = []
    for insensitive in (0.1, 0.0):
        model = TangentKernel(damping=DampedSteps(insensitive=insensitive)).model(problem)
        active = torch.arange(problem.n_problems)
        with torch.no_grad():
            state = model.start(problem.prior.sample_latent(problem.n_problems, seed=1).double(), active)
            while len(active):
                reached, ended = model.step(state.take(active), active, 1e-6)
                state, active = state.put(active, reached), active[~ended]
        objectives.append(state.objective)
    assert float((objectives[0] - objectives[1]).median()) < 0.05


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_it_is_nearer_to_the_truth_than_a_gaussian_representation_error(activation: str) -> None:
    problem = problem_of(prior_of(activation), n=40)
    assert problem.truth is not None
    ours = (TangentKernel().solve(problem).x - problem.truth).square().mean()
    linear = (RepresentationError().solve(problem).x - problem.truth).square().mean()
    assert ours < linear


@pytest.mark.parametrize("solver", [TangentKernel(), TangentKernel(kernel="last-layer"), Auto()])
def test_conforms_on_a_sigmoid_generator(solver: TangentKernel | Auto) -> None:
    check_solver(solver, problem=problem_of(prior_of("sigmoid")))


@pytest.mark.parametrize("solver", [TangentKernel(), Auto()])
def test_the_size_of_the_batch_changes_no_answer_by_1e_5(solver: TangentKernel | Auto) -> None:
    problem = problem_of(prior_of("sigmoid"), n=7)
    together = solver.solve(problem).x
    parts = [solver.solve(problem.subset(slice(i, i + 3))).x for i in range(0, 7, 3)]
    assert float((together - torch.cat(parts)).abs().max()) < 1e-5


def test_without_statistics_the_last_layer_is_taken() -> None:
    problem = problem_of(prior_of("sigmoid"))
    bare = replace(problem, prior=replace(problem.prior, residual=None))
    found = TangentKernel().solve(bare)
    in_range = found.x_range
    assert in_range is not None
    assert (
        found.misfit.mean()
        < 0.5 * problem.likelihood.misfit(problem.forward(in_range), problem.measurements).mean()
    )


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(InputError, match="kernel must be one of"):
        TangentKernel(kernel="neural").solve(problem_of(prior_of("sigmoid")))


@pytest.mark.parametrize(
    ("solver", "setting"),
    [(TangentKernel, "n_iterations"), (TangentKernel, "restarts"), (RepresentationError, "restarts")],
)
def test_a_search_without_starts_or_steps_is_refused(
    solver: type[TangentKernel | RepresentationError], setting: str
) -> None:
    with pytest.raises(InputError, match=f"{setting} must be a whole number, at least 1"):
        solver(**{setting: 0})
