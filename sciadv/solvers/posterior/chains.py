"""What every Markov chain here shares: chains in the batch, preconditioned coordinates, warm-up, diagnostics.

A chain starts from a draw of Laplace's mixture (`sciadv.solvers.posterior.laplace_mixture`) and moves in the
coordinates ``u`` of its mode, ``z = m + L^-T u`` with ``L L' = H`` the Gauss-Newton Hessian
there: a Gaussian posterior becomes N(0, I). The map is fixed, and the step adapts in the warm-up only, so
that each chain keeps the posterior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.iterate import State, every_row
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.search import Point, Search
from sciadv.solvers.posterior.completed_draws import LatentPosterior, latent_posterior
from sciadv.solvers.posterior.laplace_mixture import Modes, find_modes, generate, spread_starts
from sciadv.types import Rows, as_generator


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
    overdispersion
        Starts are spread this many times wider than Laplace's mixture, so that R-hat can see chains disagree.
    min_draws
        Draws per chain below which an interrupted run gives no posterior.
    n_polish
        Gauss-Newton steps from where the search for the modes stopped to the minimum.
    """

    n_chains: int = 4
    n_samples: int = 400
    n_warmup: int = 200
    thin: int = 2
    overdispersion: float = 1.5
    min_draws: int = 4
    n_polish: int = 4

    @property
    def n_steps(self) -> int:
        """Steps of each chain, the warm-up among them."""
        return self.n_warmup + self.thin * (-(-self.n_samples // self.n_chains))


@dataclass(frozen=True)
class Coordinates(Rows):
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
class Chains(Rows):
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

    @property
    def misfit(self) -> Tensor:
        """Misfit of each chain's position ``(rows,)``."""
        return self.point.misfit

    @property
    def objective(self) -> Tensor:
        """Objective of each chain's position ``(rows,)``."""
        return self.point.objective

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

    def move(self, target: Target, chains: Chains, draw: SharedNoise) -> Chains:
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
        return every_row(self.coordinates.centre)

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


@dataclass(frozen=True)
class Sampling:
    """What does not change from step to step: the target, its random numbers, the modes and their search."""

    target: Target
    draw: SharedNoise
    posed: LatentPosterior
    found: Solution
    modes: Modes

    @property
    def problem(self) -> Problem:
        """The problem of the latents."""
        return self.target.search.problem


@dataclass(frozen=True)
class Draws:
    """Latents kept, and acceptance of all steps after the warm-up, one entry a step ``(rows, ...)``."""

    latents: tuple[Tensor, ...] = ()
    acceptance: tuple[Tensor, ...] = ()


ChainsState = State[Sampling, Chains, Draws]


def begin_chains(kernel: Kernel, problem: Problem, run: Run) -> ChainsState:
    """Find the modes, and start the chains from draws around them.

    The posterior is of ``x = G(z) + nu`` where the prior knows its representation error.
    """
    plan, posed = kernel.plan, latent_posterior(problem, kernel.name)
    starts = spread_starts(posed.latent, kernel.restarts, seed=run.seed)
    found, modes = find_modes(posed.latent, starts, seed=run.seed, n_polish=plan.n_polish, monitor=run)
    generator = as_generator(run.seed)
    z, mode = modes.draw(plan.n_chains, seed=generator, inflation=plan.overdispersion)
    rows = every_row(z)[:, None]
    coordinates = Coordinates(modes.z[rows, mode].flatten(0, 1), modes.factor[rows, mode].flatten(0, 1))
    target = Target(Search(posed.latent, plan.n_chains), coordinates)
    draw = SharedNoise(len(z), plan.n_chains, generator)
    first = torch.full_like(z[..., 0].flatten(), kernel.first_step_size(z.shape[2]))
    chains = target.with_gradient(coordinates.from_latent(z.flatten(0, 1)), first)
    sampling = Sampling(target, draw, posed, found, modes)
    return State(sampling, run, chains, target.rows, Draws(), plan.n_steps)


def step_chains(kernel: Kernel, state: ChainsState) -> ChainsState:
    """Move all chains once; adapt the step sizes in the warm-up, and keep draws after it."""
    plan, iteration, draws = kernel.plan, state.iteration + 1, state.memory
    chains = kernel.move(state.search.target, state.best, state.search.draw)
    if iteration <= plan.n_warmup:
        chains = _adapted(kernel, chains, iteration)
    else:
        is_kept = (iteration - plan.n_warmup) % plan.thin == 0
        latents = (*draws.latents, chains.point.z) if is_kept else draws.latents
        draws = Draws(latents, (*draws.acceptance, chains.acceptance))
    is_last = iteration == plan.n_steps
    return state.after(chains, draws, state.active[:0] if is_last else None)


def chains_solution(kernel: Kernel, state: ChainsState) -> Solution:
    """Return the best mode with the draws; without a posterior where the chains are too short."""
    sampling, run = state.search, state.run
    found = sampling.found
    if run.was_interrupted:
        found = replace(found, status=[Status.INTERRUPTED] * len(found.status))
    posterior = None
    if len(state.memory.latents) >= kernel.plan.min_draws:
        posterior = _posterior(kernel, state)
    solution = replace(found, posterior=posterior, settings={})
    return sampling.posed.complete(solution, run.seed)


def _posterior(kernel: Kernel, state: ChainsState) -> Posterior:
    """Generate the candidates of the latents that were kept, chain after chain."""
    problem, n_chains, kept = state.search.problem, kernel.plan.n_chains, state.memory.latents
    latents = torch.stack(kept, 1).reshape(problem.n_problems, n_chains * len(kept), -1)
    acceptance = torch.stack(state.memory.acceptance)
    return Posterior(
        generate(problem.prior, latents),
        latents,
        n_chains=n_chains,
        mode_weights=state.search.modes.weights,
        acceptance=acceptance.reshape(-1, problem.n_problems, n_chains).mean((0, 2)),
    )


def _adapted(kernel: Kernel, chains: Chains, iteration: int) -> Chains:
    """Steer to the target acceptance: Robbins and Monro, Annals of Mathematical Statistics 22 (1951) 400."""
    change = (chains.acceptance - kernel.target_acceptance) * 2 / iteration**0.6
    return replace(chains, step_size=(chains.step_size * change.exp()).clamp(1e-5, kernel.max_step_size))
