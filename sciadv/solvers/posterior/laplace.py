"""Laplace's approximation: a mixture of Gaussians in latent space, one around each restart's minimum.

Tierney and Kadane, Accurate approximations for posterior moments and marginal densities, J. American
Statistical Association 81 (1986) 82-86; the mixture's weights are the modes' evidences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.learned_tv import LearnedTV, is_large
from sciadv.solvers.beyond_range.regularised_gauss_newton import RegularisedGaussNewton, leaves_by_steps
from sciadv.solvers.latent.iterate import settings_of
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.posterior.completed_draws import latent_posterior
from sciadv.solvers.posterior.laplace_mixture import Modes, find_modes, generate, spread_starts
from sciadv.types import Count


@checked
@dataclass(frozen=True)
class Laplace:
    """Draw latents from Gaussians around the minima, by their evidence, and push them through the generator.

    Exact where predictions are linear in the latent and the noise is Gaussian. Elsewhere it knows several
    modes, but takes each for a Gaussian in latent space: compare with `MALA` or `HMC` where it matters.

    What the generator cannot represent is drawn too, where the prior knows its distribution: in closed form
    for a linear operator, around the answer of `LearnedTV` for images too large for that, and around that of
    `RegularisedGaussNewton`, one mode, for a nonlinear one.

    Parameters
    ----------
    restarts
        Starts per measurement, all searched to their end: the modes that can be found. Half of them are the
        best known starts, half are draws from the prior.
    n_samples
        Draws per measurement.
    n_polish
        Gauss-Newton steps from where a search stopped, at the noise level, to the minimum.

    Notes
    -----
    Cost: the search, 2 to 5 Jacobians more per restart, and `n_samples` generator passes.

    Examples
    --------
    >>> import torch
    >>> from sciadv import Gaussian, Prior, Problem
    >>> prior = Prior(torch.nn.Linear(2, 2, bias=False), 2)
    >>> _ = prior.generator.weight.data.copy_(torch.eye(2))
    >>> problem = Problem(prior, torch.tensor([[1.0, 0.0]]), Gaussian(1.0), torch.tensor([[2.0]]))
    >>> posterior = Laplace(n_samples=4000).solve(problem).posterior  # x_0 ~ N(1, 1/2), x_1 ~ N(0, 1)
    >>> posterior.mean.round(decimals=1).abs(), posterior.samples.var(1).round(decimals=1)
    (tensor([[1., 0.]]), tensor([[0.5000, 1.0000]]))
    """

    restarts: Count = 6
    n_samples: Count = 400
    n_polish: Count = 4
    name: str = "laplace"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Find the modes and draw; x is the best mode's candidate, with nu where the prior knows it."""
        if is_large(problem):
            large = LearnedTV(n_samples=self.n_samples)
            return replace(large.solve(problem, seed=seed, monitor=monitor), method=self.name)
        if leaves_by_steps(problem):
            steps = RegularisedGaussNewton(n_samples=self.n_samples)
            return replace(steps.solve(problem, seed=seed, monitor=monitor), method=self.name)

        run = Run(seed, monitor)
        posed = latent_posterior(problem, self.name)
        starts = spread_starts(posed.latent, self.restarts, seed=seed)
        found, modes = find_modes(posed.latent, starts, seed=seed, n_polish=self.n_polish, monitor=run)
        posterior = run.attempt(lambda: self._draw(posed.latent, modes, seed))
        settings = {**found.settings, **settings_of(self)}
        found = replace(found, method=self.name, posterior=posterior, settings=settings)
        return replace(posed.complete(found, seed), seconds=run.clock.seconds)

    def _draw(self, problem: Problem, modes: Modes, seed: int) -> Posterior:
        """Draw from the mixture."""
        latents, _ = modes.draw(self.n_samples, seed=seed)
        return Posterior(
            generate(problem.prior, latents),
            latents,
            mode_weights=modes.weights,
            log_evidence=modes.log_evidence,
        )
