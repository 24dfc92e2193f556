"""`auto`: pick a latent search or combine estimates, and say what was done and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.automatic.by_own_data import OwnDataSettings, choose_by_data
from sciadv.solvers.automatic.combination import CombinationSettings, combine
from sciadv.solvers.automatic.estimates import can_be_combined
from sciadv.solvers.automatic.stages import expand_range
from sciadv.solvers.latent.adam import Adam
from sciadv.solvers.latent.latent_weight import can_loosen, loosen
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import marked
from sciadv.solvers.latent.search import has_forward_mode
from sciadv.solvers.many_latents.choice import Search, choose_search
from sciadv.solvers.spatial.stationary_combination import (
    SpatialSettings,
    combine_spatial,
    has_spatial_estimates,
)
from sciadv.types import Count


@checked
@dataclass(frozen=True)
class Auto:
    """A latent search, and past the generator's range where the data ask for it; or estimates combined.

    For more latents than `few_latents`, and where the generator has no forward mode, the search is chosen by
    its cost (`sciadv.solvers.many_latents.choice`). Data that it leaves unexplained lead past the generator's
    range where the prior says how, or, where it does not and the operator is nonlinear, to a looser latent
    distribution (`sciadv.solvers.latent.latent_weight`). Where the prior has reference images, estimates are
    combined by their errors on them (`combination`).

    Parameters
    ----------
    restarts
        Starts per measurement for the solver picked; its own default if None.
    few_latents
        Latents up to which Levenberg-Marquardt from several starts is taken: it recovers samples of each
        shipped prior; of a generator of 100 latents it recovered half.
    own_data
        The numbers of the choice by a measurement's own data, where the prior has none.
    combination
        The numbers of the combination of estimates, where the prior has reference images.
    spatial
        The same, where the prior is of any size.
    """

    restarts: Count | None = None
    few_latents: Count = 64
    own_data: OwnDataSettings = field(default_factory=OwnDataSettings)
    combination: CombinationSettings = field(default_factory=CombinationSettings)
    spatial: SpatialSettings = field(default_factory=SpatialSettings)
    name: str = "auto"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Combine estimates where the prior has reference images (see `combination`), else pick a search."""
        run = Run(seed, monitor)
        return replace(marked(self._solve(problem, run), run), seconds=run.clock.seconds)

    def _solve(self, problem: Problem, run: Run) -> Solution:
        """Solve as the problem asks for."""
        seed = run.seed
        if has_spatial_estimates(problem):
            return combine_spatial(problem, self.spatial, run)
        if can_be_combined(problem):
            return combine(problem, self.combination, restarts=self.restarts, run=run)
        solver, reason = self.pick(problem)
        if self.restarts is not None:
            solver = replace(solver, restarts=self.restarts)
        solution = solver.solve(problem, seed=seed, monitor=run)
        if isinstance(solver, Adam):
            return self._explained(solution, reason)
        if not problem.forward.is_linear and problem.prior.residual is None and can_loosen(problem):
            solution = loosen(problem, solution, seed=seed, monitor=run)
        solution = expand_range(problem, solution, self.restarts, seed=seed, monitor=run)
        solution = choose_by_data(problem, solution, self.own_data, restarts=self.restarts, run=run)
        return self._explained(solution, reason)

    def _explained(self, solution: Solution, reason: str) -> Solution:
        """Return the solution with what was picked and why in its settings."""
        return replace(solution, settings={"picked_by_auto": reason, **solution.settings})

    def pick(self, problem: Problem) -> tuple[Search, str]:
        """Return the latent search and the reason."""
        n_latent = problem.prior.n_latent
        if not has_forward_mode(problem) and n_latent <= self.few_latents:
            return Adam(), "adam: the generator has no forward mode, which a Jacobian needs"
        if n_latent <= self.few_latents:
            return LevenbergMarquardt(), f"levenberg-marquardt: {n_latent} latents"
        choice = choose_search(problem)
        return choice.solver, choice.reason
