"""Sequential Monte Carlo: a cloud of particles led from the prior to the posterior, step by step.

Del Moral, Doucet, Jasra, Sequential Monte Carlo samplers, J. R. Stat. Soc. B 68 (2006) 411-436; temperatures
by the effective sample size: Jasra, Stephens, Doucet, Tsagaris, Scandinavian J. Statistics 38 (2011) 1-22.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, iterate
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import Search
from sciadv.solvers.posterior.completed_draws import LatentPosterior, latent_posterior
from sciadv.solvers.posterior.laplace_mixture import generate
from sciadv.types import Count, NotNegative, Rows, Whole, as_generator

#: Particles whose predictions are made at once; bounds the memory.
CHUNK = 2048


@dataclass(frozen=True)
class Tempering:
    """The problem of the latents, and how nu is added afterwards."""

    problem: Problem
    posed: LatentPosterior


@checked
@dataclass(frozen=True)
class SequentialMonteCarlo:
    """Weigh, resample and move particles from ``p(z)`` through ``p(z) p(y | z)^t``, t from 0 to 1.

    It starts everywhere the prior allows and knows no modes beforehand, so it finds each one's share of
    a posterior of several modes, where chains stay in theirs, and gives the evidence.

    Parameters
    ----------
    n_particles
        Particles per measurement: the draws of the posterior.
    n_moves
        Moves after each rise of the temperature: pCN proposals (`PCN`) with the particles' mean and
        covariance for the reference.
    kept_share
        Part of the particles that each rise of t leaves effective: nearer to 1 is slower and safer.
    max_rises
        Rises at most; a measurement that has not reached t = 1 by then gives NaN for its evidence.
    target_acceptance
        Acceptance that the moves' step is steered to.

    Notes
    -----
    Cost: ``n_particles (n_moves rises + 1)`` predictions, no gradients, then a short search from the best
    particle for the solution's x. Rises: about the square root of the latent's length, times the logarithm of
    the data's information.
    """

    n_particles: Count = 400
    n_moves: Whole = 8
    kept_share: NotNegative = 0.5
    max_rises: Count = 60
    target_acceptance: NotNegative = 0.3
    name: str = "smc"

    def init(self, problem: Problem, run: Run) -> CloudState:
        """Draw the first particles from the prior."""
        if problem.latent_weight == 0:
            raise InputError(
                "smc starts from the prior distribution of the latent, but latent_weight is 0; "
                "give a weight above 0"
            )
        generator, posed = as_generator(run.seed), latent_posterior(problem, self.name)
        cloud = _first_cloud(posed.latent, self.n_particles, generator)
        rows = (cloud.temperature < 1).nonzero().squeeze(1)
        return State(Tempering(posed.latent, posed), run, cloud, rows, generator, self.max_rises)

    def step(self, state: CloudState) -> CloudState:
        """Raise the temperature of every measurement as far as its particles allow, resample, and move."""
        problem, generator, cloud = state.search.problem, state.memory, state.best
        moving = cloud.temperature < 1
        cloud, index = _reweighted(cloud, self.kept_share, generator)
        cloud = replace(
            cloud,
            z=_take(cloud.z, index),
            energy=cloud.energy.gather(1, index),
            ancestors=cloud.ancestors.gather(1, index),
        )
        for _ in range(self.n_moves):
            cloud = _moved(problem, cloud, moving, generator, self.target_acceptance)
        return state.after(cloud, generator, (cloud.temperature < 1).nonzero().squeeze(1))

    def result(self, state: CloudState) -> Solution:
        """Search from the best particle for x; the particles are the draws."""
        problem, cloud, run = state.search.problem, state.best, state.run
        best = cloud.objectives(problem).argmin(1)[:, None, None].expand(-1, 1, cloud.z.shape[2])
        search = LevenbergMarquardt(restarts=1, starts=cloud.z.gather(1, best))
        found = search.solve(problem, seed=run.seed)
        posterior = run.attempt(lambda: _posterior(problem, cloud))
        return state.search.posed.complete(replace(found, posterior=posterior, settings={}), run.seed)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Sample; x is what a search from the best particle finds, with nu where the prior knows it.

        Raises
        ------
        InputError
            The problem's latent weight is 0: there is no distribution to start from.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)


@dataclass(frozen=True)
class Cloud(Rows):
    """The particles, one row per measurement.

    Parameters
    ----------
    z
        Latents ``(batch, particles, n_latent)``.
    energy, misfit
        Of each particle ``(batch, particles)``.
    temperature
        t of each measurement ``(batch,)``.
    step_size
        Of the moves ``(batch,)``.
    log_evidence
        Of what t has let in so far ``(batch,)``.
    acceptance
        Mean of the last move ``(batch,)``.
    ancestors
        First particle that each descends from ``(batch, particles)``.
    """

    z: Tensor
    energy: Tensor
    misfit: Tensor
    temperature: Tensor
    step_size: Tensor
    log_evidence: Tensor
    acceptance: Tensor
    ancestors: Tensor
    objective: None = None

    def objectives(self, problem: Problem) -> Tensor:
        """Return energy plus latent term ``(batch, particles)``."""
        return self.energy + 0.5 * problem.latent_weight * self.z.square().sum(2)


CloudState = State[Tempering, Cloud, torch.Generator]


def _posterior(problem: Problem, cloud: Cloud) -> Posterior:
    """Generate the particles' candidates; their evidence is known where t has come to 1."""
    return Posterior(
        generate(problem.prior, cloud.z),
        cloud.z,
        log_evidence=torch.where(cloud.temperature == 1, cloud.log_evidence, torch.nan),
        acceptance=cloud.acceptance,
        ancestors=cloud.ancestors,
    )


