"""`auto`: pick a latent solver by a stated cost model, and say what was picked and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.automatic.stages import expand_range, has_stages, solve_in_stages
from sciadv.solvers.beyond_range.learned_tv import LearnedTV, is_large
from sciadv.solvers.latent.adam import Adam
from sciadv.solvers.latent.iterate import Run
from sciadv.solvers.latent.latent_weight import can_loosen, loosen
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import marked
from sciadv.solvers.latent.search import has_forward_mode

#: Steps of Levenberg-Marquardt per start, most of which end early (measured: 6 to 9).
_STEPS = 8
#: A gradient costs this many generator passes: one forward, two for its reverse.
_PASSES_PER_GRADIENT = 3.0


@dataclass(frozen=True)
class Auto:
    """Levenberg-Marquardt where its Jacobians cost less than Adam's gradients, else Adam.

    Data that it leaves unexplained lead past the generator's range where the prior says how, or, where it
    does not and the operator is nonlinear, to a looser latent law (`sciadv.solvers.latent.latent_weight`).

    The cost is counted in generator passes per measurement: ``n_latent + 8 x 3`` passes for each of 10 starts
    of Levenberg-Marquardt (a Jacobian, then gradients), ``300 x 3`` for each of 10 of Adam. So Adam is picked
    for latents longer than about 870, and where the generator has no forward mode.

    Parameters
    ----------
    restarts
        Starts per measurement for the solver picked; its own default if None.
    """

    restarts: int | None = None
    name: str = "auto"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Leave the generator's range where the prior says how (see the module `stages`), else pick.

        Where images are too large for covariances of all their pixels, `LearnedTV` leaves it.
        """
        run = Run(seed, monitor)
        return replace(marked(self._solve(problem, run), run), seconds=run.clock.seconds)

    def _solve(self, problem: Problem, run: Run) -> Solution:
        """Solve as the problem asks for."""
        seed = run.seed
        if is_large(problem):
            solution = LearnedTV().solve(problem, seed=seed, monitor=run)
            told = "learned-tv: the prior has statistics of what it cannot represent, of large images"
            return replace(solution, settings={"picked_by_auto": told, **solution.settings})
        solver, reason = self.pick(problem)
        if has_stages(problem) and isinstance(solver, LevenbergMarquardt):
            solution = solve_in_stages(problem, self.restarts, seed=seed, monitor=run)
            told = "latent search, then past the range: the prior has statistics of what it cannot represent"
            return replace(solution, settings={"picked_by_auto": told, **solution.settings})
        if self.restarts is not None:
            solver = replace(solver, restarts=self.restarts)
        solution = solver.solve(problem, seed=seed, monitor=run)
        if isinstance(solver, LevenbergMarquardt):
            if not problem.forward.is_linear and problem.prior.residual is None and can_loosen(problem):
                solution = loosen(problem, solution, seed=seed, monitor=run)
            solution = expand_range(problem, solution, self.restarts, seed=seed, monitor=run)
        return replace(solution, settings={"picked_by_auto": f"{solver.name}: {reason}", **solution.settings})

    def pick(self, problem: Problem) -> tuple[LevenbergMarquardt | Adam, str]:
        """Return the solver and the reason."""
        n_latent = problem.prior.n_latent
        second, first = LevenbergMarquardt(), Adam()
        second_order = second.restarts * (n_latent + _STEPS * _PASSES_PER_GRADIENT)
        first_order = first.restarts * first.n_iterations * _PASSES_PER_GRADIENT
        costs = f"{second_order:.0f} generator passes a measurement against {first_order:.0f} of adam"
        if not has_forward_mode(problem):
            return first, "the generator cannot be differentiated in forward mode, which a Jacobian needs"
        if second_order > first_order:
            return first, f"levenberg-marquardt would need {costs}"
        return second, costs
