"""What the nanotexture bench measures beside ours: SciPy's optimisers per target, and a random library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.design.nanotexture_reference import Reference
from sciadv.designs import PropertySearch
from sciadv.designs.evaluated import evaluate
from sciadv.nets import DesignDecoder
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import LevenbergMarquardt

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


@final
class _Box(nn.Module):
    """Latents to designs between bounds, nothing learned: ``x = lower (upper / lower)^Phi(z)``."""

    def __init__(self, generator: DesignDecoder) -> None:
        super().__init__()
        self.bounds = generator

    def forward(self, z: Tensor) -> Tensor:
        places: Tensor = torch.special.ndtr(z)
        return self.bounds.from_unit(places)


def library_and_search(problem: Problem, n: int, *, n_library: int = 1500) -> Peer:
    """Return the method without training: random designs, the nearest feasible ones, the same refinement."""
    generator = problem.prior.generator
    assert isinstance(generator, DesignDecoder)
    box = Prior(_Box(generator), len(generator.lower), name="box")
    untrained = replace(problem, prior=box)
    n_starts = PropertySearch().starts

    def design(goal: float, seed: int) -> Answer:
        z = box.sample_latent(n_library, seed=seed)
        library = evaluate(problem, box(z))
        error = (library.value("friction_coefficient") / goal - 1).abs()
        nearest = torch.where(library.feasible, error, torch.inf).argsort()[: n * n_starts]
        starts = z[nearest].reshape(n_starts, n, -1).transpose(0, 1)
        solver = LevenbergMarquardt(restarts=n_starts, starts=starts, n_iterations=30)
        solution = solver.solve(untrained.with_measurements(torch.full((n, 1), goal)), seed=seed)
        return Answer(solution.x.double().numpy(), n_library)

    return design
