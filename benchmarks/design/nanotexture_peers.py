"""What the nanotexture bench measures beside ours: SciPy's optimisers per target, and a random library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt
import torch

import sciadv
from benchmarks.design.nanotexture_reference import Reference
from sciadv.designs.evaluated import evaluate
from sciadv.forward import PropertyModel
from sciadv.forward.design.quantity import box_of
from sciadv.prior import Prior
from sciadv.problem import Problem

#: Relative error at which a method is content.
_CONTENT = 0.005
_MAX_STARTS = 30


@dataclass(frozen=True)
class Answer:
    """Designs for one target ``(designs, 2)``, and evaluations of the physics spent on all of them."""

    x: npt.NDArray[np.float64]
    n_evaluations: float


#: Designs for a target, with a seed.
Peer = Callable[[float, int], Answer]


@final
class _Counted:
    """The reference in unit coordinates, counting; it keeps the best design seen."""

    def __init__(self, reference: Reference, goal: float) -> None:
        self.reference, self.goal, self.n, self.best, self.least = reference, goal, 0, np.zeros(2), np.inf
        self._last: tuple[bytes, npt.NDArray[np.float64]] = (b"", np.zeros(3))

    def __call__(self, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return log friction over target, log pressure over hardness, log slope over its limit."""
        key = np.asarray(places).tobytes()
        if key == self._last[0]:  # SciPy asks for objective and constraints apart; one evaluation gives both
            return self._last[1]
        self.n += 1
        friction, peak, slope = self.reference(*self.reference.from_unit(np.clip(places, 0, 1)))
        answer = np.log(
            [friction / self.goal, peak / self.reference.hardness, slope / self.reference.max_slope]
        )
        score = abs(answer[0]) + 10 * np.clip(answer[1:], 0, None).sum()
        if score < self.least:
            self.best, self.least = np.array(places), score
        self._last = (key, answer)
        return answer

    @property
    def is_content(self) -> bool:
        """Whether the best design seen is near enough and feasible."""
        return bool(self.least <= _CONTENT)

    def answer(self) -> Answer:
        """Return the best design seen."""
        return Answer(self.reference.from_unit(np.clip(self.best, 0, 1))[None], self.n)


def slsqp(reference: Reference, goal: float, seed: int) -> Answer:
    """Minimise the squared log error under both limits by SLSQP, from random starts until one is good."""
    from scipy.optimize import minimize

    physics, random = _Counted(reference, goal), np.random.default_rng(seed)
    for _ in range(_MAX_STARTS):
        minimize(
            lambda places: 100 * physics(places)[0] ** 2,
            random.random(2),
            method="SLSQP",
            bounds=[(0, 1), (0, 1)],
            constraints={"type": "ineq", "fun": lambda places: -physics(places)[1:]},
            options={"maxiter": 60, "ftol": 1e-10},
        )
        if physics.is_content:
            break
    return physics.answer()


def differential_evolution(reference: Reference, goal: float, seed: int) -> Answer:
    """Minimise the log error with a penalty on both limits by differential evolution, until it is good."""
    from scipy.optimize import differential_evolution as evolve

    physics = _Counted(reference, goal)

    def objective(places: npt.NDArray[np.float64]) -> float:
        answer = physics(places)
        return float(abs(answer[0]) + 10 * np.clip(answer[1:], 0, None).sum())

    evolve(
        objective,
        [(0, 1), (0, 1)],
        popsize=10,
        maxiter=60,
        polish=False,
        rng=seed,
        callback=lambda *_, **__: physics.is_content,
    )
    return physics.answer()


def without_generator(problem: Problem, n: int) -> Peer:
    """Return the default search without a trained generator: the library and the same refinement."""
    model = problem.forward
    assert isinstance(model, PropertyModel)
    untrained = replace(problem, prior=Prior(box_of(model).float(), len(model.variables), name="box"))

    def design(goal: float, seed: int) -> Answer:
        found = sciadv.design(untrained, {"friction_coefficient": goal}, n, seed=seed)
        return Answer(found.x.numpy(), model.n_library)

    return design


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A grid of evaluated designs; a target is interpolated where neighbours along an axis enclose it."""

    x: npt.NDArray[np.float64]
    friction: npt.NDArray[np.float64]
    usable: npt.NDArray[np.bool_]

    @staticmethod
    def of(problem: Problem, n_side: int = 300) -> LookupTable:
        """Evaluate ``n_side x n_side`` designs."""
        model = problem.forward
        assert isinstance(model, PropertyModel)
        line = torch.linspace(0, 1, n_side, dtype=torch.float64)
        grid = evaluate(problem, box_of(model).from_unit(torch.cartesian_prod(line, line)))
        shape = (n_side, n_side)
        usable = (grid.feasible & (grid.regime == 0)).reshape(shape).numpy()
        friction = grid.value("friction_coefficient").reshape(shape).numpy()
        return LookupTable(grid.x.reshape(*shape, 2).log().numpy(), friction, usable)

    def __call__(self, goal: float, n: int) -> npt.NDArray[np.float64]:
        """Return `n` designs ``(n, 2)`` spread over those interpolated; NaN where there are none."""
        found = []
        sides = _neighbours(len(self.friction))
        for axis in (0, 1):
            low, high = (np.take(self.friction, rows, axis) for rows in sides)
            both = np.logical_and(*(np.take(self.usable, rows, axis) for rows in sides))
            first, second = (np.take(self.x, rows, axis) for rows in sides)
            inside = both & ((low - goal) * (high - goal) < 0)
            part = np.log(goal / low[inside]) / np.log(high[inside] / low[inside])
            found.append(first[inside] + part[:, None] * (second[inside] - first[inside]))
        every = np.exp(np.concatenate(found))
        if not len(every):
            return np.full((n, 2), np.nan)
        order = np.argsort(every[:, 0])
        return np.asarray(every[order[np.linspace(0, len(every) - 1, n).round().astype(int)]])


def _neighbours(n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.arange(n - 1), np.arange(1, n)
