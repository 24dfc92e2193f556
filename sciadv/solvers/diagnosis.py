"""What a solution is worth, in words: explained, in the generator's range, of a kind that the prior knows.

A measurement is out of the prior's distribution if its whitened misfit is larger than those of the prior's
reference images under the same operator and noise: a conformal p-value (Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005, section 2.2), so that of all measurements of the reference's
kind no more than `ALARM` are flagged. Bright images have larger misfits: it is compared at equal brightness.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sciadv.diagnosis import Diagnosis
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.past_range import knows_its_error
from sciadv.solvers.representation_error import RepresentationError
from sciadv.solvers.search import noise_threshold
from sciadv.solvers.whitening import Whitened, whiten
from sciadv.types import as_generator

#: Restarts within this much of the best objective, and farther apart than this per latent, are other modes.
_NATS, _APART = 3.0, 0.5


def diagnose(problem: Problem, solution: Solution, *, seed: int = 0) -> Diagnosis:
    """Diagnose every measurement of a solution.

    Parameters
    ----------
    problem
        What was solved.
    solution
        Its solution, of any solver.
    seed
        Seed of the noise on the reference images.

    Notes
    -----
    Cost: nothing but a prediction, until `Diagnosis.distribution_p_value` is asked for: a latent search
    (`representation-error`) of the measurements and of the prior's reference images, where it has statistics.
    """
    likelihood = problem.likelihood
    chi_square = solution.misfit.double().square()
    half = torch.tensor(0.5 * problem.n_measurements, dtype=torch.float64, device=chi_square.device)
    p_value = torch.special.gammaincc(half.expand_as(chi_square), half * chi_square)
    is_chi_square = isinstance(likelihood, Gaussian) and likelihood.has_noise_level
    explained = solution.misfit <= noise_threshold(problem) if likelihood.has_noise_level else None
    return Diagnosis(
        misfit=solution.misfit,
        unit=solution.unit,
        p_value=p_value if is_chi_square else torch.full_like(chi_square, torch.nan),
        is_explained=explained,
        is_out_of_range=_out_of_range(problem, solution),
        left_range=solution.x_range is not None,
        agreement=solution.agreement,
        is_multimodal=_multimodal(solution),
        compare=lambda: _distribution_p_value(problem, seed),
    )


def _out_of_range(problem: Problem, solution: Solution) -> Tensor | None:
    if solution.z is None or not problem.likelihood.has_noise_level:
        return None
    in_range = solution.x if solution.x_range is None else solution.x_range
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(in_range), problem.measurements)
    return misfit > noise_threshold(problem)


def _multimodal(solution: Solution) -> Tensor | None:
    if solution.posterior is not None and solution.posterior.n_modes is not None:
        return solution.posterior.n_modes > 1
    if solution.restart_objectives is None or solution.restart_latents is None:
        return None
    best = solution.restart_objectives.argmin(1)
    rows = torch.arange(len(best), device=best.device)
    lowest = solution.restart_objectives[rows, best][:, None]
    apart = (solution.restart_latents - solution.restart_latents[rows, best][:, None]).square().mean(2)
    return ((solution.restart_objectives < lowest + _NATS) & (apart > _APART**2)).any(1)


def _distribution_p_value(problem: Problem, seed: int) -> Tensor | None:
    """Return the conformal p-value of each measurement's misfit among those of the reference images."""
    if not knows_its_error(problem) or problem.prior.residual is None:
        return None
    reference = problem.prior.residual.reference.to(problem.measurements.device, problem.prior.dtype)
    generator = as_generator(seed, problem.measurements.device)
    with torch.no_grad():
        y = problem.likelihood.sample(problem.forward(reference), generator=generator)
    posed = replace(problem, measurements=torch.cat([problem.measurements, y]), truth=None, labels=None)
    whitened = whiten(posed, "diagnosis")
    misfit, brightness = _whitened_misfit(whitened, seed)
    n = problem.n_problems
    ends = torch.quantile(brightness[n:], brightness.new_tensor([0.01, 0.99]))
    brightness = brightness.clamp(ends[0], ends[1])  # far from the reference, brightness is no excuse
    design = torch.stack([torch.ones_like(brightness), brightness], 1)
    fitted = torch.linalg.lstsq(design[n:], misfit[n:, None]).solution
    excess = misfit - (design @ fitted).squeeze(1)
    as_large = (excess[None, n:] >= excess[:n, None]).sum(1)
    p_value: Tensor = (1 + as_large) / (1 + len(reference))
    return p_value


def _whitened_misfit(whitened: Whitened, seed: int) -> tuple[Tensor, Tensor]:
    """Return the log of the lowest whitened objective and the brightness of the image, ``(batch,)`` each."""
    found = RepresentationError().search(whitened, seed=seed)
    assert found.objective is not None  # a latent search has an objective
    return found.objective.log(), whitened.complete(found.x).flatten(1).mean(1)
