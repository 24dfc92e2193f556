"""What the bench of textures measures beside the trained generator: where searches may start, and SciPy's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sciadv.catalogue import load_problem
from sciadv.designs.evaluated import Evaluated, evaluate
from sciadv.forward import HarmonicTexture
from sciadv.forward.design.quantity import box_of
from sciadv.nets import Box, DesignDecoder
from sciadv.problem import Problem
from sciadv.trainings.physics.critics import PhysicsDiscriminator
from sciadv.trainings.physics.few_residuals import Met
from sciadv.trainings.physics.refinement import Refinement
from sciadv.types import as_generator

PROBLEM, TARGET = "texture-2d", "friction_coefficient"
Array = npt.NDArray[np.float64]


class Starts(Protocol):
    """Where the searches for a target start."""

    def __call__(self, goal: float, n: int, skip: int) -> Tensor:
        """Return places ``(n, variables)`` for a target, others than the first `skip`."""
        ...


@final
@dataclass
class Task:
    """The problem in double precision on a grid, with the refinement that all methods share.

    Parameters
    ----------
    points
        Of the grid; the problem's where it is 0.
    refinement
        Designs are brought to within 0.3 % of the target and 1.5 % inside the limits.
    """

    points: int = 0
    refinement: Refinement = field(default_factory=lambda: Refinement(margin=0.015, near=0.03))

    def __post_init__(self) -> None:
        """Load the problem."""
        self.problem: Problem = load_problem(PROBLEM)
        assert isinstance(self.problem.forward, HarmonicTexture)
        own = self.problem.forward.with_properties(self.problem.forward.properties)  # `to` works in place
        model = own.to("cpu", torch.float64)
        self.model = model.with_points(self.points or model.points)
        self.box: Box = box_of(self.model)
        self.critic = PhysicsDiscriminator(self.model, tolerance=0.003, constraints=self.problem.constraints)
        if self.points:
            assert isinstance(self.critic.together, HarmonicTexture)
            self.critic.together.points = self.points

    @property
    def n_variables(self) -> int:
        """Coefficients of a texture."""
        return len(self.model.variables)

    def refined(self, places: Tensor, goals: Tensor, n_steps: int = 25) -> Met:
        """Bring designs at places ``(n, variables)`` to targets ``(n,)``."""
        refine = Refinement(n_steps, margin=self.refinement.margin, near=self.refinement.near)
        return refine(self.critic, self.box.from_unit, places, goals[:, None])

    def off(self, places: Tensor, goal: float) -> Tensor:
        """Return how far designs are from a target and their limits, as parts of these ``(n,)``."""
        with torch.no_grad():
            properties, violation = self.critic.predict(self.box.from_unit(places))
        far = (properties[:, :1] / goal - 1).abs()
        return torch.cat([far, violation.clamp_min(0)], 1).amax(1)


def of_generator(task: Task, generator: DesignDecoder, seed: int) -> Starts:
    """Return what a trained generator proposes."""
    net = generator.eval()

    @torch.no_grad()
    def starts(goal: float, n: int, skip: int) -> Tensor:
        numbers = as_generator(9000 + seed)
        z = torch.randn(skip + n, int(net.settings["n_latent"]), generator=numbers)[skip:]  # type: ignore[call-overload]  # its values are of several types
        z[:, -net.n_targets :] = net.condition(torch.tensor([[goal]]))
        return task.box.to_unit(net(z).double())

    return starts


@dataclass(frozen=True)
class Library:
    """Random textures with what they are.

    Parameters
    ----------
    places
        Between the bounds ``(n, variables)``.
    designs
        Evaluated.
    """

    places: Tensor
    designs: Evaluated

    @staticmethod
    def of(task: Task, n: int, seed: int) -> Library:
        """Draw and evaluate `n` textures, of all sizes alike."""
        x = task.model.library(n, seed=seed)
        return Library(task.box.to_unit(x), evaluate(task.problem, x))

    def nearest(self, goal: float, n: int, skip: int) -> Tensor:
        """Return the places of those nearest to a target and their limits, as parts of these."""
        far = (self.designs.value(TARGET) / goal - 1).abs()
        worst = torch.maximum(far, (-self.designs.margins).clamp_min(0).amax(1))
        return self.places[worst.argsort()[skip : skip + n]]


def at_random(task: Task, seed: int) -> Starts:
    """Return random textures of all sizes, whatever the target."""

    def starts(goal: float, n: int, skip: int) -> Tensor:
        drawn = task.model.library(skip + n, seed=seed + round(1e4 * goal))
        return task.box.to_unit(drawn)[skip:]

    return starts


def of_flow(task: Task, library: Library, seed: int, *, n_steps: int = 1500, n_parts: int = 30) -> Starts:
    """Return draws of a flow ``dx/dt = v(x, t, y)`` from noise to the library's textures of friction y.

    Lipman and others, Flow matching for generative modeling, ICLR 2023: straight paths, least squares.
    """
    known = library.designs.value(TARGET).log()
    x = torch.logit(library.places.clamp(1e-3, 1 - 1e-3)).float()
    y = ((known - known.mean()) / known.std())[:, None].float()
    numbers, n_variables = as_generator(seed), task.n_variables
    net = _perceptron((n_variables + 2, 256, 256, n_variables), seed)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(n_steps):
        rows = torch.randint(len(x), (256,), generator=numbers)
        noise = torch.randn(256, n_variables, generator=numbers)
        t = torch.rand(256, 1, generator=numbers)
        there = torch.cat([(1 - t) * noise + t * x[rows], t, y[rows]], 1)
        loss = (net(there) - (x[rows] - noise)).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()

    @torch.no_grad()
    def starts(goal: float, n: int, skip: int) -> Tensor:
        drawn = torch.randn(skip + n, n_variables, generator=as_generator(seed + 100))[skip:]
        asked = ((np.log(goal) - known.mean()) / known.std()).float().expand(n, 1)
        for i in range(n_parts):
            at = torch.full_like(asked, (i + 0.5) / n_parts)
            drawn = drawn + net(torch.cat([drawn, at, asked], 1)) / n_parts
        return drawn.sigmoid().double()

    return starts


def _perceptron(widths: tuple[int, ...], seed: int) -> nn.Sequential:
    """Return a perceptron, its weights by a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.SiLU()]
        return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class Answer:
    """What a search for one design has found, and how often it evaluated the physics."""

    place: Tensor
    n_evaluations: int


