"""pCN: proposals that keep a Gaussian exactly, here the Gaussian of the posterior's mode; no gradients.

Cotter, Roberts, Stuart, White, MCMC methods for functions: modifying old algorithms to make them faster,
Statistical Science 28 (2013) 424-446; with the Gauss-Newton Hessian for the reference: Rudolf and Sprungk, On
a generalization of the preconditioned Crank-Nicolson Metropolis algorithm, Found. Comput. Math. 18, 2018.
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
class PCN:
    """Sample by ``u' = sqrt(1 - b^2) u + b N(0, I)``, in the coordinates of `chains`.

    The proposal keeps N(0, I), so that only what the posterior differs by from the Gaussian of its mode is
    accepted or rejected: on a Gaussian posterior all is accepted, and with b = 1 the draws are independent.

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
    Cost per step and chain: one prediction, no gradient; so it samples through operators that have none.
    """

    restarts: Count = 6
    plan: Plan = field(default_factory=lambda: Plan(n_warmup=400, thin=10))
    target_acceptance: NotNegative = 0.3
    max_step_size: Positive = 1.0
    name: str = "pcn"

    def first_step_size(self, n_latent: int) -> float:
        """Return a middling step."""
        return float(n_latent**-0.5)

    def move(self, target: Target, chains: Chains, draw: SharedNoise) -> Chains:
        """Propose from the reference's own dynamics, then accept or stay."""
        b = chains.step_size[:, None]
        u = (1 - b**2).clamp_min(0).sqrt() * chains.u + b * draw.normal(chains.u)
        there = target.without_gradient(u, chains.step_size)
        here_excess = chains.point.objective - 0.5 * chains.u.square().sum(1)
        there_excess = there.point.objective - 0.5 * u.square().sum(1)
        return metropolis(chains, there, here_excess - there_excess, draw)

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
