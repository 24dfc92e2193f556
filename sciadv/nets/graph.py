"""Networks over signed directed graphs of genes: a permutation-equivariant generator and a relational critic.

A circuit is one tensor ``(7, genes, genes)``, all numbers in [-1, 1]:

=======  ===========  =========================================================================
channel  name         entry [i, j]
=======  ===========  =========================================================================
0        sign         effect of gene i on gene j: -1 represses, 0 none, 1 activates
1        threshold    of that edge; this and the next as places in their ranges, 0 where no edge is
2        hill         coefficient of that edge
3        fold         change of that edge
4        production   of gene i, on the diagonal
5        degradation  of gene i, on the diagonal
6        presence     1 on the diagonal where there is a gene i, 0 where it is padding
=======  ===========  =========================================================================

The ranges, and what the numbers do, are in `sciadv.physics.regulation.kinetics`.
"""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.layers import MinibatchDiscrimination
from sciadv.nets.motif_counts import motif_counts
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Whole

CHANNELS = ("sign", "threshold", "hill", "fold", "production", "degradation", "presence")
#: Kinetic numbers of an edge and of a gene.
N_EDGE = 3
N_GENE = 2
_SIGNS = (-1.0, 0.0, 1.0)


def signs_and_presence(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the signs ``(batch, genes, genes)`` of circuits and which genes there are ``(batch, genes)``."""
    return x[:, 0], x[:, -1].diagonal(dim1=1, dim2=2)


@final
class CircuitGenerator(nn.Module):
    """Circuits of `smallest` to `n_genes` genes from flat latents; equivariant under relabelling of genes.

    Message passing on the complete graph of the genes gives every ordered pair three logits. The sign is the
    largest after Gumbel noise, which is part of the latent, so that a latent has one circuit; backwards the
    gradient is that of the softmax (straight-through). Kinetic numbers are ``2 Phi(s e + t) - 1`` of normal
    latents e, with s and t from the networks, so they lie in their ranges. Genes that would be unconnected
    are joined by the likeliest missing edges, those of the maximum spanning tree: every circuit is valid.

    Parameters
    ----------
    n_genes
        Largest number of genes; smaller circuits are padded.
    smallest
        Smallest number of genes; the first latent chooses, each size with the same probability.
    n_node
        Latent numbers per gene.
    width, n_layers
        Of the message passing.
    temperature
        Of the softmax whose gradient is used.
    n_classes
        Classes of circuits that can be asked for; the last latent number chooses one, each with the same
        probability. Each has learnt numbers for every gene of every size. 0 for a generator without classes,
        which has no such latent number.
    n_latent
        Only checked: what a file says must be what the other settings give.

    Raises
    ------
    InputError
        Sizes that do not fit, or a temperature that is not positive.

    References
    ----------
    E. Jang, S. Gu, B. Poole, Categorical reparameterization with Gumbel-softmax, ICLR 2017, section 2.2.
    N. De Cao, T. Kipf, MolGAN: an implicit generative model for small molecular graphs, 2018.

    Examples
    --------
    >>> net = CircuitGenerator(n_genes=3)
    >>> net(torch.zeros(2, net.n_latent)).shape
    torch.Size([2, 7, 3, 3])
    """

    kind = "circuit-generator"

    @checked
    def __init__(  # noqa: PLR0913  # settings of one network
        self,
        *,
        n_genes: Count = 5,
        smallest: Count = 3,
        n_node: Count = 6,
        width: Count = 32,
        n_layers: Count = 3,
        temperature: Positive = 0.7,
        n_classes: Whole = 0,
        n_latent: int | None = None,
    ) -> None:
        super().__init__()
        if smallest > n_genes:
            raise InputError(f"expected 1 <= smallest <= n_genes, but got {smallest} and {n_genes}")
        self.n_genes = n_genes
        self.smallest = smallest
        self.n_node = n_node
        self.temperature = temperature
        self.n_classes = n_classes
        n_class_latents = min(1, n_classes)
        self.n_latent = (
            1 + n_genes * (n_node + N_GENE) + n_genes**2 * (len(_SIGNS) + N_EDGE) + n_class_latents
        )
        if n_latent not in (None, self.n_latent):
            raise InputError(f"these settings give latents of {self.n_latent} numbers, not {n_latent}")
        self.settings: dict[str, object] = {
            "n_genes": n_genes,
            "smallest": smallest,
            "n_node": n_node,
            "width": width,
            "n_layers": n_layers,
            "temperature": temperature,
            "n_classes": n_classes,
            "n_latent": self.n_latent,
        }
        self.enter = nn.Linear(n_node, width)
        learnt = torch.normal(0.0, 0.1, (n_classes, n_genes - smallest + 1, n_genes, width))
        self.asked = nn.Parameter(learnt) if n_classes else None
        self.send = nn.ModuleList(nn.Linear(width, width) for _ in range(n_layers))
        self.receive = nn.ModuleList(nn.Linear(width, width) for _ in range(n_layers))
        self.update = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(n_layers))
        self.source = nn.Linear(width, width)
        self.target = nn.Linear(width, width)
        self.itself = nn.Parameter(torch.zeros(width))
        self.edge = nn.Linear(width, len(_SIGNS) + 2 * N_EDGE)
        self.gene = nn.Linear(width, 2 * N_GENE)
        for head, n_logits in ((self.edge, len(_SIGNS)), (self.gene, 0)):
            nn.init.zeros_(head.weight[n_logits:])  # kinetics start uniform in their ranges
            nn.init.zeros_(head.bias)
        nn.init.constant_(self.edge.bias[1:2], 1.5)  # most pairs of genes have no edge

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 7 genes genes"]:
        """Generate circuits."""
        n = self.n_genes
        n_signs = len(_SIGNS)
        sizes = [1, n * self.n_node, n * N_GENE, n * n * n_signs, n * n * N_EDGE, min(1, self.n_classes)]
        size, node, gene, gumbel, edge, chosen = torch.split(z, sizes, dim=1)
        present = self.present(size)
        return self.assemble(
            present,
            self.heads(node.reshape(-1, n, self.n_node), present, self.classes(chosen)),
            gene.reshape(-1, n, N_GENE),
            gumbel.reshape(-1, n, n, n_signs),
            edge.reshape(-1, n, n, N_EDGE),
        )

    def present(self, size: Tensor) -> Tensor:
        """Return which genes ``(batch, genes)`` there are for the first latent ``(batch, 1)``."""
        n_sizes = self.n_genes - self.smallest + 1
        n_extra = choice(size, n_sizes)
        return (torch.arange(self.n_genes, device=size.device) < self.smallest + n_extra).to(size.dtype)

    def classes(self, chosen: Tensor) -> Tensor | None:
        """Return the class ``(batch,)`` for the last latent ``(batch, 1)``; None if there are no classes."""
        return choice(chosen, self.n_classes)[:, 0] if self.n_classes else None

    def heads(
        self, node: Tensor, present: Tensor, classes: Tensor | None = None
    ) -> tuple[Float[Tensor, "batch genes genes 9"], Float[Tensor, "batch genes 4"]]:
        """Return logits of the signs with shift and scale of the kinetics of edges; those of genes.

        Parameters
        ----------
        node
            Latents of the genes ``(batch, genes, n_node)``.
        present
            1 where there is a gene ``(batch, genes)``.
        classes
            Number of the class that is asked for ``(batch,)``.
        """
        h = self.enter(node)
        if classes is not None and self.asked is not None:
            h = h + self.asked[classes, present.sum(1).long() - self.smallest]
        h = self._states(h, present)
        diagonal = torch.eye(self.n_genes, dtype=node.dtype, device=node.device)
        pair = self.source(h)[:, :, None] + self.target(h)[:, None] + diagonal[..., None] * self.itself
        return self.edge(pair.relu()), self.gene(h)

    def assemble(
        self, present: Tensor, heads: tuple[Tensor, Tensor], gene: Tensor, gumbel: Tensor, edge: Tensor
    ) -> Tensor:
        """Return circuits ``(batch, 7, genes, genes)`` from the parts of the latent.

        Parameters
        ----------
        present
            1 where there is a gene ``(batch, genes)``.
        heads
            See `heads`.
        gene
            Normal numbers of the kinetics of genes ``(batch, genes, 2)``.
        gumbel, edge
            Those of the signs ``(batch, genes, genes, 3)`` and of the kinetics of edges.
        """
        n_signs = len(_SIGNS)
        of_edges, of_genes = heads
        diagonal = torch.eye(self.n_genes, dtype=gene.dtype, device=gene.device)
        logits = of_edges[..., :n_signs] - (-_normal_cdf(gumbel).clamp(1e-6, 1 - 1e-6).log()).log()
        pairs = present[:, :, None] * present[:, None]
        chosen = _joined(_hard(logits.detach(), pairs), logits.detach(), pairs)
        soft = (logits / self.temperature).softmax(-1)
        one_hot = (chosen + (soft - soft.detach())) * pairs[..., None]
        sign = one_hot[..., 2] - one_hot[..., 0]
        exists = one_hot[..., 0] + one_hot[..., 2]
        kinetics = _spread(edge, *of_edges[..., n_signs:].chunk(2, -1)) * exists[..., None]
        places = _spread(gene, *of_genes.chunk(2, -1)) * present[..., None]
        on_diagonal = torch.cat([places, present[..., None]], -1)[:, :, None] * diagonal[..., None]
        return torch.cat([sign[..., None], kinetics, on_diagonal], -1).movedim(-1, 1)

    def _states(self, h: Tensor, present: Tensor) -> Tensor:
        """Return the genes' states ``(batch, genes, width)`` after all messages."""
        weight = (present / present.sum(1, keepdim=True))[:, None, :, None]
        for send, receive, update in zip(self.send, self.receive, self.update, strict=True):
            messages = ((receive(h)[:, :, None] + send(h)[:, None]).relu() * weight).sum(2)
            h = h + update(torch.cat([h, messages], -1)).relu()
        states: Tensor = h
        return states


def _normal_cdf(z: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(z / math.sqrt(2)))


def choice(z: Tensor, n: int) -> Tensor:
    """Return which of `n` equally probable cases normal numbers choose."""
    return (_normal_cdf(z.detach()) * n).floor().clamp(0, n - 1).long()


def latent_of(case: Tensor, n: int) -> Tensor:
    """Return the normal number in the middle of those that choose a case of `n`.

    Examples
    --------
    >>> choice(latent_of(torch.arange(3), 3), 3)
    tensor([0, 1, 2])
    """
    middle: Tensor = torch.special.ndtri((case + 0.5) / n)
    return middle


def _spread(normal: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Return ``2 Phi(exp(scale) normal + shift) - 1``, uniform in (-1, 1) for shift = scale = 0."""
    return torch.erf((scale.exp() * normal + shift) / math.sqrt(2))


def _hard(logits: Tensor, pairs: Tensor) -> Tensor:
    """One-hot of the largest logit ``(batch, genes, genes, 3)``; no edge where a gene is missing."""
    places = torch.arange(len(_SIGNS), device=logits.device)
    best = torch.where(pairs > 0, logits.argmax(-1), 1)
    return (best[..., None] == places).to(logits.dtype)


def _joined(chosen: Tensor, logits: Tensor, pairs: Tensor, *, lift: float = 1e6) -> Tensor:
    """Add the likeliest edges that join all genes of a circuit: Prim's maximum spanning tree.

    Edges that are there come first, so only missing ones between unconnected parts are added; ties aside, the
    tree does not depend on the gene it starts from. `lift` is more than any difference of logits.
    """
    n = logits.shape[1]
    strength, kind = logits[..., [0, 2]].max(-1)
    strength = strength - logits[..., 1] + lift * (1 - chosen[..., 1])
    both = torch.maximum(strength, strength.transpose(1, 2))
    off_diagonal = pairs * (1 - torch.eye(n, dtype=logits.dtype, device=logits.device))
    both = both.masked_fill(off_diagonal == 0, -torch.inf)
    genes = torch.arange(n, device=logits.device)
    first = pairs.diagonal(dim1=1, dim2=2).argmax(1)  # a gene that is there
    inside = (genes == first[:, None]).to(logits.dtype)
    tree = torch.zeros_like(pairs)
    for _ in range(n - 1):
        crossing = inside[:, :, None] * (1 - inside)[:, None]
        open_edges = both.masked_fill(crossing == 0, -torch.inf).flatten(1)
        best, place = open_edges.max(1)
        picked = (torch.arange(n * n, device=logits.device) == place[:, None]) & best[:, None].isfinite()
        picked = picked.to(logits.dtype).reshape(-1, n, n)
        tree = tree + picked
        inside = inside + picked.sum(1)
    tree = tree + tree.transpose(1, 2)
    forward = (strength > strength.transpose(1, 2)).to(logits.dtype)  # the likelier direction of a pair
    missing = tree * forward * chosen[..., 1] * chosen[..., 1].transpose(1, 2)
    places = torch.arange(len(_SIGNS), device=logits.device)
    added = (2 * kind[..., None] == places).to(logits.dtype)
    return torch.where(missing[..., None] > 0, added, chosen)


@final
class CircuitDiscriminator(nn.Module):
    """One number per circuit, the same for every order of its genes: messages of their own per relation.

    Four relations (activates, represses, is activated by, is repressed by) with the edges' kinetics; self
    edges are part of a gene's features. The sum and the maximum over genes go on to a minibatch comparison,
    which sees a generator that repeats itself.

    Parameters
    ----------
    width, n_layers
        Of the message passing.
    sees_motifs
        Whether counts of signed motifs are among its features, see `motif_counts`.

    References
    ----------
    M. Schlichtkrull et al., Modeling relational data with graph convolutional networks, ESWC 2018, Eq. 2.

    Examples
    --------
    >>> CircuitDiscriminator()(torch.zeros(4, 7, 5, 5)).shape
    torch.Size([4])
    """

    kind = "circuit-discriminator"

    @checked
    def __init__(self, *, width: Count = 32, n_layers: Count = 3, sees_motifs: bool = False) -> None:
        super().__init__()
        self.sees_motifs = sees_motifs
        self.settings: dict[str, object] = {
            "width": width,
            "n_layers": n_layers,
            "sees_motifs": sees_motifs,
        }
        n_features = 2 + N_EDGE + N_GENE + 1
        self.enter = nn.Linear(n_features, width)
        self.messages = nn.ModuleList(nn.Linear(width, 4 * width) for _ in range(n_layers))
        self.kinetics = nn.ModuleList(nn.Linear(N_EDGE, 4 * width) for _ in range(n_layers))
        self.update = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(n_layers))
        self.compare = MinibatchDiscrimination(2 * width, n_kernels=8, kernel_size=4)
        n_motifs = motif_counts(torch.zeros(1, 1, 1, 2)).shape[1] if sees_motifs else 0
        n_pooled = 2 * width + 8 + n_motifs
        self.leave = nn.Sequential(nn.Linear(n_pooled, width), nn.LeakyReLU(0.2), nn.Linear(width, 1))

    def forward(self, x: Float[Tensor, "batch 7 genes genes"]) -> Float[Tensor, " batch"]:
        """Score circuits; differentiable in all channels."""
        sign = x[:, 0]
        kinetics = x[:, 1 : 1 + N_EDGE].movedim(1, -1)
        edges = torch.stack([sign * (sign + 1) / 2, sign * (sign - 1) / 2], -1)  # activates, represses
        own = torch.cat([edges, kinetics, x[:, 1 + N_EDGE :].movedim(1, -1)], -1)
        own = own.diagonal(dim1=1, dim2=2).transpose(1, 2)
        present = own[..., -1:]
        off = 1 - torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
        outgoing = edges * off[..., None]
        relations = torch.cat([outgoing, outgoing.transpose(1, 2)], -1)  # (batch, i, j, 4): j seen from i
        h = nn.functional.leaky_relu(self.enter(own), 0.2)
        for message, with_kinetics, update in zip(self.messages, self.kinetics, self.update, strict=True):
            sent = message(h)[:, None] + with_kinetics(kinetics)
            sent = sent.unflatten(-1, (4, -1))
            received = torch.einsum("bijr,bijrw->biw", relations, nn.functional.leaky_relu(sent, 0.2))
            h = h + nn.functional.leaky_relu(update(torch.cat([h, received], -1)), 0.2)
        h = h * present
        pooled = torch.cat([h.sum(1), h.amax(1)], -1)
        features = [self.compare(pooled)]
        if self.sees_motifs:
            features.append(motif_counts(outgoing))
        scores: Tensor = self.leave(torch.cat(features, -1)).squeeze(-1)
        return scores
