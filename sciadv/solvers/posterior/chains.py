"""What every Markov chain here shares: chains in the batch, preconditioned coordinates, warm-up, diagnostics.

A chain starts from a draw of Laplace's mixture (`sciadv.solvers.posterior.laplace_mixture`) and moves in the
coordinates ``u`` of its mode, ``z = m + L^-T u`` with ``L L' = H`` the Gauss-Newton Hessian
there: a Gaussian posterior becomes N(0, I). The map is fixed, and the step adapts in the warm-up only, so
that each chain keeps the posterior.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.progress import Monitor, Progress
from sciadv.solvers.latent.search import Point, Search
from sciadv.solvers.posterior.completed_draws import sample_past_range
from sciadv.solvers.posterior.laplace_mixture import find_modes, generate, spread_starts
from sciadv.types import as_generator

#: Starts are spread this many times wider than Laplace's mixture, so that R-hat can see chains disagree.
_OVERDISPERSION = 1.5
#: Draws per chain below which there is no posterior to speak of.
_MIN_DRAWS = 4


@dataclass(frozen=True)
class Plan:
    """How many chains, and how long.

    Parameters
    ----------
    n_chains
        Chains per measurement, all in one batch.
    n_samples
        Draws that are kept per measurement, of all chains together.
    n_warmup
        Steps before them, in which the step size is adapted.
    thin
        Steps from one kept draw to the next.
    """

    n_chains: int = 4
    n_samples: int = 400
    n_warmup: int = 200
    thin: int = 2

    @property
    def n_steps(self) -> int:
        """Steps of each chain, the warm-up among them."""
        return self.n_warmup + self.thin * (-(-self.n_samples // self.n_chains))


@dataclass(frozen=True)
class Coordinates:
    """The map ``z = centre + L^-T u`` of each row."""

    centre: Tensor  # (rows, latent)
    factor: Tensor  # (rows, latent, latent), lower

    def to_latent(self, u: Tensor) -> Tensor:
        """Return z ``(rows, latent)``."""
        moved = torch.linalg.solve_triangular(self.factor.transpose(1, 2), u[:, :, None], upper=True)
        z: Tensor = self.centre + moved.squeeze(2)
        return z

    def from_latent(self, z: Tensor) -> Tensor:
        """Return ``u = L' (z - centre)``."""
        return ((z - self.centre)[:, None] @ self.factor).squeeze(1)

    def pull(self, gradient: Tensor) -> Tensor:
        """Return the gradient in u, ``L^-1 g``, of a gradient in z."""
        pulled: Tensor = torch.linalg.solve_triangular(self.factor, gradient[:, :, None], upper=False)
        return pulled.squeeze(2)


@dataclass(frozen=True)
class Chains:
    """Where the chains stand, one row each.

    Parameters
    ----------
    u
        Positions in the chains' own coordinates ``(rows, latent)``.
    point
        The same as latents, with predictions and objective.
    gradient
        Of the objective in u ``(rows, latent)``; zero for kernels without gradients.
    step_size
        ``(rows,)``.
    acceptance
        Probability that the last proposal was accepted ``(rows,)``.
    """

    u: Tensor
    point: Point
    gradient: Tensor
    step_size: Tensor
    acceptance: Tensor

    def choose(self, accepted: Tensor, other: Chains, acceptance: Tensor) -> Chains:
        """Return the other chains where accepted, these elsewhere."""
        rows = accepted.nonzero().squeeze(1)
        return replace(
            self,
            u=torch.where(accepted[:, None], other.u, self.u),
            point=self.point.put(rows, other.point.take(rows)),
            gradient=torch.where(accepted[:, None], other.gradient, self.gradient),
            acceptance=acceptance,
        )


@runtime_checkable
class Kernel(Protocol):
    """One step of a Markov chain that keeps ``exp(-objective)``."""

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    @property
    def plan(self) -> Plan:
        """How many chains, and how long."""
        ...

    @property
    def restarts(self) -> int:
        """Starts of the search for the modes."""
        ...

    @property
    def target_acceptance(self) -> float:
        """Acceptance that the warm-up steers to."""
        ...

    @property
    def max_step_size(self) -> float:
        """Largest step that makes sense."""
        ...

    def first_step_size(self, n_latent: int) -> float:
        """Return the step size to begin with."""
        ...

    def step(self, target: Target, chains: Chains, draw: SharedNoise) -> Chains:
        """Propose, and accept or stay."""
        ...


@dataclass(frozen=True)
class Target:
    """The posterior in the chains' coordinates."""

    search: Search
    coordinates: Coordinates

    @property
    def rows(self) -> Tensor:
        """Indices of all chains."""
        return torch.arange(len(self.coordinates.centre), device=self.coordinates.centre.device)

    def with_gradient(self, u: Tensor, step_size: Tensor) -> Chains:
        """Evaluate objective and gradient at u."""
        point, gradient = self.search.gradient(self.coordinates.to_latent(u), self.rows)
        return Chains(u, point, self.coordinates.pull(gradient), step_size, torch.ones_like(step_size))

    def without_gradient(self, u: Tensor, step_size: Tensor) -> Chains:
        """Evaluate the objective at u."""
        point = self.search.evaluate(self.coordinates.to_latent(u), self.rows)
        return Chains(u, point, torch.zeros_like(u), step_size, torch.ones_like(step_size))


