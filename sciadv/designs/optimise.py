"""Designs by what is to be small or large, within demands and limits: SLSQP with exact derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.constraint import Constraint
from sciadv.designs.aim import Aim, joined
from sciadv.designs.distinct import places
from sciadv.designs.evaluated import Evaluated
from sciadv.designs.wishes import Wish
from sciadv.forward import Forward

Array = npt.NDArray[np.float64]


def optimise(
    aim: Aim,
    z: Tensor,
    designs: Evaluated,
    n: int,
    *,
    apart: float,
    n_iterations: int = 100,
) -> Evaluated:
    """Return `n` designs that do what is asked and are best by the objectives, the best first.

    With one objective, local optima from the best designs; with several, one for each of `n` weightings,
    by the augmented weighted Chebyshev distance from the best value of each: every one is Pareto-optimal
    where the search has converged.

    Parameters
    ----------
    aim
        With its objectives.
    z, designs
        Designs that do what is asked ``(m, latent)``, from which the searches start; latents are NaN where
        there are none.
    n
        How many.
    apart
        Two of them differ in some variable by more than this part of its range, while there are such.
    n_iterations
        Steps of each search at most; 0 to choose among the designs alone.

    References
    ----------
    Kraft, A software package for sequential quadratic programming, DFVLR-FB 88-28, 1988. Steuer and Choo, An
    interactive weighted Tchebycheff procedure for multiple objective programming, Math. Program. 26, 1983.
    """
    from scipy.optimize import minimize

    values = torch.stack([_cost(designs, wish) for wish in aim.objectives], 1)
    best, worst = values.amin(0), values.amax(0)
    size = (worst - best).clamp_min(1e-12 * best.abs().clamp_min(1e-300))
    scaled = (values - best) / size
    weights = _weightings(len(aim.objectives), n)
    score = (weights[:, None] * scaled[None]).amax(2)  # (n, m)
    known = z.isfinite().all(1)  # drawn-in ends need not be kept by any of them
    score = torch.where(known, score, torch.inf)
    starts = score.topk(min(n, int(known.sum())), largest=False).indices
    physics = _Physics.of(aim)
    found: list[Tensor] = []
    for i, weight in enumerate(weights if n_iterations and starts.numel() else ()):
        first = starts[i, i % starts.shape[1]] if len(aim.objectives) == 1 else starts[i, 0]
        task = _Task(physics, aim.objectives, best, size, weight)
        place = physics.to_place(z[first])
        answer = minimize(
            task.cost,
            np.append(place, task.level(place)),
            jac=task.gradient,
            method="SLSQP",
            bounds=[physics.bounds] * len(place) + [(None, None)],
            constraints={"type": "ineq", "fun": task.slack, "jac": task.slack_derivative},
            options={"maxiter": n_iterations, "ftol": 1e-9},
        )
        if np.isfinite(answer.x).all():
            found.append(physics.to_latent(answer.x[:-1]).to(z))
    every = joined([designs, aim.evaluate(torch.stack(found))]) if found else designs
    keep = (aim.distance(every) == 0).nonzero().squeeze(1)
    return _best(every.take(keep), aim, (best, size), weights, apart)


def _cost(designs: Evaluated, wish: Wish) -> Tensor:
    value = designs.value(wish.name)
    return value if wish.direction == "minimise" else -value


def _weightings(n_objectives: int, n: int) -> Tensor:
    """Return weights ``(n, objectives)`` spread evenly; all 1 for one objective."""
    if n_objectives == 1:
        return torch.ones(n, 1, dtype=torch.float64)
    if n_objectives == 2:
        first = torch.linspace(0, 1, n, dtype=torch.float64).clamp(1e-3, 1 - 1e-3)
        return torch.stack([first, 1 - first], 1)
    engine = torch.quasirandom.SobolEngine(n_objectives, scramble=True, seed=0)  # type: ignore[no-untyped-call]  # untyped in torch
    drawn = -engine.draw(n, dtype=torch.float64).clamp(1e-6, 1 - 1e-6).log()
    return drawn / drawn.sum(1, keepdim=True)


def _best(
    designs: Evaluated,
    aim: Aim,
    scale: tuple[Tensor, Tensor],
    weights: Tensor,
    apart: float,
) -> Evaluated:
    """Return the best design of each weighting that is apart from those before, while there are others."""
    values = torch.stack([_cost(designs, wish) for wish in aim.objectives], 1)
    scaled = (values - scale[0]) / scale[1]
    where = places(aim.model, designs.x)
    distance = torch.full((len(where),), torch.inf, dtype=where.dtype)
    taken: list[int] = []
    for weight in weights[: len(where)]:
        score = (weight * (scaled - scaled.amin(0))).amax(1) + 1e-3 * scaled.sum(1)
        is_free = distance > (apart if bool((distance > apart).any()) else -1.0)
        taken.append(int(torch.where(is_free, score, torch.inf).argmin()))
        distance = torch.minimum(distance, (where - where[taken[-1]]).abs().amax(1))
        distance[taken[-1]] = -torch.inf
    return designs.take(torch.tensor(taken, dtype=torch.long))


@final
@dataclass(frozen=True, eq=False)
class _Physics:
    """Properties and their derivatives at one place: of the box, 0 to 1, or of the latents."""

    aim: Aim
    forward: Forward
    limits: tuple[Constraint, ...]
    names: tuple[str, ...]
    is_box: bool

    @staticmethod
    def of(aim: Aim) -> _Physics:
        """Predict all that the aim and the limits are on."""
        limited = [limit.on for limit in aim.problem.constraints if limit.on]
        wished = [wish.name for wish in (*aim.objectives, *aim.wishes)]
        names = tuple(dict.fromkeys([*wished, *limited]))
        like = aim.search.forward
        forward = aim.model.with_properties(names).to(like.device, like.dtype)
        others = aim.search.constraints
        every = (*names, *(limit.name for limit in others))
        return _Physics(aim, forward, others, every, aim.box is not None)

    @property
    def bounds(self) -> tuple[float, float]:
        """Of each coordinate."""
        return (0.0, 1.0) if self.is_box else (-4.0, 4.0)

    def to_place(self, z: Tensor) -> Array:
        """Return the coordinates of a latent ``(latent,)``."""
        place = torch.special.ndtr(z) if self.is_box else z
        return place.double().cpu().numpy()

    def to_latent(self, place: Array) -> Tensor:
        """Return the latent ``(latent,)`` of coordinates."""
        z = torch.from_numpy(place)
        return torch.special.ndtri(z.clamp(1e-12, 1 - 1e-12)) if self.is_box else z

    def __call__(self, place: Array) -> tuple[dict[str, float], dict[str, Array]]:
        """Return each property and its gradient in the coordinates."""
        like = self.forward
        inside = np.clip(place, *self.bounds)
        here = torch.from_numpy(inside)[None].to(like.device, like.dtype)
        make: Callable[[Tensor], Tensor] = self.aim.search.prior
        if self.aim.box is not None:
            make = self.aim.box.from_unit
        with torch.enable_grad():
            here = here.requires_grad_(True)
            x = make(here)
            others = [limit.forward(x).flatten(1).amax(1) for limit in self.limits]
            predicted = torch.cat([self.forward(x)[0], *others])
            slopes = [torch.autograd.grad(one, here, retain_graph=True)[0][0] for one in predicted]
        values = [float(one.detach()) for one in predicted]
        gradients = [one.double().cpu().numpy() for one in slopes]
        known = dict(zip(self.names, values, strict=True))
        return known, dict(zip(self.names, gradients, strict=True))


@final
class _Task:
    """One search: coordinates and the level that bounds every weighted objective."""

    def __init__(
        self,
        physics: _Physics,
        objectives: tuple[Wish, ...],
        best: Tensor,
        size: Tensor,
        weight: Tensor,
    ) -> None:
        self.physics, self.objectives = physics, objectives
        self.best, self.size, self.weight = (one.tolist() for one in (best, size, weight))
        self._last: tuple[bytes, Any] = (b"", None)

    def _at(self, place: Array) -> tuple[dict[str, float], dict[str, Array]]:
        key = place.tobytes()
        if key != self._last[0]:  # SciPy asks for values and derivatives apart
            self._last = (key, self.physics(place))
        known: tuple[dict[str, float], dict[str, Array]] = self._last[1]
        return known

    def _scaled(self, place: Array) -> tuple[Array, Array]:
        """Return the scaled objectives ``(objectives,)`` and their derivatives."""
        values, gradients = self._at(place)
        signs = [1.0 if wish.direction == "minimise" else -1.0 for wish in self.objectives]
        rows = list(
            zip(
                self.objectives,
                signs,
                self.best,
                self.size,
                strict=True,
            )
        )
        scaled = [(sign * values[w.name] - best) / size for w, sign, best, size in rows]
        slopes = [sign * gradients[w.name] / size for w, sign, _, size in rows]
        return np.array(scaled), np.array(slopes)

    def level(self, place: Array) -> float:
        """Return the largest weighted objective."""
        return float((np.array(self.weight) * self._scaled(place)[0]).max())

    def cost(self, point: Array) -> float:
        """Return the level, and a little of the objectives' sum."""
        return float(point[-1] + 1e-3 * self._scaled(point[:-1])[0].sum())

    def gradient(self, point: Array) -> Array:
        """Return the derivative of the cost."""
        return np.append(1e-3 * self._scaled(point[:-1])[1].sum(0), 1.0)

    def slack(self, point: Array) -> Array:
        """Return what must not be negative: below the level, within demands, within limits."""
        scaled, _ = self._scaled(point[:-1])
        below = point[-1] - np.array(self.weight) * scaled
        return np.concatenate([below, [end[0] for end in self._ends(point[:-1])]])

    def slack_derivative(self, point: Array) -> Array:
        """Return the derivative of the slack ``(demands, coordinates + 1)``."""
        _, slopes = self._scaled(point[:-1])
        weighted = -np.array(self.weight)[:, None] * slopes
        levels = np.hstack([weighted, np.ones((len(slopes), 1))])
        ends = [np.append(end[1], 0.0) for end in self._ends(point[:-1])]
        return np.vstack([levels, *(end[None] for end in ends)])

    def _ends(self, place: Array) -> list[tuple[float, Array]]:
        """Return the distance to each end of a demand or limit, in parts of its size, and its derivative."""
        values, gradients = self._at(place)
        aim = self.physics.aim
        ends = [(w.name, w.low, 1.0, w.size, w.scale) for w in aim.wishes if np.isfinite(w.low)]
        ends += [(w.name, w.high, -1.0, w.size, w.scale) for w in aim.wishes if np.isfinite(w.high)]
        ends += [
            (c.on or c.name, c.at_most, -1.0, c.size, aim.tolerance * c.size) for c in aim.problem.constraints
        ]
        inside = 1e-4  # tolerances, so that what has converged is not a hair outside
        found = []
        for name, end, sign, size, tolerance in ends:
            room = (sign * (values[name] - end) - inside * tolerance) / size
            found.append((room, sign / size * gradients[name]))
        return found


def unbeaten(aim: Aim, designs: Evaluated, rivals: Evaluated, usual: Mapping[str, float]) -> Tensor:
    """Return which designs no rival beats in every objective by more than a tolerance ``(n,)``.

    All where there are no objectives or rivals. With one objective these are as good as the best.

    Parameters
    ----------
    aim
        With its objectives.
    designs
        Which are asked about.
    rivals
        Designs that do what is asked.
    usual
        Usual size of each objective. A tolerance is a part of the best value, or of as small a part of the
        usual size where that is larger.
    """
    if not aim.objectives or not len(rivals.x):
        return torch.ones(len(designs.x), dtype=torch.bool)
    behind = []
    for wish in aim.objectives:
        theirs = _cost(rivals, wish)
        best = float(theirs.min())
        width = aim.tolerance * max(abs(best), aim.tolerance * usual[wish.name])
        behind.append(_cost(designs, wish)[:, None] - theirs[None] > width)
    return ~torch.stack(behind).all(0).any(1)
