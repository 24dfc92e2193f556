"""Which search for how many latents: a cost model that counts starts too, and trials on own samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solvers.latent.adam import Adam
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.search import has_forward_mode
from sciadv.solvers.linear.linearised_draws import n_linearised
from sciadv.solvers.many_latents.amortised_search import AmortisedSearch
from sciadv.solvers.many_latents.recovery import Recovery, in_range_recovery
from sciadv.types import Count, Positive, Share, Whole

Search = LevenbergMarquardt | AmortisedSearch | Adam


@checked
@dataclass(frozen=True)
class CostModel:
    """What a search costs a measurement, in passes of the generator.

    Parameters
    ----------
    passes_per_gradient
        One forward, and its reverse.
    passes_per_tangent
        One column of a Jacobian in forward mode.
    passes_per_product
        One product with J or J'.
    steps_of_second_order
        Gradients of a start of Levenberg-Marquardt before it ends.
    steps_of_newton, products_per_step
        Steps of a start of Gauss-Newton by conjugate gradients, and their iterations in each.
    starts_needed
        Amortised starts that are searched before one explains the data.
    codebook
        Draws that a codebook scores.
    most_matrix_numbers
        Numbers in the n x n matrices and Jacobians of all rows, at most, for Levenberg-Marquardt.
    n_trials
        Own samples on which each search is tried, cheapest first; 0 trusts the model.
    wanted_share
        Share of them that a search must recover to be taken without trying the next.
    """

    passes_per_gradient: Positive = 3.0
    passes_per_tangent: Positive = 2.0
    passes_per_product: Positive = 1.5
    steps_of_second_order: Positive = 60.0
    steps_of_newton: Positive = 20.0
    products_per_step: Positive = 20.0
    starts_needed: Positive = 1.5
    codebook: Count = 2000
    most_matrix_numbers: Count = 2**27
    n_trials: Whole = 0
    wanted_share: Share = 0.9


@dataclass(frozen=True)
class Choice:
    """The search that was chosen, why, what it costs, and what it recovered where it was tried."""

    solver: Search
    reason: str
    passes: float
    recovery: Recovery | None = None


def choose_search(
    problem: Problem, *, model: CostModel | None = None, seed: int = 0, monitor: Monitor | None = None
) -> Choice:
    """Choose a latent search for a problem; see `CostModel`.

    Every search is counted with its starts: the passes that measurements share (a codebook, linearised draws,
    own samples that are not kept yet) are divided by their number. With ``model.n_trials`` the searches are
    tried on the prior's own samples, the cheapest first, until one recovers the wanted share of them; else
    the one that recovers most is taken.

    Parameters
    ----------
    problem
        The problem.
    model
        The numbers of the choice.
    seed, monitor
        As of a solver; for trials.

    Raises
    ------
    InputError
        Trials are asked for, but the likelihood has no noise level.

    Examples
    --------
    >>> from sciadv.testing.solver_suite import linear_problem
    >>> choose_search(linear_problem()).solver.name
    'amortised-search'
    """
    how, tried = model or CostModel(), list[Choice]()
    for choice in sorted(_candidates(problem, how), key=lambda choice: choice.passes):
        if how.n_trials == 0:
            return choice
        found = in_range_recovery(
            problem.prior,
            problem.forward,
            problem.likelihood,
            choice.solver,
            n_samples=how.n_trials,
            latent_weight=problem.latent_weight,
            seed=seed,
            monitor=monitor,
        )
        tried.append(replace(choice, reason=f"{choice.reason}; {found}", recovery=found))
        if found.share >= how.wanted_share:
            break
    return max(tried, key=lambda choice: 0.0 if choice.recovery is None else choice.recovery.share)


def _candidates(problem: Problem, how: CostModel) -> list[Choice]:
    """Return the searches that can be used, with what they cost."""
    n_latent, n_problems = problem.prior.n_latent, problem.n_problems
    is_forward = has_forward_mode(problem)
    jacobian = n_latent * how.passes_per_tangent
    gradients = how.steps_of_second_order * how.passes_per_gradient
    by_gradients = Adam()
    first_order = by_gradients.restarts * by_gradients.n_iterations * how.passes_per_gradient
    choices = [_counted(by_gradients, first_order + how.codebook / n_problems)]
    amortised = AmortisedSearch()
    products = 2 * how.products_per_step * how.passes_per_product
    newton = how.steps_of_newton * (how.passes_per_gradient + products)
    is_dense = is_forward and n_latent <= amortised.most_dense
    each = jacobian + gradients if is_dense else newton
    choices.append(_counted(amortised, how.starts_needed * each + amortised.budget.n_samples / n_problems))
    dense = LevenbergMarquardt()
    n_draws = n_linearised(problem)
    if is_forward and dense.restarts * n_problems * n_latent**2 <= how.most_matrix_numbers:
        has_draws = n_draws >= 4 * dense.restarts
        shared = n_draws * jacobian if has_draws else how.codebook
        each = gradients if has_draws else jacobian + gradients
        choices.append(_counted(dense, dense.restarts * each + shared / n_problems))
    return choices


def _counted(solver: Search, passes: float) -> Choice:
    return Choice(solver, f"{solver.name} at about {passes:.0f} generator passes a measurement", passes)