def slsqp(task: Task, goal: float, seed: int, *, n_steps: int = 30) -> Answer:
    """Search by SciPy's SLSQP with exact gradients: the target an equation, the limits inequalities."""
    from scipy.optimize import minimize

    count, last = [0], _Last(task, goal)

    def at(place: Array) -> tuple[Array, Array]:
        count[0] += not last.has(place)
        return last.at(place)

    start = at_random(task, seed)(goal, 1, 0)[0].numpy()
    found = minimize(
        lambda place: float(np.square(place - start).sum()),
        start,
        jac=lambda place: 2 * (place - start),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * task.n_variables,
        constraints=[
            {"type": "eq", "fun": lambda p: at(p)[0][:1], "jac": lambda p: at(p)[1][:1]},
            {"type": "ineq", "fun": lambda p: -at(p)[0][1:], "jac": lambda p: -at(p)[1][1:]},
        ],
        options={"maxiter": n_steps, "ftol": 1e-6},
    )
    return Answer(torch.from_numpy(np.clip(found.x, 0, 1)), count[0])


@final
class _Last:
    """The target's and the limits' values and derivatives at the place that was asked for last."""

    def __init__(self, task: Task, goal: float) -> None:
        self.task, self.goal = task, goal
        self._key, self._known = b"", (np.zeros(0), np.zeros(0))

    def has(self, place: Array) -> bool:
        """Whether it is known here."""
        return place.tobytes() == self._key

    def at(self, place: Array) -> tuple[Array, Array]:
        """Return the parts by which target and limits are off ``(1 + limits,)``, and their derivatives."""
        if not self.has(place):
            with torch.enable_grad():
                here = torch.from_numpy(place.copy())[None].requires_grad_(True)
                properties, violation = self.task.critic.predict(self.task.box.from_unit(here))
                every = torch.cat([properties / self.goal - 1, violation + 0.015], 1)[0]
                slopes = [torch.autograd.grad(one, here, retain_graph=True)[0][0] for one in every]
            self._key, self._known = (
                place.tobytes(),
                (every.detach().numpy(), torch.stack(slopes).numpy()),
            )
        return self._known


def differential_evolution(
    task: Task, goal: float, seed: int, *, population: int = 60, n_rounds: int = 7
) -> Answer:
    """Search by SciPy's differential evolution, a population at a time."""
    from scipy.optimize import differential_evolution as scipy_search

    count = [0]

    def cost(places: Array) -> Array:
        count[0] += places.shape[1]
        return task.off(torch.from_numpy(places.T.copy()), goal).numpy()

    first = at_random(task, seed)(goal, population, 0).numpy()
    found = scipy_search(
        cost,
        [(0.0, 1.0)] * task.n_variables,
        init=first,
        maxiter=n_rounds,
        tol=0,
        seed=seed,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    return Answer(torch.from_numpy(found.x), count[0])


#: Searches for one design at a time.
SINGLE: dict[str, Callable[[Task, float, int], Answer]] = {
    "SLSQP with exact gradients (SciPy)": slsqp,
    "differential evolution (SciPy)": differential_evolution,
}
