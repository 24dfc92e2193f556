"""Design by search: the generator proposes, a latent search refines, and what cannot be is explained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import final

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet
from sciadv.designs.design_set import Outcome, design_set
from sciadv.designs.evaluated import Evaluated, evaluate
from sciadv.designs.survey import Reach, SurveySettings, find_reach, nearest_designs, survey
from sciadv.errors import InputError, UnknownNameError, require_at_least
from sciadv.forward import PropertyModel
from sciadv.nets import DesignDecoder
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers import LevenbergMarquardt, Monitor
from sciadv.types import as_generator


@final
@dataclass(frozen=True)
class PropertySearch:
    """Design candidates whose predicted properties have given values; the designer of property models.

    Parameters
    ----------
    starts
        Starts per design; the best answer is kept.
    n_proposals
        Proposals of the generator per start, of which the best is kept.
    good_start
        Misfit, in tolerances, below which one proposal is as good a start as another: a rank among them
        would prefer designs that are alike.
    far_start
        Misfit, in tolerances, of the best proposal above which the search is left out: it would not come to
        the goal.
    n_iterations
        Steps per start at most: proposals are near, and a start that has not converged by then does not.
    n_attempts
        Searches at most; the later ones are for the designs that missed.
    start_spread
        Standard deviation of the later searches' starts around the latents of hits; divided by the square of
        the attempt's number.
    survey
        How designs are surveyed where no search has met the target.

    Raises
    ------
    InputError
        A count is below 1, or a misfit or spread below 0.

    Notes
    -----
    Where no design hits the target, the set has designs for the nearest value that feasible designs have,
    and says why.
    """

    starts: int = 2
    n_proposals: int = 4
    good_start: float = 10.0
    far_start: float = 4.0
    n_iterations: int = 12
    n_attempts: int = 5
    start_spread: float = 0.1
    survey: SurveySettings = field(default_factory=SurveySettings)

    def __post_init__(self) -> None:
        require_at_least(self, dict.fromkeys(("starts", "n_proposals", "n_iterations", "n_attempts"), 1))
        require_at_least(self, dict.fromkeys(("good_start", "far_start", "start_spread"), 0))

    def memory(self, problem: Problem, n: int) -> int:
        """Estimate the memory of `n` designs [bytes], from the proposals and the models of the search."""
        n_latent = problem.prior.n_latent
        proposals = n * self.starts * self.n_proposals * (4 * n_latent + 256)
        models = n * self.starts * 24 * n_latent**2
        return 4 * (proposals + models)

    def __call__(
        self,
        problem: Problem,
        target: Mapping[str, float],
        n: int,
        *,
        seed: int = 0,
        monitor: Monitor | None = None,
    ) -> CandidateSet:
        """Design `n` candidates for a target; see `sciadv.design`.

        Raises
        ------
        InputError
            The problem predicts no properties, no target was given, one lies outside of what the property
            can be, or no design keeps every constraint.
        UnknownNameError
            There is no such property.
        """
        started = time.perf_counter()
        aimed, goal = _aimed(problem, target)
        goals = goal.expand(n, -1)
        starts = propose(aimed, goals, self.starts, seed=seed, settings=self)
        found: _Found | None = None
        if starts is None or self._is_near(aimed, goal, starts):
            found = self._found(aimed, goals, starts, seed=seed, monitor=monitor)
        if found is None or not (found.was_interrupted or _has_hit(aimed, found.designs, goal)):
            found = self._surveyed(aimed, goals, found, seed=seed, monitor=monitor)
        outcome = Outcome(
            target=dict(target),
            reachable=dict(target) if found.reach is None else found.reach.nearest,
            reason="" if found.reach is None else found.reach.reason,
            hit=_misfit(aimed, found.designs, goal) <= 1,
            settings={**found.settings, "design": asdict(self)},
            seconds=time.perf_counter() - started,
            was_interrupted=found.was_interrupted,
            solution=found.solution,
        )
        return design_set(aimed, found.designs, outcome)

    def _is_near(self, problem: Problem, goal: Tensor, starts: Tensor) -> bool:
        """Whether a proposal is feasible and near enough to the goal for a search to come to it."""
        designs = evaluate(problem, _generated(problem, starts.flatten(0, 1)))
        is_near = _misfit(problem, designs, goal) <= self.far_start
        return bool((designs.feasible & is_near).any())

    def _found(
        self, problem: Problem, goals: Tensor, starts: Tensor | None, *, seed: int, monitor: Monitor | None
    ) -> _Found:
        """Search from the starts and evaluate what was found."""
        solution = _search(problem, goals, starts, seed=seed, monitor=monitor, settings=self)
        settings = {"method": solution.method, **solution.settings}
        designs = evaluate(problem, solution.x)
        return _Found(designs, settings, was_interrupted=solution.was_interrupted, solution=solution)

    def _surveyed(
        self, problem: Problem, goals: Tensor, found: _Found | None, *, seed: int, monitor: Monitor | None
    ) -> _Found:
        """Survey the designs within the bounds: search again from them, or take the nearest ones."""
        goal = goals[:1]
        try:
            pool = survey(
                problem, goal[0], [] if found is None else [found.designs], seed=seed, settings=self.survey
            )
            if found is None and _has_hit(problem, pool, goal):  # the generator was trained for other physics
                found = self._found(problem, goals, None, seed=seed, monitor=monitor)
                if found.was_interrupted or _has_hit(problem, found.designs, goal):
                    return found
            reach = find_reach(problem, goal[0], pool, settings=self.survey)
            nearest = goal.new_tensor(list(reach.nearest.values()))
            rows = nearest_designs(problem, nearest, pool, len(goals), settings=self.survey)
        except KeyboardInterrupt:
            if found is None:
                raise
            return replace(found, was_interrupted=True)
        settings: dict[str, object] = {"method": "designs over the bounds, ever nearer", "seed": seed}
        return _Found(pool.take(rows), settings, reach=reach)


@dataclass(frozen=True)
class _Found:
    """Designs, the settings of what found them, and why they are not at the target."""

    designs: Evaluated
    settings: dict[str, object]
    was_interrupted: bool = False
    solution: Solution | None = None
    reach: Reach | None = None


def _generated(problem: Problem, z: Tensor) -> Tensor:
    with torch.no_grad():
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
    if tuple(target) == model.properties:
        return problem, goal
    forward = model.with_properties(tuple(target))
    return replace(problem, forward=forward, measurements=goal, truth=None, labels=None), goal


def refine(
    problem: Problem,
    goals: Tensor,
    *,
    seed: int = 0,
    monitor: Monitor | None = None,
    settings: PropertySearch = PropertySearch(),  # frozen
) -> Solution:
    """Search designs for goals ``(n, properties)``, one each, from the generator's proposals.

    Where the generator was not trained for these properties, from the prior draws that come nearest.
    """
    starts = propose(problem, goals, settings.starts, seed=seed, settings=settings)
    return _search(problem, goals, starts, seed=seed, monitor=monitor, settings=settings)


def _search(
    problem: Problem,
    goals: Tensor,
    starts: Tensor | None,
    *,
    seed: int,
    monitor: Monitor | None,
    settings: PropertySearch,
) -> Solution:
    """Search from the starts; what missed, again from near those that came out, the nearest goal's first."""
    where = "codebook" if starts is None else starts
    solver = LevenbergMarquardt(restarts=settings.starts, starts=where, n_iterations=settings.n_iterations)
    solution = solver.solve(problem.with_measurements(goals), seed=seed, monitor=monitor)
    for attempt in range(1, settings.n_attempts):
        missed = torch.tensor([status is not Status.EXPLAINED for status in solution.status])
        if solution.was_interrupted or bool(missed.all()) or not bool(missed.any()):
            break
        rows = missed.nonzero().squeeze(1).to(goals.device)
        spread = settings.start_spread / attempt**2
        near = _near_hits(goals, rows, solution, n_starts=settings.starts, spread=spread, seed=seed + attempt)
        solver = replace(solver, starts=near)
        again = solver.solve(problem.with_measurements(goals[rows]), seed=seed, monitor=monitor)
        seconds = solution.seconds + again.seconds
        solution = replace(solution.with_rows(rows, again), seconds=seconds)
    return solution


