"""FBP: filtered back-projection, the classical reconstruction of parallel-beam tomography; no prior.

Kak and Slaney, Principles of Computerized Tomographic Imaging, 1988, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sciadv.errors import InputError
from sciadv.forward.tomography.radon import Filter, ParallelBeam, filtered_back_projection
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import direct_solution


@checked
@dataclass(frozen=True)
class FBP:
    """Filter each projection and back-project, ``x = (pi / n_angles) sum_angles (h * y)(angle, s)``.

    Parameters
    ----------
    filter
        "ramp", or the ramp with a window: "shepp-logan", "cosine", "hamming", "hann".

    Notes
    -----
    Right for many angles spread evenly over half a turn. With few angles it leaves streaks, with a limited
    range of angles it loses edges: that is what a prior is for.
    """

    filter: Filter = "ramp"
    name: str = "fbp"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Reconstruct every sinogram of the problem.

        Raises
        ------
        InputError
            The operator is not parallel-beam tomography, or the filter has no such name.
        """
        run = Run(seed, monitor)
        if not isinstance(problem.forward, ParallelBeam):
            raise InputError(
                f"fbp inverts parallel-beam tomography only, but the operator is "
                f"{type(problem.forward).__name__}; use lmmse or levenberg-marquardt"
            )
        with torch.no_grad():
            x = filtered_back_projection(problem.forward, problem.measurements, filter=self.filter)
        settings: dict[str, object] = {"filter": self.filter}
        return direct_solution(problem, x, method=self.name, run=run, settings=settings)
