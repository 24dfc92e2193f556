"""Diagnose a solution: what its misfit, its restarts and the prior's reference images say of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from sciadv.diagnosis import Diagnosis, DiagnosisSettings, Findings
from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.diagnosis.conformal import Comparison, compare_with_images
from sciadv.solvers.diagnosis.noise_checks import residual_findings
from sciadv.solvers.latent.scoring import noise_threshold

#: How much of a diagnosis is made: "full" compares with the prior's reference images, "quick" does not.
Extent = Literal["full", "quick"]


def diagnose(
    problem: Problem,
    solution: Solution,
    *,
    extent: Extent = "full",
    seed: int = 0,
    settings: DiagnosisSettings | None = None,
) -> Diagnosis:
    """Diagnose every measurement of a solution.

    Parameters
    ----------
    problem
        What was solved.
    solution
        Its solution, of any solver.
    extent
        "full" compares the measurements with the prior's reference images, "quick" leaves that out.
    seed
        Seed of the noise on the reference images.
    settings
        The numbers of the diagnosis; its defaults if None.

    Raises
    ------
    KeyboardInterrupt
        The user stopped the comparison.

    Notes
    -----
    Cost: a prediction; of the comparison see `sciadv.solvers.diagnosis.conformal.compare_with_images`.
    """
    numbers = settings or DiagnosisSettings()
    likelihood = problem.likelihood
    chi_square = solution.misfit.double().square()
    half = torch.tensor(0.5 * problem.n_measurements, dtype=torch.float64, device=chi_square.device)
    p_value = torch.special.gammaincc(half.expand_as(chi_square), half * chi_square)
    is_chi_square = isinstance(likelihood, Gaussian) and likelihood.has_noise_level
    explained = solution.misfit <= noise_threshold(problem) if likelihood.has_noise_level else None
    compared = compare_with_images(problem, seed=seed, settings=numbers) if extent == "full" else None
    return Diagnosis(
        misfit=solution.misfit,
        unit=solution.unit,
        p_value=p_value if is_chi_square else torch.full_like(chi_square, torch.nan),
        is_explained=explained,
        is_out_of_range=_out_of_range(problem, solution),
        left_range=solution.x_range is not None,
        agreement=_agreement(solution, numbers),
        is_multimodal=_multimodal(solution, numbers),
        noise_level=solution.noise_level,
        distribution_p_value=None if compared is None else compared.p_value,
        settings=numbers,
        findings=_findings(problem, solution, compared, numbers),
    )


def _findings(
    problem: Problem, solution: Solution, compared: Comparison | None, settings: DiagnosisSettings
) -> Findings | None:
    """Return what the reference images say against the problem as stated, or else the residual alone."""
    if compared is not None and compared.findings is not None:
        return compared.findings
    likelihood = problem.likelihood
    is_gaussian = isinstance(likelihood, Gaussian) and likelihood.has_noise_level
    if not is_gaussian or solution.z is None or solution.x_range is not None:
        return None
    assert isinstance(likelihood, Gaussian)
    assert likelihood.sigma is not None
    return residual_findings(
        real_view((solution.prediction - problem.measurements) / likelihood.sigma),
        problem.n_measurements - solution.z.shape[1],
        settings.checks,
    )


def _out_of_range(problem: Problem, solution: Solution) -> Tensor | None:
    if solution.z is None or not problem.likelihood.has_noise_level:
        return None
    in_range = solution.x if solution.x_range is None else solution.x_range
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(in_range), problem.measurements)
    return misfit > noise_threshold(problem)


def _agreement(solution: Solution, settings: DiagnosisSettings) -> Tensor | None:
    """Return the share of the other restarts that end near the best one, whatever they were stopped at."""
    if solution.restart_latents is None or solution.restart_latents.shape[1] == 1:
        return None
    n_near = (~_apart(solution, settings)).double().sum(1)
    return (n_near - 1) / (solution.restart_latents.shape[1] - 1)


def _multimodal(solution: Solution, settings: DiagnosisSettings) -> Tensor | None:
    if solution.posterior is not None and solution.posterior.n_modes is not None:
        return solution.posterior.n_modes > 1
    if solution.restart_objectives is None or solution.restart_latents is None:
        return None
    best = solution.restart_objectives.amin(1, keepdim=True)
    near_best = solution.restart_objectives < best + settings.mode_gap
    return (near_best & _apart(solution, settings)).any(1)


def _apart(solution: Solution, settings: DiagnosisSettings) -> Tensor:
    """Return which restarts end far from the best ``(batch, restarts)``."""
    assert solution.restart_latents is not None
    assert solution.restart_objectives is not None  # they come together
    best = solution.restart_objectives.argmin(1)
    rows = torch.arange(len(best), device=best.device)
    moved = solution.restart_latents - solution.restart_latents[rows, best][:, None]
    apart: Tensor = moved.square().mean(2) > settings.mode_distance**2
    return apart
