"""What is proposed for a target: by a generator that was trained for it, or by the minima of residuals."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from sciadv.designs.aim import Aim
from sciadv.nets import DesignDecoder
from sciadv.solvers.least_squares.memetic import MemeticSearch


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


def minima(aim: Aim, search: MemeticSearch, *, seed: int) -> Tensor | None:
    """Return latents ``(n, variables)`` of minima that a memetic search finds by the model's residuals.

    Returns
    -------
    Tensor or None
        None where the model has no residuals, or what they measure need not be small.
    """
    residuals = getattr(aim.model, "residuals", None)
    measured = aim.model.PROPERTIES[0].name
    small = [wish.name for wish in aim.objectives if wish.direction == "minimise"]
    small += [wish.name for wish in aim.wishes if math.isinf(wish.low)]
    if residuals is None or aim.box is None or measured not in small:
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