def _first_cloud(problem: Problem, n_particles: int, generator: torch.Generator) -> Cloud:
    """Draw from the prior, the same particles for every measurement."""
    z = problem.prior.sample_latent(n_particles, seed=generator) / problem.latent_weight**0.5
    z = z.expand(problem.n_problems, -1, -1)
    energy, misfit = _score(problem, z, torch.arange(problem.n_problems, device=z.device))
    ones = torch.ones_like(energy[:, 0])
    ancestors = torch.arange(n_particles, device=z.device).expand(problem.n_problems, -1)
    return Cloud(z, energy, misfit, 0 * ones, 0.5 * ones, 0 * ones, ones, ancestors)


def _score(problem: Problem, z: Tensor, owners: Tensor) -> tuple[Tensor, Tensor]:
    """Return energy and misfit ``(owners, particles)`` of the particles ``(owners, particles, latent)``."""
    search = Search(problem, z.shape[1])
    rows = (owners[:, None] * z.shape[1] + torch.arange(z.shape[1], device=z.device)).flatten()
    parts = [
        search.evaluate(part, index)
        for part, index in zip(torch.split(z.flatten(0, 1), CHUNK), torch.split(rows, CHUNK), strict=True)
    ]
    objective = torch.cat([point.objective for point in parts]).reshape(z.shape[:2])
    misfit = torch.cat([point.misfit for point in parts]).reshape(z.shape[:2])
    return objective - 0.5 * problem.latent_weight * z.square().sum(2), misfit


