"""A search's aim: what is asked, as intervals of one likelihood, over the designs that are searched."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sciadv.constraint import Constraint
from sciadv.designs.evaluated import Evaluated, evaluate, usual_size
from sciadv.designs.wishes import YIELD, Wish, read_wishes
from sciadv.errors import InputError
from sciadv.forward import Forward, PropertyModel
from sciadv.forward.design.quantity import box_of
from sciadv.likelihood import Tolerance
from sciadv.nets import Box
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.types import Rows


@dataclass(frozen=True, eq=False)
class Aim:
    """What a search is for.

    Parameters
    ----------
    problem
        What is designed, as it was given.
    wishes
        The demands on properties.
    objectives
        What is to be small or large.
    least_yield
        Least share of parts as made that do what is asked; 0 where that was not asked.
    tolerance
        One tolerance, as a part of a value or a limit.
    search
        The problem that is searched, with one measurement: over the box of the model's variables, or the
        latents of the problem's prior where it has none; demands and limits on properties are intervals of
        its likelihood.
    """

    problem: Problem
    wishes: tuple[Wish, ...]
    objectives: tuple[Wish, ...]
    least_yield: float
    tolerance: float
    search: Problem

    @cached_property  # the check of what a model has takes a millisecond
    def model(self) -> PropertyModel:
        """What predicts the properties."""
        return as_property_model(self.problem)

    @property
    def names(self) -> tuple[str, ...]:
        """The properties that a search evaluates: all but costly ones that are not asked for or limited."""
        asked = {wish.name for wish in (*self.wishes, *self.objectives)}
        asked |= {limit.on for limit in self.problem.constraints}
        costly = set(getattr(self.model, "costly", ())) - asked
        return tuple(one.name for one in self.model.PROPERTIES if one.name not in costly)

    def at(self, x: Tensor) -> Evaluated:
        """Evaluate designs ``(n, *shape)`` by `names`."""
        return evaluate(self.problem, x, self.names)

    def evaluate(self, z: Tensor, *, chunk: int = 4096) -> Evaluated:
        """Evaluate the designs of latents ``(n, latent)`` so, some at a time."""
        with torch.no_grad():
            x = torch.cat([self.search.prior(part) for part in torch.split(z, chunk)])
        return joined([self.at(part) for part in torch.split(x, chunk)])

    @property
    def box(self) -> Box | None:
        """The box that is searched; None where the search is over a generator's own latents."""
        generator = self.search.prior.generator
        return generator if isinstance(generator, Box) else None

    def centred(self, x: Tensor, *, n_steps: int = 2) -> Tensor:
        """Return designs moved to the very values that are asked for, by the shortest Newton steps.

        So that what differs only within the tolerance becomes one; unchanged where nothing has one value.
        """
        exact = [wish for wish in self.wishes if wish.value is not None]
        if not exact or self.box is None:
            return x
        model = self.model.with_properties([wish.name for wish in exact]).to("cpu", torch.float64)
        box = copy.deepcopy(self.box).to("cpu", torch.float64)
        goal = torch.tensor([wish.goal for wish in exact], dtype=torch.float64)
        scale = torch.tensor([wish.scale for wish in exact], dtype=torch.float64)
        place = box.to_unit(x)
        for _ in range(n_steps):
            with torch.enable_grad():
                here = place.detach().requires_grad_(True)
                off = (model(box.from_unit(here)) - goal) / scale
                rows = [torch.autograd.grad(one.sum(), here, retain_graph=True)[0] for one in off.unbind(1)]
            slopes, right = torch.stack(rows, 1), off.detach()[:, :, None]
            step = torch.linalg.lstsq(slopes, right).solution[:, :, 0]
            moved = (place - step).clamp(0, 1)
            is_small = step.abs().amax(1, keepdim=True) < 0.1
            place = torch.where(moved.isfinite() & is_small, moved, place)
        return box.from_unit(place).detach()

    def distance(self, designs: Evaluated) -> Tensor:
        """Return how far designs are from doing what is asked, in tolerances ``(n,)``; 0 for a hit."""
        broken = (-designs.margins).clamp_min(0) / self.tolerance
        worst = torch.cat([designs.excess(self.wishes), broken], 1)
        far = worst.amax(1) if worst.shape[1] else designs.x.new_zeros(len(designs.x))
        return torch.where(designs.properties.isfinite().all(1), far, torch.inf)


def as_property_model(problem: Problem) -> PropertyModel:
    """Return a problem's forward, which predicts properties.

    Raises
    ------
    InputError
        It predicts none.
    """
    model = problem.forward
    if not isinstance(model, PropertyModel):
        raise InputError(
            f"{problem.name} cannot be designed: {model} predicts no properties by name; use sciadv solve"
        )
    return model


