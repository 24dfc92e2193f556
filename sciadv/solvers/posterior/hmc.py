"""Hamiltonian Monte Carlo: trajectories that cross the posterior in one proposal.

Neal, MCMC using Hamiltonian dynamics, Handbook of Markov Chain Monte Carlo, 2011, chapter 5 (figure 2 for the
algorithm, section 4.1 for the preconditioning by a change of variables). Optimal acceptance 0.651 to 0.8:
Betancourt, Byrne, Girolami, arXiv 1411.6669.
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
class HMC:
    """Sample by leapfrog trajectories in the coordinates of `sciadv.solvers.posterior.chains`.

    Parameters
    ----------
    restarts
        Starts of the search for the modes from which the chains start.
    n_leapfrog
        Gradients per trajectory. The step is drawn anew from 0.8 to 1.2 of its size for each, so that no
        period of the posterior is hit by all trajectories.
    plan
        Chains, draws and warm-up.
    target_acceptance
        Acceptance that the warm-up steers the step to.
    max_step_size
        Largest step that makes sense.

    Notes
    -----
    Cost per step and chain: `n_leapfrog` gradients. Compare ``posterior.effective_sample_size`` per second
    with `MALA`'s: trajectories pay where the posterior is far from the Gaussian of its mode.
    """

    restarts: Count = 6
    n_leapfrog: Count = 6
    plan: Plan = field(default_factory=lambda: Plan(n_warmup=60, thin=1))
    target_acceptance: NotNegative = 0.75
    max_step_size: Positive = 1.5
    name: str = "hmc"

    def first_step_size(self, n_latent: int) -> float:
        """Return a step that is stable for a Gaussian of many dimensions."""
        return 0.8 * float(n_latent ** (-1 / 4))

    def move(self, target: Target, chains: Chains, draw: SharedNoise) -> Chains:
        """Follow one trajectory, then accept its end or stay."""
        h = (chains.step_size * (0.8 + 0.4 * draw.uniform(chains.step_size)))[:, None]
        first = momentum = draw.normal(chains.u)
        there = chains
        for _ in range(self.n_leapfrog):
            momentum = momentum - 0.5 * h * there.gradient
            there = target.with_gradient(there.u + h * momentum, chains.step_size)
            momentum = momentum - 0.5 * h * there.gradient
        kinetic = 0.5 * (first.square() - momentum.square()).sum(1)
        return metropolis(chains, there, chains.point.objective - there.point.objective + kinetic, draw)

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
