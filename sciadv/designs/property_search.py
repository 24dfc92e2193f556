"""Design by search: library and generator propose, a latent search refines, what cannot be is explained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import final

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet
from sciadv.designs.aim import Aim, Pool, take_aim
from sciadv.designs.crossbred import Crossbreeding, children, has_choices
from sciadv.designs.distinct import count_hits, farthest_points, places, spread_apart
from sciadv.designs.evaluated import Evaluated, evaluate
from sciadv.designs.fabrication import Parts, drawn_in_aim, linearised_yield, parts_as_made, scatter_of
from sciadv.designs.optimise import optimise
from sciadv.designs.proposals import improved, library, minima, proposed, shortest_way
from sciadv.designs.shown.certificate import Certificate, certify
from sciadv.designs.shown.design_set import Outcome, design_set
from sciadv.designs.shown.random_designs import RandomDesigns
from sciadv.designs.survey import (
    Reach,
    SurveySettings,
    find_reach,
    nearest_designs,
    neighbours_of_nearest,
    refuse_impossible,
)
from sciadv.errors import InputError, require_at_least
from sciadv.problem import Problem
from sciadv.solvers import LevenbergMarquardt, Monitor
from sciadv.solvers.least_squares.memetic import MemeticSearch
from sciadv.types import as_generator


@final
@dataclass(frozen=True)
class PropertySearch:
    """Design candidates whose predicted properties have given values; the designer of property models.

    Random designs between the bounds and, where one was trained for these properties, the generator's
    proposals are evaluated; the nearest that are far from each other are refined by Levenberg-Marquardt on
    the demands and limits; from what hits, further searches start until there are enough distinct designs.

    Parameters
    ----------
    starts
        Searches per design that is asked for.
    n_proposals
        Proposals of the generator per design that is asked for.
    n_iterations
        Steps per search at most.
    n_attempts
        Rounds of searches at most; the later ones start near designs that hit.
    start_spread
        Standard deviation of the second round's starts around the latents of hits; later ones are as many
        times farther.
    most_known
        Hits at most from which other starts are to be far.
    apart
        Two designs are distinct where some variable differs by more than this part of its range.
    tolerance
        Part of a target by which a hit may be off, where the problem states none.
    least_parts, most_parts
        Parts as made that are evaluated of each design: as many as make all of them together as many as the
        model's library, within these; 0 at most for none.
    survey
        How designs are surveyed where no search has met the target.
    memetic
        The search by a model's residuals, where it has some and what they measure is to be small.
    crossbreeding
        How designs with choices are bred, where the first ones do not do what is asked.
    verifies
        Whether the designs are solved by the model's independent solver, which may take longer than the
        search.

    Raises
    ------
    InputError
        A count is below 1, or a spread or part below 0.

    Notes
    -----
    Where no design hits the target, the set has designs for the nearest value that feasible designs have,
    and says why.
    """

    starts: int = 2
    n_proposals: int = 8
    n_iterations: int = 25
    n_attempts: int = 5
    start_spread: float = 0.3
    most_known: int = 200
    apart: float = 0.001
    tolerance: float = 0.01
    least_parts: int = 16
    most_parts: int = 128
    survey: SurveySettings = field(default_factory=SurveySettings)
    memetic: MemeticSearch = field(default_factory=MemeticSearch)
    crossbreeding: Crossbreeding = field(default_factory=Crossbreeding)
    verifies: bool = True

    def __post_init__(self) -> None:
        counts = ("starts", "n_proposals", "n_iterations", "n_attempts", "least_parts")
        require_at_least(self, dict.fromkeys(counts, 1))
        require_at_least(self, dict.fromkeys(("start_spread", "apart", "tolerance"), 0))

    def memory(self, problem: Problem, n: int) -> int:
        """Estimate the memory of `n` designs [bytes], from the evaluated designs and the search's models."""
        n_latent = max(problem.prior.n_latent, problem.prior.out_shape[0])
        evaluated = n * (self.most_parts + self.n_proposals) * 8 * (n_latent + 32)
        return 2 * (evaluated + n * self.starts * 24 * n_latent**2)

    def __call__(
        self,
        problem: Problem,
        target: Mapping[str, object],
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
            can be by its definition or its model's theory, or no design keeps every constraint.
        UnknownNameError
            There is no such property.
        """
        started = time.perf_counter()
        aim = take_aim(problem, target, tolerance=self.tolerance)
        refuse_impossible(aim)
        pool, was_interrupted = self._searched(aim, n, seed=seed, monitor=monitor)
        reach: Reach | None = None
        if bool((aim.distance(pool.designs) == 0).any()):
            chosen = self._chosen(aim, pool, n, seed=seed)
        elif was_interrupted:
            chosen = pool.take(aim.distance(pool.designs).argsort()[:n]).designs
        else:
            reach = find_reach(aim, pool.designs)
            chosen = nearest_designs(aim, pool.designs, n)
        chosen = evaluate(problem, chosen.x)  # by every property
        is_centred = reach is None and not aim.objectives and not was_interrupted
        outcome = Outcome(
            aim=aim,
            reach=reach,
            n_distinct=0,
            parts=self._parts(aim, chosen, seed=seed + 1),  # others than those that chose
            certificate=certify(aim, chosen) if self.verifies else Certificate(),
            settings={"seed": seed, **asdict(self)},
            seconds=time.perf_counter() - started,
            was_interrupted=was_interrupted,
            n_evaluated=len(pool.z),
            random=RandomDesigns.of(aim, pool.designs.take(pool.is_random.nonzero().squeeze(1))),
        )
        hits = chosen.x[outcome.hit(chosen) & chosen.feasible]
        n_distinct = count_hits(aim, hits, n, apart=self.apart, is_centred=is_centred)
        return design_set(chosen, replace(outcome, n_distinct=n_distinct))

    def _searched(self, aim: Aim, n: int, *, seed: int, monitor: Monitor | None) -> tuple[Pool, bool]:
        """Return every design that was evaluated, and whether the search was interrupted."""
        pool = self._first(aim, n, seed=seed)
        try:
            z = minima(aim, self.memetic, seed=seed)
            pool = pool if z is None else pool.and_more(Pool.of(aim, z))
            pool = self._bred(aim, pool, n, seed=seed)
            pool = self._improved(aim, pool, n)
        except KeyboardInterrupt:
            return pool, True
        n_before = -1
        for attempt in range(self.n_attempts):
            is_hit = aim.distance(pool.designs) == 0
            n_found = count_hits(aim, pool.designs.x[is_hit], n, apart=self.apart)
            if n_found >= n or (attempt > 1 and n_found == n_before > 0):
                break
            n_before = n_found
            try:
                if not bool(is_hit.any()):
                    pool = self._zoomed(aim, pool, attempt, seed=seed)
                z = self._starts(aim, pool, n * self.starts, attempt, seed=seed)
                found, was_interrupted = self._refined(
                    aim, aim.search, z, seed=seed + attempt, monitor=monitor
                )
            except KeyboardInterrupt:
                return pool, True
            pool = pool.and_more(found)
            if was_interrupted:
                return pool, True
        return self._with_robust(aim, pool, n, seed=seed, monitor=monitor)

    def _improved(self, aim: Aim, pool: Pool, n: int) -> Pool:
        """Return the pool with what the model's own method makes of its best, where that is wanted."""
        is_enough = not aim.objectives and int((aim.distance(pool.designs) == 0).sum()) >= n
        better = None if is_enough else improved(aim, pool.designs, n * self.starts)
        if better is None:
            return pool
        nowhere = pool.z.new_full((len(better.x), pool.z.shape[1]), torch.nan)
        return pool.and_more(Pool(nowhere, better, torch.zeros(len(nowhere), dtype=torch.bool)))

    def _bred(self, aim: Aim, pool: Pool, n: int, *, seed: int) -> Pool:
        """Return the pool with children of its best designs, until enough do what is asked, of choices."""
        for step in range(self.crossbreeding.n_rounds if has_choices(aim) else 0):
            is_hit = aim.distance(pool.designs) == 0
            if not aim.objectives and int(is_hit.sum()) >= 4 * n:
                break
            z = children(aim, pool.designs, self.crossbreeding, seed=seed + step)
            pool = pool.and_more(Pool.of(aim, z.to(pool.z)))
        return pool

    def _with_robust(
        self,
        aim: Aim,
        pool: Pool,
        n: int,
        *,
        seed: int,
        monitor: Monitor | None,
    ) -> tuple[Pool, bool]:
        """Search on from hits for designs of which enough parts do what is asked, where that was asked."""
        hits = pool.take((aim.distance(pool.designs) == 0).nonzero().squeeze(1))
        if aim.least_yield == 0 or len(hits.z) == 0:
            return pool, False
        some = hits.take(farthest_points(places(aim.model, hits.designs.x), n * self.starts))
        parts = self._parts(aim, some.designs, seed=seed)
        if parts.n_parts == 0:
            raise InputError(
                f"{aim.problem.name} states no scatter of its variables, so that it has no yield"
            )
        search = drawn_in_aim(aim, parts).search
        try:
            found, was_interrupted = self._refined(aim, search, some.z, seed=seed, monitor=monitor)
        except KeyboardInterrupt:
            return pool, True
        return pool.and_more(found), was_interrupted

    def _first(self, aim: Aim, n: int, *, seed: int) -> Pool:
        """Evaluate random designs over what is searched, and the generator's proposals.

        Where the shortest steps from a few draws of a generator give as many as are asked for, only these.
        """
        direct = self._direct(aim, n, seed=seed) if aim.box is None and not aim.objectives else None
        if direct is not None and int((aim.distance(direct.designs) == 0).sum()) >= n:
            return direct
        first = Pool.of(aim, library(aim, aim.model.n_library, seed=seed), is_random=True)
        if direct is not None:
            first = first.and_more(direct)
        x = proposed(aim, n * self.n_proposals, seed=seed)
        if x is None or aim.box is None:
            return first
        return first.and_more(Pool.of(aim, aim.box.to_latent(x)))

    def _direct(self, aim: Aim, n: int, *, seed: int) -> Pool | None:
        """Return what the shortest steps make of draws of a generator, new ones in place of those that fail.

        None where there are no such steps, or where they meet the aim from no draw at first.
        """
        found: Pool | None = None
        n_missing = n
        for attempt in range(self.n_attempts):
            z = aim.search.prior.sample_latent(n_missing, seed=seed + 1000 * attempt)
            pool = Pool.of(aim, z, is_random=True)
            z = z[aim.distance(pool.designs) > 0]
            if len(z):
                short = shortest_way(aim, aim.search, z, n_steps=self.n_iterations)
                if short is None:
                    return None
                pool = pool.and_more(Pool.of(aim, short))
            found = pool if found is None else found.and_more(pool)
            n_missing = n - int((aim.distance(found.designs) == 0).sum())
            if n_missing in (0, n):
                break
        return found if n_missing < n else None

    def _starts(self, aim: Aim, pool: Pool, k: int, attempt: int, *, seed: int) -> Tensor:
        """Return latents to search from ``(k, latent)``: the nearest that are far apart, and around hits."""
        has_latent = pool.z.isfinite().all(1)
        distance = torch.where(has_latent, aim.distance(pool.designs), torch.inf)
        hits = (distance == 0).nonzero().squeeze(1)
        order = torch.where(distance > 0, distance, torch.inf).argsort()[: 4 * (attempt + 1) * k]
        order = order[distance[order].isfinite()]
        known = places(aim.model, pool.designs.x[hits[: self.most_known]]) if len(hits) else None
        rows = order
        if len(order):
            rows = order[farthest_points(places(aim.model, pool.designs.x[order]), k, others=known)]
        if attempt == 0 or not len(hits):
            return pool.z[rows]
        numbers = as_generator(seed + attempt)
        some = hits[torch.randint(len(hits), (k // 2,), generator=numbers)]
        moves = self.start_spread * torch.randn(len(some), pool.z.shape[1], generator=numbers)
        return torch.cat([pool.z[some] + attempt * moves.to(pool.z), pool.z[rows]])

    def _zoomed(self, aim: Aim, pool: Pool, attempt: int, *, seed: int) -> Pool:
        """Return the pool with designs ever nearer around those that come nearest to the aim."""
        for step in range(self.survey.n_zooms if attempt else 1):
            z = neighbours_of_nearest(
                aim, pool.z, pool.designs, step + attempt, seed=seed + step, settings=self.survey
            )
            if len(z):
                pool = pool.and_more(Pool.of(aim, z.to(pool.z)))
        return pool

    def _refined(
        self,
        aim: Aim,
        search: Problem,
        z: Tensor,
        *,
        seed: int,
        monitor: Monitor | None,
    ) -> tuple[Pool, bool]:
        """Search from latents ``(k, latent)`` and evaluate what was found by the aim."""
        short = shortest_way(aim, search, z, n_steps=self.n_iterations)
        if short is not None:
            return Pool.of(aim, short), False
        solver = LevenbergMarquardt(restarts=1, starts=z[:, None], n_iterations=self.n_iterations)
        problem = search.with_measurements(search.measurements.expand(len(z), -1))
        solution = solver.solve(problem, seed=seed, monitor=monitor)
        assert solution.z is not None  # a latent search
        return Pool.of(aim, solution.z), solution.was_interrupted

    def _chosen(self, aim: Aim, pool: Pool, n: int, *, seed: int) -> Evaluated:
        """Return `n` of the designs that hit, far from each other, or the best by what is to be optimised."""
        distance = aim.distance(pool.designs)
        hits = pool.take((distance == 0).nonzero().squeeze(1))
        if aim.objectives:
            return self._optimised(aim, hits, n, seed=seed)
        if len(hits.z) < n:
            order = distance.argsort()[:n]
            return pool.designs.take(order)
        if aim.least_yield > 0:
            hits = hits.take(self._robust(aim, hits.designs, n, seed=seed))
        rows, x = spread_apart(aim, hits.designs.x, n)
        exact = aim.at(x)
        still = (aim.distance(exact) == 0).nonzero().squeeze(1)
        return hits.designs.take(rows).put(still, exact.take(still))

    def _optimised(self, aim: Aim, hits: Pool, n: int, *, seed: int) -> Evaluated:
        """Return `n` designs that are best by the objectives, and of which as many parts as asked for do it.

        Demands and limits are drawn in, ever farther, until that many parts keep them.
        """
        has_method = not bool(hits.z.isfinite().all()) and len(aim.objectives) == 1
        n_iterations = 0 if has_method else 100
        best = optimise(aim, hits.z, hits.designs, n, apart=self.apart, n_iterations=n_iterations)
        parts = self._parts(aim, best, seed=seed)
        first, share = parts, float(parts.bear(aim.least_yield).double().mean())
        for factor in (1.0, 1.3, 1.7, 2.2):
            if share == 1:
                break
            narrow = drawn_in_aim(aim, first, factor=factor)
            found = optimise(narrow, hits.z, hits.designs, n, apart=self.apart, n_iterations=n_iterations)
            if len(found.x) < n:
                continue
            parts = self._parts(aim, found, seed=seed)
            new = float(parts.bear(aim.least_yield).double().mean())
            best, share = (aim.at(found.x), new) if new > share else (best, share)
        return best

    def _robust(self, aim: Aim, designs: Evaluated, n: int, *, seed: int) -> Tensor:
        """Return the rows of the designs with the yield that is asked for, or of the `n` with most.

        Those with the largest linearised yield are tried on parts; the yield asked for has to be exceeded by
        twice its standard error over so many, so that it holds on others.
        """
        width = scatter_of(aim, designs.x)
        likely = linearised_yield(aim, designs, width).argsort(descending=True)[: 4 * n]
        parts = self._parts(aim, designs.take(likely), seed=seed)
        shares = parts.yields
        error = (aim.least_yield * (1 - aim.least_yield) / parts.n_parts) ** 0.5
        enough = likely[shares >= min(1.0, aim.least_yield + 2 * error)]
        return enough if len(enough) >= n else likely[shares.argsort(descending=True)[:n]]

    def _parts(self, aim: Aim, designs: Evaluated, *, seed: int) -> Parts:
        wanted = aim.model.n_library // max(1, len(designs.x))
        n_parts = min(self.most_parts, max(self.least_parts, wanted))
        if aim.least_yield > 0:
            n_parts = max(self.most_parts, self.least_parts, wanted)
        return parts_as_made(aim, designs, n_parts, seed=seed)
