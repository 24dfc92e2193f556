"""MALA: Langevin proposals that follow the gradient, accepted or rejected so that the posterior is kept.

Roberts and Tweedie, Exponential convergence of Langevin distributions and their discrete approximations,
Bernoulli 2 (1996) 341-363; optimal acceptance 0.574: Roberts and Rosenthal, J. R. Stat. Soc. B 60 (1998) 255.
Preconditioned by the Gauss-Newton Hessian of each chain's mode: Girolami and Calderhead, J. R. Stat. Soc. B
73 (2011) 123-214, section 5, with the metric held fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.posterior.chains import (
    Chains,
    ChainsState,
    Plan,
    SharedNoise,
    Target,
    begin_chains,
    chains_solution,
    metropolis,
    step_chains,
)
from sciadv.types import Count, NotNegative, Positive


@checked
@dataclass(frozen=True)
class MALA:
    """Sample by ``u' = u - h^2 / 2 grad + h N(0, I)``, in the coordinates of `chains`.

    Parameters
    ----------
    restarts
        Starts of the search for the modes from which the chains start.
    plan
        Chains, draws and warm-up.
    target_acceptance
        Acceptance that the warm-up steers the step to.
    max_step_size
        Largest step that makes sense.

    Notes
    -----
    Cost per step and chain: one gradient. Check ``solution.posterior.r_hat``: above 1.05 the chains have
    not mixed, because they are too short or the posterior has several modes (then `SequentialMonteCarlo`).
    """

    restarts: Count = 6
    plan: Plan = field(default_factory=Plan)
    target_acceptance: NotNegative = 0.574
    max_step_size: Positive = 3.0
    name: str = "mala"

    def first_step_size(self, n_latent: int) -> float:
        """Return the step that is optimal for a Gaussian of many dimensions, ``1.65 n^(-1/6)``."""
        return 1.65 * float(n_latent ** (-1 / 6))

    def move(self, target: Target, chains: Chains, draw: SharedNoise) -> Chains:
        """Propose along the gradient, then accept or stay."""
        h = chains.step_size[:, None]
        u = chains.u - 0.5 * h**2 * chains.gradient + h * draw.normal(chains.u)
        there = target.with_gradient(u, chains.step_size)
        forth = (u - chains.u + 0.5 * h**2 * chains.gradient).square().sum(1)
        back = (chains.u - u + 0.5 * h**2 * there.gradient).square().sum(1)
        log_ratio = chains.point.objective - there.point.objective + (forth - back) / (2 * h[:, 0] ** 2)
        return metropolis(chains, there, log_ratio, draw)

    def init(self, problem: Problem, run: Run) -> ChainsState:
        """Find the modes, and start the chains around them."""
        return begin_chains(self, problem, run)

    def step(self, state: ChainsState) -> ChainsState:
        """Move all chains once."""
        return step_chains(self, state)

    def result(self, state: ChainsState) -> Solution:
        """Return the best mode with the draws."""
        return chains_solution(self, state)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Find the modes and sample; x is the best mode's candidate, with nu where the prior knows it."""
        return iterate(self, problem, seed=seed, monitor=monitor)
