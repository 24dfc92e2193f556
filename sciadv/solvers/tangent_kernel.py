"""Past the generator's range by damped Gauss-Newton steps in its logits: no network is trained per image.

What image-adaptive training (Hussein, Tirer and Giryes, Image-Adaptive GAN based Reconstruction, AAAI 2020)
does to the generator's weights is, to first order, a Gaussian change of its logits whose covariance is the
weights' tangent kernel; so it can be found by a few systems as large as the measurements. The activation's
slope keeps saturated pixels where they are. Where the prior has statistics of its representation error, their
covariance is the kernel.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from sciadv.errors import InputError
from sciadv.forward import Matrix
from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.kernels import learned_kernel, tangent_kernel
from sciadv.solvers.linear import noise_variance, operator_matrix, require_linear
from sciadv.solvers.logit_model import LogitModel, LogitState
from sciadv.solvers.output import output_activation
from sciadv.solvers.representation_error import outcome, to_the_minimum
from sciadv.solvers.search import Monitor, Progress, noise_threshold
from sciadv.solvers.whitening import in_double, require_residual, whiten

KERNELS = ("auto", "learned", "last-layer", "full")


@dataclass(frozen=True)
class TangentKernel:
    """Find ``x = act(l(z) + nu)``, ``z ~ N(0, I)``, ``nu ~ N(mean, K)``, by damped Gauss-Newton steps.

    l are the generator's logits and act its output's activation (sigmoid, tanh or none). After a latent
    search, each step linearises act and l and solves the dual system, ``measurements`` wide:

    ``c = (D' (J J' + K) D + I)^-1 (y - A x + D' (J z + nu))``, then ``z = J' D c``, ``nu = K D c``,

    with A and y in units of the noise, ``D = act'(l) A'`` and ``J = dl/dz``; it is shortened until the
    objective falls. A measurement ends where it is explained to the noise level and has settled. Those that
    are not explained start once more, from their second-best restart.

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

    Notes
    -----
    Cost per step and measurement: ``n_latent`` generator passes and about ``2 m n (n + m)`` operations for m
    measurements and n pixels with a learned kernel. All in float64, so that the size of the batch does not
    change an answer.
    """

    restarts: int | None = None
    kernel: str = "auto"
    n_iterations: int = 20
    tolerance: float = 1e-3
    name: str = "tangent-kernel"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, or `kernel` is no known word
            or needs statistics that the prior has not.
        """
        started = time.perf_counter()
        model, latent = self.model(problem), self._latent_problem(problem)
        found = to_the_minimum(latent, self.restarts).solve(latent, seed=seed, monitor=monitor)
        solution = self.leave_range(problem, model, found, monitor=monitor)
        settings = {**found.settings, "kernel": self.kernel, "tolerance": self.tolerance}
        return replace(solution, seconds=time.perf_counter() - started, settings=settings)

    def model(self, problem: Problem) -> LogitModel:
        """Return the model of the measurements, in float64 and in units of the noise.

        Raises
        ------
        InputError
            As `solve`.
        """
        require_linear(problem.forward, self.name)
        sigma = noise_variance(problem, self.name).sqrt()
        if self.kernel not in KERNELS:
            raise InputError(f"kernel must be one of {', '.join(KERNELS)}, but it is {self.kernel!r}")
        prior = in_double(problem.prior)
        output = output_activation(prior)
        matrix = operator_matrix(problem.forward) / sigma[:, None]
        data = real_view(problem.measurements).double() / sigma
        if self.kernel == "learned" or (self.kernel == "auto" and prior.residual is not None):
            logits = require_residual(prior, "the learned kernel").logits
            kernel = learned_kernel(logits.covariance.to(matrix))
            return LogitModel(prior, output, matrix, data, logits.mean.flatten().to(matrix), kernel)
        kernel = tangent_kernel(prior, output, every_layer=self.kernel == "full")
        return LogitModel(prior, output, matrix, data, matrix.new_zeros(matrix.shape[1]), kernel)

    def leave_range(
        self, problem: Problem, model: LogitModel, found: Solution, *, monitor: Monitor | None = None
    ) -> Solution:
        """Go on from a latent search: step until all have ended, and once more where data are unexplained.

        Parameters
        ----------
        problem
            What is solved.
        model
            Its `model`.
        found
            The solution of a latent search, whose restarts are the starts.
        monitor
            Called after each step.
        """
        assert found.z is not None  # a latent search has latents
        began, tell = time.perf_counter(), monitor or (lambda _: None)
        was_interrupted, iteration = found.was_interrupted, 0
        with torch.no_grad(), model.prior.frozen():
            state = model.init(found.z.double())
            try:
                while len(state.active) and iteration < self.n_iterations and not was_interrupted:
                    state, iteration = model.step(state, self.tolerance), iteration + 1
                    misfit, seconds = float(state.misfit.median().sqrt()), time.perf_counter() - began
                    n_alive, n_rows = len(state.active), len(state.z)
                    tell(Progress(iteration, self.n_iterations, n_alive, n_rows, misfit, seconds))
                state = state if was_interrupted else self._second_start(problem, model, state, found)
            except KeyboardInterrupt:
                was_interrupted = True
            return _solution(problem, model, state, found, was_interrupted=was_interrupted)

    def _second_start(
        self, problem: Problem, model: LogitModel, state: LogitState, found: Solution
    ) -> LogitState:
        """Step from the second-best restart where the data are not explained; keep the lower objective."""
        missed = (state.misfit > noise_threshold(problem) ** 2).nonzero().squeeze(1)
        if len(missed) == 0 or found.restart_objectives is None or found.restart_latents is None:
            return state
        if found.restart_objectives.shape[1] == 1:
            return state
        second = found.restart_objectives[missed].argsort(1)[:, 1]
        again = replace(model, data=model.data[missed])
        trial = again.init(found.restart_latents[missed, second].double())
        for _ in range(self.n_iterations):
            if len(trial.active) == 0:
                break
            trial = again.step(trial, self.tolerance)
        is_lower = (trial.objective < state.objective[missed]).nonzero().squeeze(1)
        return state.put(missed[is_lower], trial.take(is_lower))

    def _latent_problem(self, problem: Problem) -> Problem:
        """Return the whitened problem where the prior has its statistics, else the problem, in float64."""
        if problem.prior.residual is not None:
            return whiten(problem, self.name).problem
        operator = Matrix(
            operator_matrix(problem.forward),
            problem.forward.in_shape,
            dtype=torch.float64,
            device=problem.measurements.device,
        )
        sigma = noise_variance(problem, self.name).sqrt()
        y = real_view(problem.measurements).double()
        return Problem(in_double(problem.prior), operator, Gaussian(sigma), y, problem.latent_weight)


def _solution(
    problem: Problem, model: LogitModel, state: LogitState, found: Solution, *, was_interrupted: bool
) -> Solution:
    shape, dtype = (-1, *problem.forward.in_shape), problem.prior.dtype
    x = model.candidates(state).reshape(shape).to(dtype)
    prediction = problem.forward(x)
    misfit = problem.likelihood.misfit(prediction, problem.measurements)
    running = torch.zeros_like(misfit, dtype=torch.bool)
    running[state.active] = True
    unfinished = Status.INTERRUPTED if was_interrupted else Status.MAX_ITERATIONS
    return replace(
        found,
        x=x,
        x_range=problem.prior(state.z.to(dtype)),
        z=state.z.to(dtype),
        prediction=prediction,
        misfit=misfit,
        objective=state.objective.to(dtype),
        status=[
            outcome(float(m), problem, unfinished if is_running else Status.CONVERGED)
            for m, is_running in zip(misfit, running, strict=True)
        ],
        method="tangent-kernel",
        margins=problem.margins(x),
    )
