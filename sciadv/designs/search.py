"""Design by search: the generator proposes, `sciadv.solve` refines, and what cannot be is explained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from sciadv.catalogue import load_problem
from sciadv.designs.design_set import DesignSet
from sciadv.designs.library import Evaluated, evaluate, taken
from sciadv.designs.reach import find_reach, look_around, nearest_designs
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import PropertyModel
from sciadv.nets import DesignDecoder
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers import LevenbergMarquardt, Monitor
from sciadv.types import as_generator

#: Starts per design; the best is kept.
STARTS = 2
#: Misfit, in tolerances, below which one proposal is as good a start as another: the best ones look alike.
NEAR_ENOUGH = 10.0
#: Proposals of the generator per start, of which the best is kept.
N_PROPOSALS = 4
#: Misfit, in tolerances, of the best proposal above which no search comes to the goal.
_IN_VAIN = 4.0
#: Jacobians per start at most: proposals are near, and what has not come by then does not.
_N_ITERATIONS = 12
#: Searches at most; the later ones are for the designs that missed.
_N_ATTEMPTS = 5
#: Standard deviation of their starts around the latents of those that did not; smaller each time.
_NOISE = 0.1


def design_by_search(
    name: str | Path,
    target: Mapping[str, float],
    n: int,
    *,
    seed: int = 0,
    device: str = "cpu",
    monitor: Monitor | None = None,
) -> DesignSet:
    """Design candidates of a problem for a target; see `sciadv.design`.

    Where no design hits the target, the result has designs for the nearest value that feasible designs have,
    and says why.
    """
    started = time.perf_counter()
    problem, goal = _aimed(load_problem(name, device=device, seed=seed), target)
    goals = goal.expand(n, -1)
    starts = propose(problem, goals, STARTS, seed=seed, n_proposals=N_PROPOSALS)
    found, settings = None, dict[str, object]()
    if starts is None or _is_near(problem, goal, starts):
        found, settings = _search_and_evaluate(problem, goals, starts, seed=seed, monitor=monitor)
    pool, reach = found, None
    if found is None or not bool(_hits(problem, found, goal).any()):
        pool = look_around(problem, goal[0], [] if found is None else [found], seed=seed)
        if found is None and bool(_hits(problem, pool, goal).any()):  # the generator knows another physics
            found, settings = _search_and_evaluate(problem, goals, None, seed=seed, monitor=monitor)
    if found is None or not bool(_hits(problem, found, goal).any()):
        assert pool is not None
        reach = find_reach(problem, goal[0], pool)
        nearest = goal.new_tensor(list(reach.nearest.values()))
        found = taken(pool, nearest_designs(problem, nearest, pool, n))
        settings = {"method": "designs over the bounds, ever nearer", "seed": seed}
    designs = _design_set(problem, target, found, goal, settings)
    if reach is not None:
        designs = replace(designs, reachable=reach.nearest, reason=reach.reason)
    return replace(designs, seconds=time.perf_counter() - started)


def _is_near(problem: Problem, goal: Tensor, starts: Tensor) -> bool:
    """Whether a proposal is feasible and within a few tolerances of the goal: else a search is in vain."""
    found = evaluate(problem, _generated(problem, starts.flatten(0, 1)))
    return bool((found.feasible & (_misfit(problem, found, goal) <= _IN_VAIN)).any())


def _generated(problem: Problem, z: Tensor) -> Tensor:
    with torch.no_grad(), problem.prior.frozen():
        return problem.prior(z)


def _aimed(problem: Problem, target: Mapping[str, float]) -> tuple[Problem, Tensor]:
    """Return the problem with the asked properties as its predictions, and the target ``(1, properties)``.

    Raises
    ------
    InputError
        No target was given, or one lies outside of what the property can be.
    UnknownNameError
        There is no such property.
    """
    model = problem.forward
    if not isinstance(model, PropertyModel):
        raise InputError(
            f"{problem.name} cannot be designed: {model} predicts no properties by name; use sciadv solve"
        )
    known = {quantity.name: quantity for quantity in model.PROPERTIES}
    if not target:
        raise InputError(f"give a target for {problem.name}: a value of {' or '.join(known)}")
    for name, value in target.items():
        if name not in known:
            raise UnknownNameError(f"property of {problem.name}", name, known)
        quantity = known[name]
        if not quantity.low < value <= quantity.high:
            raise InputError(
                f"the target {name} = {value:g} is not possible: {name} is above {quantity.low:g} and "
                f"at most {quantity.high:g} {quantity.unit}".rstrip()
            )
    goal = torch.tensor([list(target.values())], dtype=torch.float32, device=problem.prior.device)
    aimed = (
        problem
        if tuple(target) == model.properties
        else replace(
            problem, forward=model.with_properties(tuple(target)), measurements=goal, truth=None, labels=None
        )
    )
    return aimed, goal


def refine(problem: Problem, goals: Tensor, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
    """Search designs for goals ``(n, properties)``, one each, from the generator's proposals.

    Where the generator was not trained for these properties, from the prior draws that come nearest.
    """
    starts = propose(problem, goals, STARTS, seed=seed, n_proposals=N_PROPOSALS)
    return _search(problem, goals, starts, seed=seed, monitor=monitor)


def _search(
    problem: Problem, goals: Tensor, starts: Tensor | None, *, seed: int, monitor: Monitor | None
) -> Solution:
    """Search from the starts; what missed, again from near those that came out, the nearest goal's first."""
    where = "codebook" if starts is None else starts
    solver = LevenbergMarquardt(restarts=STARTS, starts=where, n_iterations=_N_ITERATIONS)
    solution = solver.solve(problem.with_measurements(goals), seed=seed, monitor=monitor)
    for attempt in range(1, _N_ATTEMPTS):
        missed = torch.tensor([status is not Status.EXPLAINED for status in solution.status])
        if bool(missed.all()) or not bool(missed.any()):
            break
        rows = missed.nonzero().squeeze(1).to(goals.device)
        near = _near_hits(
            goals, rows, ~missed.to(goals.device), solution, noise=_NOISE / attempt**2, seed=seed + attempt
        )
        solver = replace(solver, starts=near)
        again = solver.solve(problem.with_measurements(goals[rows]), seed=seed, monitor=monitor)
        seconds = solution.seconds + again.seconds
        solution = replace(solution.with_rows(rows, again), seconds=seconds)
    return solution


