"""Design by search: the generator proposes, `sciadv.solve` refines, and what cannot be is explained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from sciadv.catalogue import load_problem
from sciadv.designs.design_set import DesignSet
from sciadv.designs.library import Evaluated, evaluate, joined, taken
from sciadv.designs.reach import Reach, find_reach, look_around, nearest_designs
from sciadv.designs.verb import Designer
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import PropertyModel
from sciadv.nets import DesignDecoder
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers import LevenbergMarquardt, Monitor, solve

#: Starts per design; the best is kept.
STARTS = 2
#: Misfit, in tolerances, below which one proposal is as good a start as another: the best ones look alike.
NEAR_ENOUGH = 10.0
#: Proposals of the generator per start, of which the best is kept.
N_PROPOSALS = 4
#: Jacobians per start at most: proposals are near, and what has not come by then does not.
_N_ITERATIONS = 30


def designer_of(name: str | Path) -> Designer:
    """Return the designer of a problem of the catalogue, or of one's own."""
    return cast(Designer, partial(design_by_search, name))


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
    x, solution = refine(problem, goal.expand(n, -1), seed=seed, monitor=monitor)
    found, reach = evaluate(problem, x), None
    hit = _hits(problem, found, goal)
    if not bool((hit & found.feasible).any()):
        pool = look_around(problem, goal[0], found, seed=seed)
        reach = find_reach(problem, goal[0], pool)
        nearest = goal.new_tensor([list(reach.nearest.values())])
        x, solution = refine(problem, nearest.expand(n, -1), seed=seed, monitor=monitor)
        pool = joined([evaluate(problem, x), pool])
        found = taken(pool, nearest_designs(problem, nearest[0], pool, n))
        hit = _hits(problem, found, goal)
    return _design_set(problem, target, found, hit, reach, solution, seconds=time.perf_counter() - started)


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


def refine(
    problem: Problem, goals: Tensor, *, seed: int = 0, monitor: Monitor | None = None
) -> tuple[Tensor, Solution]:
    """Search designs ``(n, variables)`` for goals ``(n, properties)``, one each, from `STARTS` proposals.

    The proposals are the generator's for the goal where it was trained for these properties, else the prior
    draws that come nearest.
    """
    aimed = problem.with_measurements(goals)
    starts = propose(problem, goals, STARTS, seed=seed, n_proposals=N_PROPOSALS)
    where = "codebook" if starts is None else starts
    solver = LevenbergMarquardt(restarts=STARTS, starts=where, n_iterations=_N_ITERATIONS)
    solution = solve(aimed, solver, seed=seed, monitor=monitor)
    return solution.x, solution


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
    with torch.no_grad(), problem.prior.frozen():
        x = problem.prior(z.flatten(0, 1))
        misfit = problem.likelihood.misfit(problem.forward(x), goals.repeat_interleave(n, 0))
    score = misfit.clamp_min(NEAR_ENOUGH)
    margins = problem.margins(x)
    if margins is not None:
        score = torch.where((margins >= 0).all(1), score, torch.inf)
    best = score.reshape(len(goals), n).topk(n_starts, largest=False).indices
    return z.gather(1, best[:, :, None].expand(-1, -1, z.shape[2]))


def _hits(problem: Problem, found: Evaluated, goal: Tensor) -> Tensor:
    """Return whether designs have the goal within the problem's tolerance ``(n,)``."""
    assert isinstance(problem.forward, PropertyModel)
    values = torch.stack([found.values[name] for name in problem.forward.properties], 1)
    return problem.likelihood.to("cpu").misfit(values, goal.cpu().double().expand(len(values), -1)) <= 1


def _design_set(
    problem: Problem,
    target: Mapping[str, float],
    found: Evaluated,
    hit: Tensor,
    reach: Reach | None,
    solution: Solution,
    *,
    seconds: float,
) -> DesignSet:
    model = problem.forward
    assert isinstance(model, PropertyModel)
    return DesignSet(
        problem=problem,
        target=dict(target),
        x=found.x,
        values=found.values,
        hit=hit,
        feasible=found.feasible,
        margins=found.margins,
        variables=model.VARIABLES,
        properties=model.PROPERTIES,
        reachable=dict(target) if reach is None else reach.nearest,
        reason="" if reach is None else reach.reason,
        seconds=seconds,
        settings={"method": solution.method, **solution.settings},
    )