def joined(parts: list[Evaluated]) -> Evaluated:
    """Return the designs of several evaluations as one."""
    return Evaluated(
        x=torch.cat([part.x for part in parts]),
        properties=torch.cat([part.properties for part in parts]),
        margins=torch.cat([part.margins for part in parts]),
        feasible=torch.cat([part.feasible for part in parts]),
        regime=torch.cat([part.regime for part in parts]),
        names=parts[0].names,
    )


def take_aim(problem: Problem, target: Mapping[str, object], *, tolerance: float) -> Aim:
    """Return the aim of a search for a target.

    Parameters
    ----------
    problem
        What is designed.
    target
        What is asked for, by property; see `read_wishes`.
    tolerance
        Part of a value that is one tolerance, where the problem's likelihood states none.

    Raises
    ------
    InputError
        The problem predicts no properties, or a demand cannot be read or met by the property's definition.
    UnknownNameError
        There is no such property.
    """
    model = as_property_model(problem)
    stated = problem.likelihood
    if isinstance(stated, Tolerance) and stated.is_relative and stated.width.numel() == 1:
        tolerance = float(stated.width)

    def size(name: str) -> float:
        return usual_size(model, _space(problem, model.with_properties((name,)))[0], name)

    every = read_wishes(model, target, tolerance=tolerance, name=problem.name, size=size)
    demands = tuple(wish for wish in every if not wish.direction and wish.name != YIELD)
    objectives = tuple(wish for wish in every if wish.direction)
    least_yield = max((wish.low for wish in every if wish.name == YIELD), default=0.0)
    search = searched(problem, demands or objectives[:1], tolerance)
    return Aim(problem, demands, objectives, least_yield, tolerance, search)


def searched(problem: Problem, wishes: tuple[Wish, ...], tolerance: float) -> Problem:
    """Return the problem whose one measurement is the demands and the limits on properties."""
    every = {wish.name: wish for wish in wishes}
    limits = [constraint for constraint in problem.constraints if constraint.on]
    for limit in limits:
        every[limit.on] = _limited(every.get(limit.on), limit, tolerance)
    model = as_property_model(problem)
    prior, forward = _space(problem, model.with_properties(tuple(every)))
    aimed = [_interval(wish) for wish in every.values()]
    ends = torch.tensor(aimed, dtype=torch.float64).to(forward.device, forward.dtype)
    goal, below, above = ends.unbind(1)
    others = [
        replace(limit, forward=copy.deepcopy(limit.forward).to(forward.device, forward.dtype))
        for limit in problem.constraints
        if not limit.on
    ]
    return Problem(
        prior,
        forward,
        Tolerance(below, above=above),
        goal[None],
        latent_weight=0.0,
        name=problem.name,
        constraints=others,
    )


def _space(problem: Problem, forward: Forward) -> tuple[Prior, Forward]:
    """Return what is searched, and the forward in its precision: double where the device has it."""
    model = as_property_model(problem)
    if not model.variables:
        return problem.prior, forward
    device = problem.prior.device
    box = box_of(model)
    in_single = device.type == "mps"
    generator = (box.float() if in_single else box).to(device)
    precise = forward.to(device, torch.float32 if in_single else torch.float64)
    return Prior(generator, len(model.variables), name="box"), precise


def _limited(wish: Wish | None, limit: Constraint, tolerance: float) -> Wish:
    """Return a demand cut by a limit on the same property; the demand alone where both cannot be."""
    scale = tolerance * limit.size
    if wish is None or wish.direction:
        return Wish(limit.on, high=limit.at_most, scale=scale, size=limit.size)
    if wish.low >= limit.at_most:
        return wish
    return replace(wish, high=min(wish.high, limit.at_most), value=None)


def _interval(wish: Wish) -> tuple[float, float, float]:
    """Return a goal, and how far below and above it a value may be."""
    if wish.direction or (math.isinf(wish.low) and math.isinf(wish.high)):
        return 0.0, math.inf, math.inf
    if math.isinf(wish.low):
        return wish.high - wish.scale, math.inf, wish.scale
    if math.isinf(wish.high):
        return wish.low + wish.scale, wish.scale, math.inf
    half = 0.5 * (wish.high - wish.low)
    return wish.low + half, half, half


@dataclass(frozen=True, eq=False)
class Pool(Rows):
    """Evaluated designs.

    Parameters
    ----------
    z
        Their latents ``(n, latent)``, NaN where no generator makes them.
    designs
        The designs.
    is_random
        Whether each is a random design, as it was drawn ``(n,)``.
    """

    z: Tensor
    designs: Evaluated
    is_random: Tensor

    @staticmethod
    def of(aim: Aim, z: Tensor, *, is_random: bool = False) -> Pool:
        """Evaluate the designs of latents."""
        return Pool(z, aim.evaluate(z), torch.full((len(z),), is_random))

    def and_more(self, other: Pool) -> Pool:
        """Return both pools as one."""
        return Pool(
            torch.cat([self.z, other.z.to(self.z)]),
            joined([self.designs, other.designs]),
            torch.cat([self.is_random, other.is_random]),
        )
