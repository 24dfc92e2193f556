"""`auto`: pick a latent solver by a stated cost model, and say what was picked and why."""

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
from sciadv.solvers.spatial.stationary_combination import (
    SpatialSettings,
    combine_spatial,
    has_spatial_estimates,
)
from sciadv.types import Count, Positive


@checked
@dataclass(frozen=True)
class Auto:
    """Levenberg-Marquardt where its Jacobians cost less than Adam's gradients, else Adam.

    Data that it leaves unexplained lead past the generator's range where the prior says how, or, where it
    does not and the operator is nonlinear, to a looser latent distribution
    (`sciadv.solvers.latent.latent_weight`).

    The cost is counted in generator passes per measurement: ``n_latent + 8 x 3`` passes for each of 10 starts
    of Levenberg-Marquardt (a Jacobian, then gradients), ``300 x 3`` for each of 10 of Adam. So Adam is picked
    for latents longer than about 870, and where the generator has no forward mode.

    Parameters
    ----------
    restarts
        Starts per measurement for the solver picked; its own default if None.
    steps_per_start
        Steps of Levenberg-Marquardt a start that the cost model counts; most end early (measured: 6 to 9).
    passes_per_gradient
        Generator passes that a gradient costs: one forward, two for its reverse.
    own_data
        The numbers of the choice by a measurement's own data, where the prior has none.
    combination
        The numbers of the combination of estimates, where the prior has reference images.
    spatial
        The same, where the prior is of any size.
    """

    restarts: Count | None = None
    steps_per_start: Positive = 8
    passes_per_gradient: Positive = 3.0
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
        if isinstance(solver, LevenbergMarquardt):
            if not problem.forward.is_linear and problem.prior.residual is None and can_loosen(problem):
                solution = loosen(problem, solution, seed=seed, monitor=run)
            solution = expand_range(problem, solution, self.restarts, seed=seed, monitor=run)
            solution = choose_by_data(problem, solution, self.own_data, restarts=self.restarts, run=run)
        return self._explained(solution, f"{solver.name}: {reason}")

    def _explained(self, solution: Solution, reason: str) -> Solution:
        """Return the solution with what was picked, why, and by which numbers, in its settings."""
        own = {name: getattr(self, name) for name in ("steps_per_start", "passes_per_gradient")}
        return replace(solution, settings={"picked_by_auto": reason, **own, **solution.settings})

    def pick(self, problem: Problem) -> tuple[LevenbergMarquardt | Adam, str]:
        """Return the solver and the reason."""
        n_latent = problem.prior.n_latent
        second = LevenbergMarquardt()
        first = Adam()
        second_order = second.restarts * (n_latent + self.steps_per_start * self.passes_per_gradient)
        first_order = first.restarts * first.n_iterations * self.passes_per_gradient
        costs = f"{second_order:.0f} generator passes a measurement against {first_order:.0f} of adam"
        if not has_forward_mode(problem):
            return first, "the generator cannot be differentiated in forward mode, which a Jacobian needs"
        if second_order > first_order:
            return first, f"levenberg-marquardt would need {costs}"
        return second, costs
