"""Gauss-Newton steps by conjugate gradients: a second-order search that holds no Jacobian.

Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, sections 7.1 (inexact Newton) and 10.3; the damping
of each row is moved by the ratio of actual to predicted decrease, algorithm 4.1. For likelihoods other than
Gaussian the curvature is the Fisher information.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.constraints import Multipliers, keep_constraints
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import LatentState, Point, Search, begin, best_restarts, thin_out
from sciadv.solvers.latent.starts import Starts
from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients
from sciadv.solvers.linear.jacobian import real_curvature
from sciadv.solvers.linear.latent_products import LatentProducts
from sciadv.types import Count, NotNegative, Positive, Rows, Share


@dataclass(frozen=True)
class Trust(Rows):
    """What each row carries on: its `damping`, and the `first` it had, 0 before its first step."""

    damping: Tensor
    first: Tensor


@checked
@dataclass(frozen=True)
class GaussNewtonCG:
    """Minimise ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2`` by damped Gauss-Newton steps.

    A step solves ``(J'CJ + (w + mu) I) d = -g`` by conjugate gradients.

    Parameters
    ----------
    restarts
        Starts per measurement.
    n_iterations
        Steps per start at most.
    starts
        "amortised", "auto", "codebook", "encoder", "random", or latents ``(batch, restarts, latent)``: see
        `Starts`.
    n_products
        Conjugate-gradient iterations a step at most; each is a product with J and one with J'.
    cg_tolerance
        They end at this part of the gradient's norm.
    damping
        First damping, in parts of the curvature along the gradient.
    least_damping, most_damping
        Between which the damping stays, in units of the curvature of the latents' distribution; a start whose
        damping has come to the most is at its end.
    tolerance
        A start has converged when a step decreases the objective by less than this part of it.
    stop_at_noise
        Whether a start ends where it explains the data to the noise level.
    settled_decrease
        Where the latent weight is not 0, a start at the noise level ends when a step decreases its objective
        by less than this part of it.
    halve_at
        Iterations after which only the better half of a measurement's restarts goes on; from a third of the
        first on, a restart that has met a better one ends too.
    met_distance
        Two starts have met when they are nearer than this part of the distance of two independent prior
        draws.
    n_at_once
        Rows that are linearised at once; bounds the memory to that of a training step of so many samples.
    multipliers
        How constraints are kept.

    Notes
    -----
    Cost per step and row: about ``3 + 2 n_products`` generator passes. Needs no forward mode.
    """

    restarts: Count = 4
    n_iterations: Count = 50
    starts: str | Tensor = "amortised"
    n_products: Count = 30
    cg_tolerance: Share = 0.1
    damping: Positive = 0.1
    least_damping: Positive = 1e-3
    most_damping: Positive = 1e20
    tolerance: NotNegative = 1e-4
    stop_at_noise: bool = True
    settled_decrease: NotNegative = 1e-2
    halve_at: tuple[Count, ...] = (12, 18)
    met_distance: NotNegative = 0.1
    n_at_once: Count = 32
    multipliers: Multipliers = field(default_factory=Multipliers)
    name: str = "gauss-newton-cg"

    def init(self, problem: Problem, run: Run) -> LatentState:
        """Choose the starts and score them."""
        search, z = begin(problem, Starts(self.restarts, self.starts), run)
        search = replace(search, stop_at_noise=self.stop_at_noise, settled_decrease=self.settled_decrease)
        rows = every_row(z)
        parts = [search.evaluate(z[part], part) for part in torch.split(rows, self.n_at_once)]
        still = torch.zeros_like(z[:, 0])
        return State(search, run, Point.join(parts), rows, Trust(still, still), self.n_iterations)

    def step(self, state: LatentState) -> LatentState:
        """Try one damped step on every active row."""
        best: Point = state.best
        trust: Trust = state.memory
        left: list[Tensor] = []
        for rows in torch.split(state.active, self.n_at_once):
            there, after, goes_on = self._try(state.search, best.take(rows), trust.take(rows), rows)
            best = best.put(rows, there)
            trust = trust.put(rows, after)
            left.append(rows[goes_on])
        reached: LatentState = state.after(best, trust, torch.cat(left))
        return thin_out(reached, self.halve_at, self.met_distance)

    def _try(self, search: Search, here: Point, trust: Trust, rows: Tensor) -> tuple[Point, Trust, Tensor]:
        """Return where some rows come by a step, with which trust, and the mask of those that go on."""
        move, promised, trust = self._step(search, here, trust, rows)
        there = search.evaluate(here.z + move, rows)
        decrease = here.objective - there.objective
        accepted = decrease > 0  # False for NaN
        gain = decrease / promised.clamp_min(1e-30)
        factor = torch.where(accepted & (gain > 0.75), 0.2, torch.where(accepted & (gain > 0.25), 1.0, 4.0))
        following = (trust.damping * factor).clamp(self.least_damping, self.most_damping)
        taken = accepted.nonzero().squeeze(1)
        reached = here.put(taken, there.take(taken))
        relative = torch.where(accepted, decrease / here.objective.abs().clamp_min(1e-30), torch.inf)
        # a step that is short because it was damped says nothing of the distance to the minimum
        settled = (relative <= self.tolerance) & (trust.damping <= trust.first)
        ended = settled | (following >= self.most_damping)
        ended |= search.explained(reached.misfit, relative)
        return reached, replace(trust, damping=following), ~ended

    def _step(self, search: Search, here: Point, trust: Trust, rows: Tensor) -> tuple[Tensor, Tensor, Trust]:
        """Return the damped Gauss-Newton step, the decrease that the model promises, and the trust it had."""
        problem, y = search.problem, search.problem.measurements[search.owner[rows]]
        products = LatentProducts(problem, here.z)
        curvature = real_curvature(problem, products.prediction, y)
        gradient = (
            products.adjoint(problem.likelihood.gradient(products.prediction, y))
            + problem.latent_weight * here.z
        )
        fresh = trust.first == 0
        if bool(fresh.any()):
            along = (gradient * products.curved(gradient, curvature)).sum(1)
            along = self.damping * along / gradient.square().sum(1).clamp_min(1e-30)
            along = along.clamp(self.least_damping, self.most_damping)
            trust = Trust(torch.where(fresh, along, trust.damping), torch.where(fresh, along, trust.first))
        ridge = (problem.latent_weight + trust.damping)[:, None]
        move = conjugate_gradients(
            lambda v: products.curved(v, curvature) + ridge * v,
            -gradient,
            n_steps=self.n_products,
            tolerance=self.cg_tolerance,
        )
        # conjugate gradients from 0 end where d'(H + mu I) d = -g'd
        promised = 0.5 * (trust.damping * move.square().sum(1) - (gradient * move).sum(1))
        return move, promised, trust

    def result(self, state: LatentState) -> Solution:
        """Return the best restarts."""
        return best_restarts(state)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from all starts at once, in rounds where the problem has constraints."""
        if not problem.constraints:
            return iterate(self, problem, seed=seed, monitor=monitor)
        return keep_constraints(self, problem, seed=seed, monitor=monitor)
