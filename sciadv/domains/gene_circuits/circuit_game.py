"""The game that teaches a prior of circuits: real topologies, and circuits that oscillate robustly.

The discriminator sees topologies of real networks with kinetics drawn from their ranges, and among them an
elite of the generator's own circuits by their oscillation score: the prior learns to look like nature, and to
do so where the dynamics are interesting.
"""

from __future__ import annotations

from torch import Tensor

from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.games.replay import Elite, Feedback
from sciadv.nets.graph import CHANNELS


class OscillationScore:
    """Mean oscillation score of circuits over parameter sets near and anywhere, less a cost for every edge.

    Parameters
    ----------
    n_genes
        Largest number of genes.
    edge_cost
        What an edge costs: without it dense circuits, which oscillate more, take over.
    n_sets, spread, n_anywhere
        Parameter sets near the circuit's own, how far from it as a part of their ranges, and sets anywhere.
    """

    def __init__(
        self, n_genes: int, *, edge_cost: float, n_sets: int = 2, spread: float = 0.2, n_anywhere: int = 6
    ) -> None:
        shape = (len(CHANNELS), n_genes, n_genes)
        self.forward = GeneCircuit(shape, "oscillation", n_sets=n_sets, spread=spread, n_anywhere=n_anywhere)
        self.edge_cost = edge_cost

    def __call__(self, x: Tensor) -> Tensor:
        """Score circuits; higher is better."""
        scores: Tensor = self.forward.to(x.device)(x).mean(1)
        return scores - self.edge_cost * x[:, 0].abs().sum((1, 2))


def oscillation_feedback(
    n_genes: int, *, capacity: int = 256, floor: float = 1.5, share: float = 0.25, edge_cost: float = 0.02
) -> Feedback:
    """Return the feedback that puts robust oscillators among the real circuits.

    Parameters
    ----------
    n_genes
        Largest number of genes.
    capacity, floor
        Of the elite: how many, and how far apart at least.
    share
        Part of a real batch that is elite.
    edge_cost
        See `OscillationScore`.
    """
    return Feedback(OscillationScore(n_genes, edge_cost=edge_cost), Elite(capacity, floor=floor), share=share)
