"""What a solution is worth, in words: explained, in the generator's range, of a kind that the prior knows.

A measurement is out of the prior's distribution if its whitened misfit is larger than those of the prior's
reference images under the same operator and noise: a conformal p-value (Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005, section 2.2), so that of all measurements of the reference's
kind no more than `ALARM` are flagged. Bright images have larger misfits: it is compared at equal brightness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.past_range import knows_its_error
from sciadv.solvers.representation_error import RepresentationError
from sciadv.solvers.search import noise_threshold
from sciadv.solvers.whitening import Whitened, whiten
from sciadv.types import as_generator

#: P-values below this raise the out-of-distribution flag; a little less than the 5 % of false alarms aimed
#: at, since the reference images are training images, which a prior represents a little better than others.
ALARM = 0.04
#: A data misfit that noise exceeds with less than this probability is not explained.
_UNLIKELY = 0.01
#: Restarts within this much of the best objective, and farther apart than this per latent, are other modes.
_NATS, _APART = 3.0, 0.5


@dataclass(frozen=True)
class Diagnosis:
    """One row per measurement.

    Parameters
    ----------
    chi_square
        ``|F(x) - y|^2 / sigma^2 / m``, about 1 for noise alone; else the misfit squared.
    p_value
        Probability that noise alone gives a chi-square as large; NaN without Gaussian noise of known sigma.
    is_out_of_range
        Whether no ``G(z)`` that was found explains the data to the noise level.
    distribution_p_value
        Share of reference images whose misfit is as large, at equal brightness; None where the prior has no
        statistics or the problem is not linear with Gaussian noise.
    agreement
        Share of restarts that end where the best does; None without restarts.
    is_multimodal
        Whether restarts far apart explain the data about as well as the best; None without restarts.
    """

    chi_square: Tensor
    p_value: Tensor
    is_out_of_range: Tensor | None
    distribution_p_value: Tensor | None
    agreement: Tensor | None
    is_multimodal: Tensor | None

    @property
    def is_out_of_distribution(self) -> Tensor | None:
        """Whether fewer than `ALARM` of the reference images have such a misfit."""
        return None if self.distribution_p_value is None else self.distribution_p_value < ALARM

    @property
    def words(self) -> list[str]:
        """A few sentences per measurement, with advice."""
        return [" ".join(self._sentences(row)) for row in range(len(self.chi_square))]

    def _sentences(self, row: int) -> list[str]:
        p, chi_square = float(self.p_value[row]), float(self.chi_square[row])
        said = [
            f"Chi-square per datum {chi_square:.3g}" + (f" (p = {p:.2g})" if math.isfinite(p) else "") + "."
        ]
        explained = not p < _UNLIKELY
        said.append("Explained to the noise level." if explained else "Not explained to the noise level.")
        if self.is_out_of_range is not None and bool(self.is_out_of_range[row]):
            said.append("No image of the generator explains it: expand the range (method 'tangent-kernel').")
        if self.is_out_of_distribution is not None and bool(self.is_out_of_distribution[row]):
            said.append("This prior has never seen such images: do not trust what the data do not show.")
        if self.is_multimodal is not None and bool(self.is_multimodal[row]):
            said.append("Several answers explain it about as well: look at the posterior (method 'laplace').")
        elif self.agreement is not None and float(self.agreement[row]) < 0.5:
            said.append("Most restarts end elsewhere: take more starts.")
        return said


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
    Cost: a latent search of the measurements and of the prior's reference images (`representation-error`),
    where the prior has statistics; else nothing.
    """
    chi_square = solution.misfit.double().square()
    is_gaussian = isinstance(problem.likelihood, Gaussian) and problem.likelihood.has_noise_level
    half = torch.tensor(0.5 * problem.n_measurements, dtype=torch.float64, device=chi_square.device)
    p_value = torch.special.gammaincc(half.expand_as(chi_square), half * chi_square)
    return Diagnosis(
        chi_square=chi_square,
        p_value=p_value if is_gaussian else torch.full_like(chi_square, torch.nan),
        is_out_of_range=_out_of_range(problem, solution),
        distribution_p_value=_distribution_p_value(problem, seed),
        agreement=solution.agreement,
        is_multimodal=_multimodal(solution),
    )


def _out_of_range(problem: Problem, solution: Solution) -> Tensor | None:
    if solution.z is None or not problem.likelihood.has_noise_level:
        return None
    in_range = solution.x if solution.x_range is None else solution.x_range
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(in_range), problem.measurements)
    return misfit > noise_threshold(problem)


def _multimodal(solution: Solution) -> Tensor | None:
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