@dataclass(frozen=True)
class SharedNoise:
    """Random numbers for the chains, the same for every measurement: the batch never changes an answer."""

    n_problems: int
    n_chains: int
    generator: torch.Generator

    def normal(self, like: Tensor) -> Tensor:
        """Draw N(0, 1) ``(rows, latent)``."""
        noise = torch.randn(self.n_chains, like.shape[1], generator=self.generator)
        return noise.to(like).repeat(self.n_problems, 1)

    def uniform(self, like: Tensor) -> Tensor:
        """Draw from (0, 1) ``(rows,)``."""
        return torch.rand(self.n_chains, generator=self.generator).to(like).repeat(self.n_problems)


def metropolis(chains: Chains, proposed: Chains, log_ratio: Tensor, draw: SharedNoise) -> Chains:
    """Accept with probability ``min(1, exp(log_ratio))``; NaN is never accepted."""
    probability = log_ratio.clamp_max(0).exp().nan_to_num(0.0)
    return chains.choose(draw.uniform(probability) < probability, proposed, probability)


def sample_chains(kernel: Kernel, problem: Problem, *, seed: int, monitor: Monitor | None) -> Solution:
    """Find the modes, run the chains from them, and return the best mode with the draws.

    The posterior is of ``x = G(z) + nu`` where the prior knows its representation error. If interrupted in
    the search, the solution has no posterior; if later, the posterior has the draws so far.
    """

    def sample(posed: Problem) -> Solution:
        return _sample_latents(kernel, posed, seed=seed, monitor=monitor)

    return sample_past_range(problem, sample, method=kernel.name, seed=seed)


def _sample_latents(kernel: Kernel, problem: Problem, *, seed: int, monitor: Monitor | None) -> Solution:
    """Sample z alone."""
    started, tell, plan = time.perf_counter(), monitor or (lambda _: None), kernel.plan
    starts = spread_starts(problem, kernel.restarts, seed=seed)
    solution, modes = find_modes(problem, starts, seed=seed, monitor=monitor)
    if solution.was_interrupted:
        return replace(solution, method=kernel.name)
    generator = as_generator(seed)
    z, mode = modes.draw(plan.n_chains, seed=generator, inflation=_OVERDISPERSION)
    rows = torch.arange(len(z), device=z.device)[:, None]
    coordinates = Coordinates(modes.z[rows, mode].flatten(0, 1), modes.factor[rows, mode].flatten(0, 1))
    target = Target(Search(problem, plan.n_chains), coordinates)
    draw = SharedNoise(len(z), plan.n_chains, generator)
    walked, was_interrupted = list[Chains](), False
    with problem.prior.frozen():
        first = torch.full_like(z[..., 0].flatten(), kernel.first_step_size(z.shape[2]))
        chains = target.with_gradient(coordinates.from_latent(z.flatten(0, 1)), first)
        try:
            for i, chains in _walk(kernel, target, chains, draw):  # noqa: B020  # the last one is kept
                walked += [chains] if i > plan.n_warmup else []
                tell(_progress(plan, chains, i, time.perf_counter() - started))
        except KeyboardInterrupt:
            was_interrupted = True
    settings = {**solution.settings, **vars(plan), "overdispersion": _OVERDISPERSION}
    status = [Status.INTERRUPTED] * len(z) if was_interrupted else solution.status
    solution = replace(solution, method=kernel.name, settings=settings, status=status)
    kept = [chains.point.z for chains in walked[plan.thin - 1 :: plan.thin]]
    if len(kept) < _MIN_DRAWS:
        return solution
    latents = torch.stack(kept, 1).reshape(len(z), plan.n_chains * len(kept), -1)
    acceptance = torch.stack([chains.acceptance for chains in walked])
    posterior = Posterior(
        generate(problem.prior, latents),
        latents,
        n_chains=plan.n_chains,
        mode_weights=modes.weights,
        acceptance=acceptance.reshape(-1, len(z), plan.n_chains).mean((0, 2)),
    )
    return replace(solution, posterior=posterior, seconds=time.perf_counter() - started)


def _walk(kernel: Kernel, target: Target, chains: Chains, draw: SharedNoise) -> Iterator[tuple[int, Chains]]:
    """Yield the number of each step and the chains after it; adapt the step sizes in the warm-up."""
    for i in range(1, kernel.plan.n_steps + 1):
        chains = kernel.step(target, chains, draw)
        if i <= kernel.plan.n_warmup:
            chains = _adapted(kernel, chains, i)
        yield i, chains


def _adapted(kernel: Kernel, chains: Chains, iteration: int) -> Chains:
    """Steer to the target acceptance: Robbins and Monro, Annals of Mathematical Statistics 22 (1951) 400."""
    change = (chains.acceptance - kernel.target_acceptance) * 2 / iteration**0.6
    return replace(chains, step_size=(chains.step_size * change.exp()).clamp(1e-5, kernel.max_step_size))


def _progress(plan: Plan, chains: Chains, iteration: int, seconds: float) -> Progress:
    misfit = float(chains.point.misfit.reshape(-1, plan.n_chains).amin(1).median())
    n_rows = len(chains.u)
    return Progress(iteration, plan.n_steps, n_rows, n_rows, misfit, seconds)