def _near_hits(
    goals: Tensor, rows: Tensor, is_hit: Tensor, solution: Solution, *, noise: float, seed: int
) -> Tensor:
    """Return starts ``(rows, STARTS, latent)`` around the latents of hits with the nearest goals."""
    assert solution.z is not None  # a latent search
    hits = is_hit.nonzero().squeeze(1)
    distance = torch.cdist(goals[rows].log(), goals[hits].log())
    moves = noise * torch.randn(len(rows), STARTS, solution.z.shape[1], generator=as_generator(seed))
    tie = 1e-6 * torch.rand(distance.shape, generator=as_generator(seed)).to(distance)  # not all from one hit
    nearest = (distance + tie).topk(min(STARTS, len(hits)), largest=False).indices
    nearest = nearest[:, torch.arange(STARTS, device=nearest.device) % nearest.shape[1]]
    return solution.z[hits[nearest]] + moves.to(solution.z)


def propose(
    problem: Problem, goals: Tensor, n_starts: int, *, seed: int, n_proposals: int = 1
) -> Tensor | None:
    """Return latents ``(n, n_starts, latent)`` that ask the generator for goals ``(n, properties)``.

    Parameters
    ----------
    problem
        What is designed.
    goals
        A target for each design.
    n_starts
        Latents for each design.
    seed
        Seed of the draws.
    n_proposals
        Draws for each latent returned, of which the feasible one that comes nearest is kept.

    Returns
    -------
    Tensor or None
        None where the generator takes no targets, or not these.
    """
    generator = problem.prior.generator
    model = problem.forward
    if not isinstance(generator, DesignDecoder) or not isinstance(model, PropertyModel):
        return None
    if problem.prior.card.get("targets", "") not in {"", ", ".join(model.properties)}:
        return None
    n = n_starts * n_proposals
    z = problem.prior.sample_latent(len(goals) * n, seed=seed).reshape(len(goals), n, -1)
    z[..., -generator.n_targets :] = generator.condition(goals)[:, None]
    if n_proposals == 1:
        return z
    x = _generated(problem, z.flatten(0, 1))
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(x), goals.repeat_interleave(n, 0))
    score = misfit.clamp_min(NEAR_ENOUGH)
    margins = problem.margins(x)
    if margins is not None:
        score = torch.where((margins >= 0).all(1), score, torch.inf)
    best = score.reshape(len(goals), n).topk(n_starts, largest=False).indices
    return z.gather(1, best[:, :, None].expand(-1, -1, z.shape[2]))


def _search_and_evaluate(
    problem: Problem, goals: Tensor, starts: Tensor | None, *, seed: int, monitor: Monitor | None
) -> tuple[Evaluated, dict[str, object]]:
    solution = _search(problem, goals, starts, seed=seed, monitor=monitor)
    return evaluate(problem, solution.x), {"method": solution.method, **solution.settings}


def _misfit(problem: Problem, found: Evaluated, goal: Tensor) -> Tensor:
    """Return how far evaluated designs are from the goal, in tolerances ``(n,)``."""
    assert isinstance(problem.forward, PropertyModel)
    values = torch.stack([found.values[name] for name in problem.forward.properties], 1)
    return problem.likelihood.to("cpu").misfit(values, goal.cpu().double().expand(len(values), -1))


def _hits(problem: Problem, found: Evaluated, goal: Tensor) -> Tensor:
    """Return which designs have the goal and are feasible ``(n,)``."""
    return (_misfit(problem, found, goal) <= 1) & found.feasible


def _design_set(
    problem: Problem, target: Mapping[str, float], found: Evaluated, goal: Tensor, settings: dict[str, object]
) -> DesignSet:
    """Return designs as if the target were reached."""
    model = problem.forward
    assert isinstance(model, PropertyModel)
    return DesignSet(
        problem=problem,
        target=dict(target),
        x=found.x,
        values=found.values,
        hit=_misfit(problem, found, goal) <= 1,
        feasible=found.feasible,
        margins=found.margins,
        variables=model.VARIABLES,
        properties=model.PROPERTIES,
        reachable=dict(target),
        settings=settings,
    )