def _reweighted(cloud: Cloud, kept_share: float, generator: torch.Generator) -> tuple[Cloud, Tensor]:
    """Raise t until the effective share falls to `kept_share`; give the systematic resampling."""
    n = cloud.energy.shape[1]
    energy = cloud.energy.nan_to_num(torch.inf)
    energy = energy - energy.amin(1, keepdim=True)
    low, high = torch.zeros_like(cloud.temperature), 1 - cloud.temperature
    for _ in range(50):  # bisection: the effective share falls with the rise
        middle = torch.where(_effective_share(energy, high) >= kept_share, high, (low + high) / 2)
        is_fine = _effective_share(energy, middle) >= kept_share
        low, high = torch.where(is_fine, middle, low), torch.where(is_fine, high, middle)
    rise = low
    weights = (-rise[:, None] * energy).softmax(1)
    gain = (-rise[:, None] * cloud.energy.nan_to_num(torch.inf)).logsumexp(1) - torch.tensor(float(n)).log()
    reached = cloud.temperature + rise
    cloud = replace(
        cloud,
        temperature=torch.where(reached > 1 - 1e-6, 1.0, reached),
        log_evidence=cloud.log_evidence + torch.where(rise > 0, gain, 0.0),
    )
    place = (torch.arange(n) + torch.rand(1, generator=generator)) / n
    bounds = weights.double().cumsum(1)
    index = torch.searchsorted(bounds, place.to(bounds).expand(len(bounds), n).contiguous())
    stay = torch.arange(n, device=index.device).expand(len(bounds), n)
    return cloud, torch.where((rise > 0)[:, None], index.clamp_max(n - 1), stay)


def _effective_share(energy: Tensor, rise: Tensor) -> Tensor:
    """Return ``(sum w)^2 / (n sum w^2)`` of the weights ``exp(-rise energy)``."""
    weights = (-rise[:, None] * energy).softmax(1)
    return 1 / (weights.square().sum(1) * weights.shape[1])


def _moved(
    problem: Problem, cloud: Cloud, moving: Tensor, generator: torch.Generator, target_acceptance: float
) -> Cloud:
    """Do one pCN move of all particles of the moving measurements, and adapt its step."""
    n, n_latent = cloud.z.shape[1:]
    noise = torch.randn(n, n_latent, generator=generator).to(cloud.z)
    uniform = torch.rand(n, generator=generator).to(cloud.z)
    owners = moving.nonzero().squeeze(1)
    z, t, b = cloud.z[owners], cloud.temperature[owners, None], cloud.step_size[owners, None, None]
    mean, factor = _gaussian(z)
    u = torch.linalg.solve_triangular(factor, (z - mean).transpose(1, 2), upper=False).transpose(1, 2)
    proposed_u = (1 - b**2).sqrt() * u + b * noise
    proposed = mean + proposed_u @ factor.transpose(1, 2)
    energy, misfit = _score(problem, proposed, owners)
    latent = 0.5 * problem.latent_weight * (z.square() - proposed.square()).sum(2)
    reference = 0.5 * (proposed_u.square() - u.square()).sum(2)
    log_ratio = t * (cloud.energy[owners] - energy) + latent + reference
    probability = log_ratio.clamp_max(0).exp().nan_to_num(0.0)
    accepted = uniform < probability
    acceptance = probability.mean(1)
    step_size = (cloud.step_size[owners] * (acceptance - target_acceptance).exp()).clamp(1e-3, 1.0)
    return replace(
        cloud,
        z=cloud.z.index_copy(0, owners, torch.where(accepted[:, :, None], proposed, z)),
        energy=cloud.energy.index_copy(0, owners, torch.where(accepted, energy, cloud.energy[owners])),
        misfit=cloud.misfit.index_copy(0, owners, torch.where(accepted, misfit, cloud.misfit[owners])),
        step_size=cloud.step_size.index_copy(0, owners, step_size),
        acceptance=cloud.acceptance.index_copy(0, owners, acceptance),
    )


def _gaussian(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean ``(batch, 1, latent)`` and the covariance's Cholesky factor of particles."""
    mean = z.mean(1, keepdim=True)
    centred = z - mean
    covariance = centred.transpose(1, 2) @ centred / z.shape[1]
    jitter = 1e-4 * covariance.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)
    unit = torch.eye(z.shape[2], dtype=z.dtype, device=z.device)
    return mean, torch.linalg.cholesky(covariance + jitter[:, None, None] * unit)


def _take(z: Tensor, index: Tensor) -> Tensor:
    return z.gather(1, index[:, :, None].expand(-1, -1, z.shape[2]))
