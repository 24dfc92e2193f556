"""Laplace's approximation: a mixture of Gaussians in latent space, one around each restart's minimum.

Tierney and Kadane, Accurate approximations for posterior moments and marginal densities, J. American
Statistical Association 81 (1986) 82-86; the mixture's weights are the modes' evidences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.learned_tv import LearnedTV, is_large
from sciadv.solvers.beyond_range.regularised_gauss_newton import RegularisedGaussNewton, leaves_by_steps
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.posterior.completed_draws import sample_past_range
from sciadv.solvers.posterior.laplace_mixture import find_modes, generate, spread_starts


@dataclass(frozen=True)
class Laplace:
    """Draw latents from Gaussians around the minima, by their evidence, and push them through the generator.

    Exact where predictions are linear in the latent and the noise is Gaussian. Elsewhere it knows several
    modes, but takes each for a Gaussian in latent space: compare with `MALA` or `HMC` where it matters.

    What the generator cannot represent is drawn too, where the prior knows its law: in closed form for a
    linear operator, around the answer of `LearnedTV` for images too large for that, and around that of
    `RegularisedGaussNewton`, one mode, for a nonlinear one.

    Parameters
    ----------
    restarts
        Starts per measurement, all searched to their end: the modes that can be found. Half of them are the
        best known starts, half are draws from the prior.
    n_samples
        Draws per measurement.

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

    restarts: int = 6
    n_samples: int = 400
    name: str = "laplace"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Find the modes and draw; x is the best mode's candidate, with nu where the prior knows it."""
        if is_large(problem):
            large = LearnedTV(n_samples=self.n_samples)
            return replace(large.solve(problem, seed=seed, monitor=monitor), method=self.name)
        if leaves_by_steps(problem):
            steps = RegularisedGaussNewton(n_samples=self.n_samples)
            return replace(steps.solve(problem, seed=seed, monitor=monitor), method=self.name)

        def sample(posed: Problem) -> Solution:
            return self._sample(posed, seed=seed, monitor=monitor)

        return sample_past_range(problem, sample, method=self.name, seed=seed)

    def _sample(self, problem: Problem, *, seed: int, monitor: Monitor | None) -> Solution:
        starts = spread_starts(problem, self.restarts, seed=seed)
        solution, modes = find_modes(problem, starts, seed=seed, monitor=monitor)
        latents, _ = modes.draw(self.n_samples, seed=seed)
        posterior = Posterior(
            generate(problem.prior, latents),
            latents,
            mode_weights=modes.weights,
            log_evidence=modes.log_evidence,
        )
        settings = {**solution.settings, "n_samples": self.n_samples}
        return replace(solution, method=self.name, posterior=posterior, settings=settings)
