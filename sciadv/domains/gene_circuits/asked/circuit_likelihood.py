"""How likely a conditional generator makes circuits, given the latents of their genes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.nets.graph import N_EDGE, N_GENE, CircuitGenerator, signs_and_presence


def negative_log_likelihood(
    generator: CircuitGenerator,
    x: Float[Tensor, "batch 7 genes genes"],
    node: Float[Tensor, "batch genes n_node"],
    classes: Tensor,
    *,
    least_scale: float = 0.2,
    sign_weight: float = 5.0,
) -> Float[Tensor, " batch"]:
    """Return ``-log p(x | node, class)`` but for a constant, the repair of unconnected circuits left out.

    Signs are categorical; a place p of a parameter is ``2 Phi(e^s n + t) - 1`` of a normal n, so that
    ``u = Phi^-1((p + 1) / 2)`` is normal with mean t and deviation e^s.

    Parameters
    ----------
    generator
        With classes.
    x
        Circuits.
    node
        Latents of their genes.
    classes
        What is asked for ``(batch,)``.
    least_scale
        Deviations below it are not rewarded.
    sign_weight
        What a sign counts beside a parameter.
    """
    signs, presence = signs_and_presence(x)
    of_edges, of_genes = generator.heads(node, presence, classes)
    n_signs = of_edges.shape[-1] - 2 * N_EDGE
    pairs = presence[:, :, None] * presence[:, None]
    chosen = (signs + 1).long()[..., None]
    of_signs = -of_edges[..., :n_signs].log_softmax(-1).gather(-1, chosen)[..., 0]
    edges = _of_places(x[:, 1 : 1 + N_EDGE].movedim(1, -1), of_edges[..., n_signs:], least_scale)
    places = x[:, 1 + N_EDGE : 1 + N_EDGE + N_GENE].diagonal(dim1=2, dim2=3).transpose(1, 2)
    genes = _of_places(places, of_genes, least_scale)
    on_pairs = (sign_weight * of_signs + edges * signs.abs()) * pairs
    return on_pairs.sum((1, 2)) + (genes * presence).sum(1)


def _of_places(places: Tensor, shift_and_scale: Tensor, least_scale: float) -> Tensor:
    """Return what parameters add, summed over the last dimension."""
    shift, scale = shift_and_scale.chunk(2, -1)
    log_scale = scale.clamp_min(torch.tensor(least_scale).log().item())
    normal = torch.special.ndtri(((places + 1) / 2).clamp(1e-3, 1 - 1e-3))
    off = (normal - shift) / log_scale.exp()
    loss: Tensor = (0.5 * off.square() + log_scale).sum(-1)
    return loss
