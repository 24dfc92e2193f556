"""What a generator that was trained for a target proposes."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.designs.aim import Aim
from sciadv.nets import DesignDecoder


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
