"""`auto`: pick a latent solver by a stated cost model, and say what was picked and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.adam import Adam
from sciadv.solvers.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.search import Monitor, has_forward_mode

#: Jacobians that Levenberg-Marquardt needs per start, from a codebook (measured: 6 to 22).
_JACOBIANS = 12
#: A tangent costs this many generator passes (forward mode shares the pass it differentiates).
_PASSES_PER_TANGENT = 1.0
#: A gradient costs this many generator passes: one forward, two for its reverse.
_PASSES_PER_GRADIENT = 3.0
#: Starts that each needs for the same optimum: a second-order search leaves poor starts by pruning.
_STARTS = {"levenberg-marquardt": 2.0, "adam": 10.0}


@dataclass(frozen=True)
class Auto:
    """Levenberg-Marquardt where its Jacobians cost less than Adam's gradients, else Adam.

    The cost is counted in generator passes per measurement: ``12 x (n_latent + 3)`` passes a start for
    Levenberg-Marquardt (two starts, since pruning leaves one of three early), ``300 x 3`` a start for Adam
    (ten starts). So Adam is picked for latents longer than about 370, and where the generator has no forward
    mode.

    Parameters
    ----------
    restarts
        Starts per measurement for the solver picked; its own default if None.
    """

    restarts: int | None = None
    name: str = "auto"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Pick, then solve."""
        solver, reason = self.pick(problem)
        if self.restarts is not None:
            solver = replace(solver, restarts=self.restarts)
        solution = solver.solve(problem, seed=seed, monitor=monitor)
        return replace(solution, settings={"picked_by_auto": f"{solver.name}: {reason}", **solution.settings})

    def pick(self, problem: Problem) -> tuple[LevenbergMarquardt | Adam, str]:
        """Return the solver and the reason."""
        n_latent = problem.prior.n_latent
        second_order = _STARTS["levenberg-marquardt"] * _JACOBIANS * (_PASSES_PER_TANGENT * n_latent + 3)
        first_order = _STARTS["adam"] * Adam().n_iterations * _PASSES_PER_GRADIENT
        costs = f"{second_order:.0f} generator passes a measurement against {first_order:.0f} of adam"
        if not has_forward_mode(problem):
            return Adam(), "the generator cannot be differentiated in forward mode, which a Jacobian needs"
        if second_order > first_order:
            return Adam(), f"levenberg-marquardt would need {costs}"
        return LevenbergMarquardt(), costs
