"""What is proposed for a target: by a library, a generator, minima of residuals, or the shortest steps."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from sciadv.designs.aim import Aim
from sciadv.designs.crossbred import has_choices
from sciadv.designs.evaluated import Evaluated
from sciadv.designs.wishes import Wish
from sciadv.likelihood import Tolerance
from sciadv.nets import DesignDecoder
from sciadv.problem import Problem
from sciadv.solvers.least_squares.memetic import MemeticSearch
from sciadv.trainings.physics.few_residuals import meet_residuals


def proposed(aim: Aim, n: int, *, seed: int) -> Tensor | None:
    """Return `n` designs ``(n, variables)`` that the problem's generator makes for the aim.

    Parameters
    ----------
    aim
        What is asked for.
    n
        How many proposals.
    seed
        Seed of the draws.

    Returns
    -------
    Tensor or None
        None where the generator takes no targets, or others than are asked for.
    """
    prior = aim.problem.prior
    generator = prior.generator
    names = [name.strip() for name in prior.card.get("targets", "").split(",") if name.strip()]
    goals = {wish.name: wish.goal for wish in aim.wishes}
    if not isinstance(generator, DesignDecoder):
        return None
    names = names or list(aim.model.properties)
    if len(names) != generator.n_targets or not all(goals.get(name, 0) > 0 for name in names):
        return None
    z = prior.sample_latent(n, seed=seed)
    goal = torch.tensor([[goals[name] for name in names]]).to(z)
    z[:, -generator.n_targets :] = generator.condition(goal)
    with torch.no_grad():
        return prior(z)


def small_ones(aim: Aim) -> list[str]:
    """Return the names of the properties that are to be small, or below a limit."""
    small = [wish.name for wish in aim.objectives if wish.direction == "minimise"]
    return small + [wish.name for wish in aim.wishes if math.isinf(wish.low)]


def improved(aim: Aim, designs: Evaluated, k: int) -> Evaluated | None:
    """Return designs improved by the model's own method, which may leave the range of the generator.

    They start from the `k` nearest and best of those that were evaluated, from the model's first guess, so
    that what its method finds without a generator is not lost, and from what the generator makes of the
    model's conditions, where it takes some.

    Parameters
    ----------
    aim
        What is asked for.
    designs
        What was evaluated.
    k
        How many of them are improved.

    Returns
    -------
    Evaluated or None
        None where the model has no method for what is to be small.
    """
    method: Callable[[Tensor, str], Tensor | None] | None = getattr(aim.model, "improved", None)
    too_large = [wish for wish in aim.wishes if bool((designs.value(wish.name) > wish.high).all())]
    small = small_ones(aim) + [wish.name for wish in too_large]
    if method is None or not small:
        return None
    order = designs.value(small[0]).argsort(stable=True)
    near = order[aim.distance(designs)[order].argsort(stable=True)][:k]
    guess: Callable[[], Tensor] | None = getattr(aim.model, "first_guess", None)
    starts = [designs.x[near], *([] if guess is None else [guess().to(designs.x)])]
    prior = aim.problem.prior
    latent: Callable[[Tensor], Tensor] | None = getattr(prior.generator, "latent", None)
    conditions: Callable[[], Tensor | None] = getattr(aim.model, "conditions", lambda: None)
    known = conditions()
    if latent is not None and known is not None:
        with torch.no_grad():
            starts.append(prior(latent(known.to(prior.device, prior.dtype))).to(designs.x))
    start = torch.cat(starts)
    x = method(start, small[0])
    if x is None:
        return None
    exact = [wish for wish in too_large if wish.name == small[0] and math.isfinite(wish.low)]
    return aim.at(_between(aim, start, x, exact[0]) if exact else x)


def _between(aim: Aim, above: Tensor, below: Tensor, wish: Wish, *, n_halvings: int = 20) -> Tensor:
    """Return designs on the straight lines from some to others that have what is asked, by bisection."""
    model = aim.model.with_properties((wish.name,)).to("cpu", torch.float64)
    low = above.new_zeros(len(above), *[1] * (above.ndim - 1))
    high = torch.ones_like(low)
    for _ in range(n_halvings):
        middle = (low + high) / 2
        is_above = (model(above + middle * (below - above))[:, 0] > wish.goal).reshape(low.shape)
        low = torch.where(is_above, middle, low)
        high = torch.where(is_above, high, middle)
    return above + high * (below - above)


def minima(aim: Aim, search: MemeticSearch, *, seed: int) -> Tensor | None:
    """Return latents ``(n, variables)`` of minima that a memetic search finds by the model's residuals.

    Returns
    -------
    Tensor or None
        None where the model has no residuals, or what they measure need not be small.
    """
    residuals = getattr(aim.model, "residuals", None)
    measured = aim.model.PROPERTIES[0].name
    if residuals is None or aim.box is None or measured not in small_ones(aim):
        return None
    box = copy.deepcopy(aim.box).float()

    def at(place: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            here = place.detach().requires_grad_(True)
            x = box.from_unit(here)
            (stretch,) = torch.autograd.grad(x.sum(), here)  # each variable has its own place
        r, slope = residuals(x.detach())
        return r, slope * stretch[:, :, None]

    found = search(at, len(aim.model.variables), seed=seed, dtype=torch.float32, device=box.lower.device)
    latent: Tensor = torch.special.ndtri(found.place.to(aim.box.lower).clamp(1e-9, 1 - 1e-9))
    return latent


def library(aim: Aim, n: int, *, seed: int) -> Tensor:
    """Return latents ``(n, latent)`` of random designs over what is searched.

    Those that the model draws itself, by its ``library(n, seed)``; else evenly between the bounds, or draws
    of the prior where there are none.
    """
    prior = aim.search.prior
    draws: Callable[..., Tensor] | None = getattr(aim.model, "library", None)
    if aim.box is None:
        return prior.sample_latent(n, seed=seed)
    if draws is not None:
        drawn = aim.box.to_latent(draws(n, seed=seed))
        return drawn.to(prior.device, prior.dtype)
    engine = torch.quasirandom.SobolEngine(prior.n_latent, scramble=True, seed=seed)  # type: ignore[no-untyped-call]  # untyped in torch
    z: Tensor = torch.special.ndtri(engine.draw(n, dtype=torch.float64).clamp(1e-9, 1 - 1e-9))
    return z.to(prior.device, prior.dtype)


def shortest_way(aim: Aim, search: Problem, z: Tensor, *, n_steps: int) -> Tensor | None:
    """Return latents ``(n, latent)`` of designs brought to a search's demands and limits by short steps.

    Parameters
    ----------
    aim
        What is asked for.
    search
        The problem of its demands and limits: `Aim.search`, or one with narrower ones.
    z
        Latents of the designs to start from.
    n_steps
        Steps at most.

    Returns
    -------
    Tensor or None
        None where demands and limits are not many fewer than the latents.
    """
    goal = search.measurements[0]
    interval = cast(Tolerance, search.likelihood)  # as `searched` makes it
    is_few = 4 * len(goal) <= z.shape[1] and not search.constraints
    if not is_few or has_choices(aim):
        return None
    below = interval.width.broadcast_to(goal.shape)
    above = interval.above.broadcast_to(goal.shape)
    is_limit = below.isinf() | above.isinf()
    # limits are kept by three tolerances more, so that a finer grid keeps them, too
    least = torch.where(is_limit, -2.5, 0.5).to(goal)
    least[below.isinf() & above.isinf()] = torch.inf
    make: Callable[[Tensor], Tensor] = search.prior if aim.box is None else aim.box.from_unit

    def residuals(place: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG001  # one aim for all
        with torch.enable_grad():
            here = place.detach().requires_grad_(True)
            off = search.forward(make(here)) - goal
            scaled = torch.where(off < 0, off / below, off / above)
            slopes = [torch.autograd.grad(one.sum(), here, retain_graph=True)[0] for one in scaled.T]
        off = scaled.detach()
        side = torch.where(is_limit & above.isinf(), -1.0, torch.where(is_limit, 1.0, off.sign()))
        beyond = side * off - least
        slope = torch.stack(slopes, 1) * (beyond > -4)[:, :, None]
        return side * beyond.clamp_min(0), slope

    if aim.box is None:
        return meet_residuals(residuals, z, n_steps=n_steps, enough=0.3, bounds=(-math.inf, math.inf)).place
    met = meet_residuals(
        residuals,
        torch.special.ndtr(z),
        n_steps=n_steps,
        enough=0.3,
    )
    latent: Tensor = torch.special.ndtri(met.place.clamp(1e-9, 1 - 1e-9))
    return latent
