"""A conditional generator as a prior of circuits of the classes and sizes that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sciadv.domains.gene_circuits.asked.asked_classes import asked_classes
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.errors import InputError
from sciadv.nets.graph import CircuitGenerator, choice, latent_of
from sciadv.physics.regulation.circuit_model import RACIPE
from sciadv.prior import Prior
from sciadv.problem import Problem


@final
class AskedGenerator(nn.Module):
    """A generator of circuits with classes, of whose latents the first and the last choose among some.

    Parameters
    ----------
    inner
        With classes.
    classes, sizes
        Numbers of classes, and of genes, each as likely as the others.
    """

    classes: Tensor
    sizes: Tensor

    def __init__(self, inner: CircuitGenerator, classes: Sequence[int], sizes: Sequence[int]) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("classes", torch.tensor(classes), persistent=False)
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 7 genes genes"]:
        """Generate circuits."""
        inner = self.inner
        number = self.classes[choice(z[:, -1:], len(self.classes))]
        size = self.sizes[choice(z[:, :1], len(self.sizes))]
        n_sizes = inner.n_genes - inner.smallest + 1
        first = latent_of(size - inner.smallest, n_sizes).to(z)
        last = latent_of(number, inner.n_classes).to(z)
        x: Tensor = inner(torch.cat([first, z[:, 1:-1], last], 1))
        return x


def asked_prior(prior: Prior, asked: Sequence[int], sizes: Sequence[int]) -> Prior:
    """Return a prior of classes, by their numbers in `asked_classes`, and of some numbers of genes.

    Raises
    ------
    InputError
        The prior's generator has no classes, or nothing is asked for.
    """
    inner: CircuitGenerator = prior.generator  # type: ignore[assignment]  # checked by what it has
    n_asked = len(asked_classes())
    n_classes = getattr(inner, "n_classes", 0)
    if n_classes == 0 or n_classes % n_asked:
        raise InputError(f"the prior {prior.name!r} has no classes that can be asked for")
    if not asked or not sizes:
        raise InputError("ask for one class and one number of genes at least")
    n_codes = n_classes // n_asked
    classes = [one * n_codes + code for one in asked for code in range(n_codes)]
    return Prior(AskedGenerator(inner, classes, sizes), inner.n_latent, name=prior.name)


def asked_of(problem: Problem, aim: CircuitAim, name: str) -> Problem:
    """Return a problem of circuits with the conditional prior of what an aim asks for.

    The problem itself where the aim has no target on a period, a number of states or of genes, no class has
    its behaviour, or its circuits are of another model than RACIPE's or of another size.

    Parameters
    ----------
    problem
        Of circuits.
    aim
        What they are for.
    name
        Of the conditional prior; "" for none.
    """
    classes = asked_classes()
    names = {one.target.name for one in classes} | {"genes"}
    wanted = {target.name for target in aim.targets}
    if not name or aim.model != RACIPE or not names & wanted:
        return problem
    asked = [number for number, one in enumerate(classes) if one.can_have(aim.name, aim.targets)]
    prior = Prior.load(name)
    inner: CircuitGenerator = prior.generator  # type: ignore[assignment]  # `asked_prior` checks
    limits = [one for one in aim.targets if one.name == "genes"]
    every = range(inner.smallest, inner.n_genes + 1)
    sizes = [n for n in every if all(limit.low <= n <= limit.high for limit in limits)]
    if not asked or not sizes or prior.out_shape != problem.forward.in_shape:
        return problem
    return replace(problem, prior=asked_prior(prior, asked, sizes))
