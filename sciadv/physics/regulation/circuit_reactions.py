"""Circuits as reactions of few molecules, for the stochastic simulators of `sciadv.physics.dynamics`."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.dynamics.stochastic import Reactions
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import Kinetics


def reactions_of(kinetics: Kinetics, *, system_size: float) -> Reactions:
    """Return production, conversion and degradation of every stage of every gene as reactions.

    Levels are copy numbers over `system_size`, so that the means of large systems follow the Hill equations.
    Production is regulated as a whole: binding and unbinding of regulators is as quick as can be, and there
    are no bursts but those of translation.

    Parameters
    ----------
    kinetics
        The circuits.
    system_size
        Copies of one level; the noise of a level falls with its square root.

    Raises
    ------
    InputError
        The system size is not positive.

    Examples
    --------
    >>> from sciadv.physics.regulation.kinetics import circuits_of, unpack
    >>> found = reactions_of(unpack(circuits_of(torch.zeros(1, 1, 1))), system_size=10.0)
    >>> found.stoichiometry
    tensor([[ 1., -1.]])
    """
    if not system_size > 0:
        raise InputError(f"expected system_size > 0 [copies per level], but got {system_size:g}")
    equations = HillEquations.of(kinetics)
    n_stages, n_genes, n = equations.rates.shape
    matures = torch.arange(len(equations.gains)) < kinetics.model.n_maturation

    def propensities(copies: Tensor) -> Tensor:
        source = system_size * equations.production * equations.regulation(copies / system_size)
        stages = copies.reshape(n_stages, n_genes, n)
        translated = (equations.gains * stages[1:])[~matures]
        return torch.cat([source, (equations.rates * stages).flatten(0, 1), translated.flatten(0, 1)])

    stages = torch.eye(n_stages, dtype=equations.rates.dtype, device=equations.rates.device)
    lost = -stages
    for k in matures.nonzero()[:, 0].tolist():
        lost[:, k + 1] += stages[:, k]  # what matures is not lost
    made = stages[:, :-1][:, ~matures]
    per_gene = torch.cat([stages[:, -1:], lost, made], 1)
    one = torch.eye(n_genes, dtype=stages.dtype, device=stages.device)
    return Reactions(propensities, torch.kron(per_gene, one))
