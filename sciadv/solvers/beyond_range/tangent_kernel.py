"""Past the generator's range by damped Gauss-Newton steps in its logits: no network is trained per image.

What image-adaptive training (Hussein, Tirer and Giryes, Image-Adaptive GAN based Reconstruction, AAAI 2020)
does to the generator's weights is, to first order, a Gaussian change of its logits whose covariance is the
weights' tangent kernel; so it can be found by a few systems as large as the measurements. The activation's
slope keeps saturated pixels where they are. Where the prior has statistics of its representation error, their
covariance is the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from sciadv.errors import InputError, require_at_least
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.logit_kernels import LearnedKernel, tangent_kernel
from sciadv.solvers.beyond_range.logit_model import DampedSteps, LogitModel
from sciadv.solvers.beyond_range.output_activation import IDENTITY, output_activation
from sciadv.solvers.beyond_range.past_range import (
    PastRange,
    PastRangeState,
    begin_past_range,
    past_range_solution,
    search_to_minimum,
    step_past_range,
)
from sciadv.solvers.beyond_range.whitening import in_double, latent_problem, require_residual
from sciadv.solvers.latent.iterate import go_on, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.linear.linearised_data import data_model
from sciadv.types import Count, NotNegative

KERNELS = ("auto", "learned", "last-layer", "full")


@checked
@dataclass(frozen=True)
class TangentKernel:
    """Find ``x = act(l(z) + nu)``, ``z ~ N(0, I)``, ``nu ~ N(mean, K)``, by damped Gauss-Newton steps.

    l are the generator's logits and act its output's activation (sigmoid, tanh or none). After a latent
    search, each step linearises act and l and solves the dual system, ``measurements`` wide:

    ``c = (D' (J J' + K) D + I)^-1 (y - A x + D' (J z + nu))``, then ``z = J' D c``, ``nu = K D c``,

    with A and y in units of the noise, ``D = act'(l) A'`` and ``J = dl/dz``; it is shortened until the
    objective falls. The first steps assume more noise than there is: 0.7 of the misfit, then 0.7 of the
    least so far, and so on (Bakushinskii, The problem of the convergence of the iteratively regularized
    Gauss-Newton method, Comput. Math. Math. Phys. 32, 1992). Those that are not explained in the end start
    once more, from their second-best restart.

    Parameters
    ----------
    restarts
        Starts of the latent search, as in `RepresentationError`.
    kernel
        "learned": the covariance of ``Prior.residual``. "last-layer" or "full": the tangent kernel of the
        last layer's weights, or of all. "auto": "learned" where the prior has it, else "last-layer".
    n_iterations
        Gauss-Newton steps per start at most.
    tolerance
        A measurement has converged when a step decreases its objective by less than this part of it.
    stop_at_noise
        Whether a measurement ends at the noise level, where the generator's output saturates: the minimum,
        whose logits go on to the ends of the range, has fitted noise. Otherwise each goes to its minimum.
    damping
        How the steps are damped: see `sciadv.solvers.beyond_range.logit_model.DampedSteps`.

    Notes
    -----
    Cost per step and measurement: ``n_latent`` generator passes and a system of the measurements or of the
    pixels that move, whichever are fewer. With a learned kernel, a linear operator and Gaussian noise those
    pixels stay about which the data hold no more than a twentieth of a nat in all. All in float64, so that
    the size of the batch does not change an answer.
    """

    restarts: Count | None = None
    kernel: str = "auto"
    n_iterations: Count = 40
    tolerance: NotNegative = 1e-3
    stop_at_noise: bool = True
    damping: DampedSteps = field(default_factory=DampedSteps)
    name: str = "tangent-kernel"

    def init(self, problem: Problem, run: Run) -> PastRangeState:
        """Search the latents; the steps begin at its candidates."""
        require_at_least(self, {"n_iterations": 1, "tolerance": 0})
        latent = latent_problem(problem, self.name)
        found = search_to_minimum(latent, self.restarts).solve(latent, seed=run.seed, monitor=run)
        return self.start(problem, found, run)

    def start(self, problem: Problem, found: Solution, run: Run) -> PastRangeState:
        """Return the state at the candidates of a latent search that is there."""
        model = self.model(problem)
        stop_at_noise = self.stop_at_noise and model.output is not IDENTITY
        search = PastRange(problem, model, found, self.n_iterations, self.tolerance, stop_at_noise)
        return begin_past_range(search, run)

    def step(self, state: PastRangeState) -> PastRangeState:
        """Do one damped Gauss-Newton step on every active measurement."""
        return step_past_range(state)

    def result(self, state: PastRangeState) -> Solution:
        """Score the candidates."""
        return past_range_solution(state)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, `kernel` is no known word or
            needs statistics that the prior has not, or a number of starts or steps is below 1.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)

    def model(self, problem: Problem) -> LogitModel:
        """Return the model of the measurements, in float64.

        Raises
        ------
        InputError
            As `solve`.
        """
        if self.kernel not in KERNELS:
            raise InputError(f"kernel must be one of {', '.join(KERNELS)}, but it is {self.kernel!r}")
        prior, data = in_double(problem.prior), data_model(problem)
        output, device = output_activation(prior), data.y.device
        if self.kernel == "learned" or (self.kernel == "auto" and prior.residual is not None):
            logits = require_residual(prior, "the learned kernel").logits.to(device, torch.float64)
            return LogitModel(prior, output, data, logits.mean.flatten(), LearnedKernel(logits), self.damping)
        kernel = tangent_kernel(prior, output, every_layer=self.kernel == "full")
        mean = torch.zeros(data.n_pixels, dtype=torch.float64, device=device)
        return LogitModel(prior, output, data, mean, kernel, self.damping)

    def leave_range(self, problem: Problem, found: Solution, *, monitor: Monitor | None = None) -> Solution:
        """Go on from the solution of a latent search."""
        return go_on(self, self.start(problem, found, Run(monitor=monitor)))