def _near_hits(
    goals: Tensor, rows: Tensor, solution: Solution, *, n_starts: int, spread: float, seed: int
) -> Tensor:
    """Return starts ``(rows, n_starts, latent)`` around the latents of hits with the nearest goals."""
    assert solution.z is not None  # a latent search
    is_hit = torch.tensor([status is Status.EXPLAINED for status in solution.status], device=goals.device)
    hits = is_hit.nonzero().squeeze(1)
    distance = torch.cdist(goals[rows].log(), goals[hits].log())
    moves = spread * torch.randn(len(rows), n_starts, solution.z.shape[1], generator=as_generator(seed))
    tie = 1e-6 * torch.rand(distance.shape, generator=as_generator(seed)).to(distance)  # not all from one hit
    nearest = (distance + tie).topk(min(n_starts, len(hits)), largest=False).indices
    nearest = nearest[:, torch.arange(n_starts, device=nearest.device) % nearest.shape[1]]
    return solution.z[hits[nearest]] + moves.to(solution.z)


def propose(
    problem: Problem,
    goals: Tensor,
    n_starts: int,
    *,
    seed: int,
    settings: PropertySearch = PropertySearch(n_proposals=1),  # frozen
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
    settings
        Draws for each latent returned, `n_proposals`, of which the feasible one that comes nearest is kept;
        one draw if left out.

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
    n = n_starts * settings.n_proposals
    z = problem.prior.sample_latent(len(goals) * n, seed=seed).reshape(len(goals), n, -1)
    z[..., -generator.n_targets :] = generator.condition(goals)[:, None]
    if settings.n_proposals == 1:
        return z
    x = _generated(problem, z.flatten(0, 1))
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(x), goals.repeat_interleave(n, 0))
    score = misfit.clamp_min(settings.good_start)
    margins = problem.margins(x)
    if margins is not None:
        score = torch.where((margins >= 0).all(1), score, torch.inf)
    best = score.reshape(len(goals), n).topk(n_starts, largest=False).indices
    return z.gather(1, best[:, :, None].expand(-1, -1, z.shape[2]))


def _misfit(problem: Problem, designs: Evaluated, goal: Tensor) -> Tensor:
    """Return how far evaluated designs are from the goal, in tolerances ``(n,)``."""
    assert isinstance(problem.forward, PropertyModel)
    values = torch.stack([designs.value(name) for name in problem.forward.properties], 1)
    return problem.likelihood.to("cpu").misfit(values, goal.cpu().double().expand(len(values), -1))


def _has_hit(problem: Problem, designs: Evaluated, goal: Tensor) -> bool:
    """Whether a design has the goal and is feasible."""
    return bool(((_misfit(problem, designs, goal) <= 1) & designs.feasible).any())
