"""Every registered solver that iterates can be run by hand; those that compute their answer have no step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.data.moments import Moments, Residual
from sciadv.data.stationary import Stationary, StationaryStatistics
from sciadv.forward import GaussianSensing, Magnitude, Mask, MaskedFourier, ZeroPad, as_forward
from sciadv.nets import build_seeded
from sciadv.solvers import (
    CSGM,
    HIO,
    HMC,
    MALA,
    PCN,
    SOLVERS,
    TV,
    Adam,
    AmortisedSearch,
    Annealing,
    DeepImagePrior,
    DifferentialEvolution,
    GaussNewtonCG,
    ImageAdaptive,
    IntermediateLayer,
    LearnedTV,
    LevenbergMarquardt,
    MultiCode,
    RegularisedGaussNewton,
    RepresentationError,
    SequentialMonteCarlo,
    Solver,
    SparseDeviation,
    TangentKernel,
    WirtingerFlow,
)
from sciadv.solvers.amortised.own_samples import SampleBudget
from sciadv.solvers.latent.iterate import IterativeSolver
from sciadv.solvers.posterior.chains import Plan
from sciadv.solvers.spatial.stationary_error import StationaryError
from sciadv.testing.solver_suite import check_steps

SHAPE = (1, 6, 6)
#: They compute their answer, or leave the search to another solver of this table.
DIRECT = {"stationary-lmmse", "lmmse", "lasso", "fbp", "laplace", "auto", "binary-cells"}


def _draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _prior() -> Prior:
    """Return a small generator that knows what it leaves out, with an encoder."""
    spec = {"kind": "mlp-decoder", "n_latent": 4, "image_shape": list(SHAPE), "hidden": [16, 8]}
    factor = _draw(36, 6, seed=1) / 20
    diagonal = torch.full((36,), 1e-3)
    error = Moments(torch.zeros(SHAPE), factor=factor, diagonal=diagonal)
    moments = Moments(torch.full(SHAPE, 0.5), factor=4 * factor, diagonal=diagonal)
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 4))
    with torch.no_grad():
        encoder[1].weight.copy_(_draw(4, 36, seed=2) / 6)
        encoder[1].bias.zero_()
    residual = Residual(error, error, torch.zeros(2, *SHAPE))
    return Prior(build_seeded(spec, 0), 4, encoder, moments=moments, residual=residual)


def _linear() -> Problem:
    prior, forward = _prior(), Mask(_draw(*SHAPE, seed=3) < 0)
    truth = (prior.sample(3, seed=4) + 0.05 * _draw(3, *SHAPE, seed=5)).clamp(0, 1)
    return Problem(prior, forward, Gaussian(0.02), forward(truth))


def _magnitudes() -> Problem:
    prior, forward = _prior(), Magnitude(GaussianSensing(SHAPE, 108, seed=1))
    truth = prior.sample(3, seed=4)
    y = forward(truth)
    return Problem(prior, forward, Gaussian(0.05), y + 0.05 * _draw(*y.shape, seed=5))


def _fourier() -> Problem:
    every = torch.ones(12, 12, dtype=torch.bool)
    forward = Magnitude(MaskedFourier((1, 12, 12), every) @ ZeroPad(SHAPE, 12, 12))
    return Problem(_prior(), forward, Gaussian(0.01), forward(_draw(2, *SHAPE, seed=6).abs()))


def _in_range() -> Problem:
    """Return a problem whose prior knows no representation error."""
    problem = _linear()
    return replace(problem, prior=replace(problem.prior, residual=None))


def _stationary() -> Problem:
    """Return a problem whose generator leaves out a white error."""
    lags = torch.zeros(1, 1, 3, 3)
    lags[0, 0, 1, 1] = 0.01
    error = Stationary(torch.zeros(1), lags)
    problem = _linear()
    return replace(
        problem, prior=replace(problem.prior, residual=None, stationary=StationaryStatistics(error, error))
    )


FEW_SAMPLES = SampleBudget(n_samples=60, n_for_components=30)
PLAN = Plan(n_chains=2, n_samples=8, n_warmup=4, thin=1)
#: A short setting of each, and the problem that it is for.
SHORT: dict[str, tuple[Solver, Problem]] = {
    "levenberg-marquardt": (LevenbergMarquardt(restarts=6), _in_range()),
    "adam": (Adam(restarts=2, n_iterations=45), _in_range()),
    "amortised-search": (AmortisedSearch(2, budget=FEW_SAMPLES), _in_range()),
    "gauss-newton-cg": (GaussNewtonCG(2, starts="codebook"), _in_range()),
    "csgm": (CSGM(restarts=2, n_iterations=12), _in_range()),
    "annealing": (Annealing(factors=(10.0, 2.0)), _in_range()),
    "global": (DifferentialEvolution(population=8, n_generations=4, restarts=2), _in_range()),
    "representation-error": (RepresentationError(restarts=2), _magnitudes()),
    "tangent-kernel": (TangentKernel(restarts=2), _linear()),
    "regularised-gauss-newton": (RegularisedGaussNewton(restarts=4, n_samples=2), _magnitudes()),
    "learned-tv": (LearnedTV(n_samples=2), _linear()),
    "sparse-deviation": (SparseDeviation(2, n_latent_steps=6, n_joint_steps=6), _linear()),
    "multi-code": (MultiCode(n_codes=3, n_steps=8), _linear()),
    "intermediate-layer": (IntermediateLayer(restarts=2, n_steps=(5, 4, 3)), _linear()),
    "image-adaptive": (ImageAdaptive(restarts=2, n_latent_steps=6, n_joint_steps=5), _linear()),
    "deep-image-prior": (DeepImagePrior(n_steps=4, n_input=4, channels=2), _linear()),
    "mala": (MALA(restarts=2, plan=PLAN), _linear()),
    "hmc": (HMC(restarts=2, n_leapfrog=2, plan=PLAN), _in_range()),
    "pcn": (PCN(restarts=2, plan=PLAN), _in_range()),
    "smc": (SequentialMonteCarlo(n_particles=20, n_moves=2), _linear()),
    "tv": (TV(weight=10.0, n_iterations=40), _linear()),
    "wirtinger-flow": (WirtingerFlow(n_iterations=40), _magnitudes()),
    "stationary-error": (StationaryError(n_iterations=6), _stationary()),
    "hio": (HIO(restarts=2, n_iterations=30, n_reductions=5), _fourier()),
}


def test_every_registered_solver_is_here_and_only_direct_ones_have_no_step() -> None:
    assert set(SHORT) | DIRECT == set(SOLVERS)
    assert not set(SHORT) & DIRECT
    for name in SOLVERS:
        assert hasattr(SOLVERS[name], "step") == (name not in DIRECT), name


@pytest.mark.parametrize("name", SHORT)
def test_by_hand_gives_the_answer_of_solve(name: str) -> None:
    solver, problem = SHORT[name]
    assert isinstance(solver, IterativeSolver)
    check_steps(solver, problem)


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("after", [1, 3])
def test_an_interruption_keeps_the_best_so_far_and_says_so(name: str, after: int) -> None:
    solver, problem = SHORT[name]
    calls: list[int] = []

    def interrupt(_: object) -> None:
        calls.append(1)
        if len(calls) == after:
            raise KeyboardInterrupt

    solution = solver.solve(problem, monitor=interrupt)
    assert len(calls) <= after  # nothing is stepped any more
    assert bool(solution.x.isfinite().all())
    assert solution.method == solver.name
    assert solution.settings["seed"] == 0


def test_an_interruption_without_a_monitor_keeps_the_best_so_far() -> None:
    problem, calls = _in_range(), list[int]()

    def interrupting(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 400:
            raise KeyboardInterrupt
        y: torch.Tensor = problem.forward(x)
        return y

    forward = as_forward(interrupting, in_shape=SHAPE)
    posed = Problem(problem.prior, forward, problem.likelihood, problem.measurements)
    solution = Adam(restarts=2, n_iterations=3000, tolerance=0.0, stop_at_noise=False).solve(posed)
    assert 0 < len(solution.history) < 3000
    assert bool(solution.x.isfinite().all())
