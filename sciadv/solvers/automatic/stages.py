"""From the generator's range outwards, as far as the data ask for: `auto` where a prior has statistics.

1. A latent search of the whitened problem, from a codebook and the encoder (`representation_error`).
2. Where G(z) explains the data to the noise level, it is the answer.
3. Where the data are fewer than two per latent number, the posterior is broad: its mean, over the modes.
4. Else the logits leave the generator's range (`tangent_kernel`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.beyond_range.regularised_gauss_newton import RegularisedGaussNewton, leaves_by_steps
from sciadv.solvers.beyond_range.tangent_kernel import TangentKernel
from sciadv.solvers.beyond_range.whitening import Whitened
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.posterior.laplace_mixture import Modes, generate, modes_at

#: Measurements whose draws are held at once; bounds the memory.
_CHUNK = 32


def expand_range(
    problem: Problem,
    solution: Solution,
    restarts: int | None = None,
    *,
    seed: int = 0,
    monitor: Monitor | None = None,
) -> Solution:
    """Answer past the range what a latent search has left unexplained, with any operator and any noise.

    By `RegularisedGaussNewton` where a nonlinear operator has Gaussian noise, else by `TangentKernel`. The
    former asks for a chi-square within one standard deviation above its mean: near the end of what counts as
    noise, data are more often of what the generator cannot make.

    A problem whose prior has no statistics, whose noise level is unknown, or that has constraints keeps its
    solution.

    Parameters
    ----------
    problem
        What was searched.
    solution
        The solution of a latent search.
    restarts, seed, monitor
        As of a solver. An interrupted search keeps the solution as it was.
    """
    run = Run(seed, monitor)
    asked = problem.prior.residual is not None and problem.likelihood.has_noise_level
    needs_steps = leaves_by_steps(problem)
    if needs_steps:
        left = ~(solution.misfit <= noise_threshold(problem, 1))
    else:
        left = torch.tensor([status is not Status.EXPLAINED for status in solution.status])
    rows = left.to(solution.x.device).nonzero().squeeze(1)
    if not asked or problem.constraints or solution.was_interrupted or len(rows) == 0:
        return solution
    steps = RegularisedGaussNewton() if restarts is None else RegularisedGaussNewton(restarts)
    solver = steps if needs_steps else TangentKernel(restarts)
    outside = solver.solve(problem.subset(rows), seed=seed, monitor=run)
    if run.was_interrupted:
        return solution
    outside = replace(outside, restart_objectives=None, restart_latents=None)  # of another search
    kept = replace(solution, x_range=solution.x).with_rows(rows, outside)
    counts = {"range": len(left) - len(rows), outside.method: len(rows)}
    return replace(
        kept,
        method=outside.method if len(rows) == len(left) else solution.method,
        seconds=solution.seconds + outside.seconds,
        settings={**solution.settings, "stages": counts},
    )


def posterior_mean(
    whitened: Whitened, found: Solution, prior: Prior, *, n_draws: int = 400, seed: int = 0
) -> Tensor:
    """Return ``E[x | y]`` ``(batch, *in_shape)`` by importance sampling from Laplace's mixture.

    Each draw z of the mixture has weight ``p(y | z) p(z) / q(z)`` and gives ``G(z) + E[nu | y, z]``. Geweke,
    Bayesian Inference in Econometric Models Using Monte Carlo Integration, Econometrica 57 (1989) 1317-1339.

    Parameters
    ----------
    whitened
        The whitened problem.
    found
        Its latent search, whose restarts are taken for the modes.
    prior
        The prior in the precision that the draws are generated in: nothing is solved for them.
    n_draws
        Draws for each measurement.
    seed
        Seed of the draws.
    """
    assert found.restart_latents is not None  # a latent search has restarts
    modes = modes_at(whitened.problem, found.restart_latents)
    rows = torch.arange(len(found.x), device=found.x.device)
    return torch.cat(
        [_mean_of(whitened, modes, prior, part, n_draws, seed) for part in torch.split(rows, _CHUNK)]
    )


def _mean_of(whitened: Whitened, modes: Modes, prior: Prior, rows: Tensor, n_draws: int, seed: int) -> Tensor:
    some = modes.take(rows)
    problem = whitened.problem.subset(rows)
    latents = some.draw(n_draws, seed=seed)[0]
    x = generate(prior, latents).to(latents)
    with torch.no_grad():
        predicted = problem.forward(x.flatten(0, 1)).reshape(*latents.shape[:2], -1)
    misfit = (predicted - problem.measurements[:, None]).square().sum(2)
    log_weight = -0.5 * (misfit + latents.square().sum(2)) - _log_density(some, latents)
    weight = torch.softmax(log_weight, 1)
    mean = (weight[:, None] @ x.flatten(2)).reshape(len(rows), *x.shape[2:])
    data = problem.measurements - (weight[:, None] @ predicted).squeeze(1)
    nu: Tensor = whitened.mean + data @ whitened.gain.T
    return mean + nu.reshape(mean.shape)


def _log_density(modes: Modes, latents: Tensor) -> Tensor:
    """Return the log density of the mixture at ``(batch, n, n_latent)``, up to a constant."""
    parts = []
    for k in range(modes.z.shape[1]):  # few modes, many draws
        factor = modes.factor[:, k]
        distance = ((latents - modes.z[:, k, None]) @ factor).square().sum(2)
        half_log_det = factor.diagonal(dim1=1, dim2=2).log().sum(1, keepdim=True)
        parts.append(modes.weights[:, k, None].log() + half_log_det - 0.5 * distance)
    return torch.stack(parts).logsumexp(0)
