"""Redesign: circuits near a given one that show a behaviour, some of its parts fixed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_pool import Ranked
from sciadv.domains.gene_circuits.mutation import Mutation
from sciadv.errors import InputError, require_at_least
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.metrics.graph import are_connected, canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import check_circuits
from sciadv.types import as_generator


@dataclass(frozen=True)
class RedesignSettings:
    """How circuits are searched around a given one.

    Parameters
    ----------
    n_rounds, n_near
        Rounds, and mutants in each.
    n_elite
        Best topologies that mutants are made of.
    edges, parameters
        See `Mutation`.
    n_sets, spread
        Parameter sets around a circuit's own that score it, and how far they lie as a part of the ranges.
    change_cost
        What each edge that differs from the given circuit costs, as a part of the best score.

    Raises
    ------
    InputError
        A count is below 1.
    """

    n_rounds: int = 12
    n_near: int = 300
    n_elite: int = 40
    edges: float = 1.0
    parameters: float = 0.1
    n_sets: int = 4
    spread: float = 0.1
    change_cost: float = 0.02

    def __post_init__(self) -> None:
        require_at_least(self, dict.fromkeys(("n_rounds", "n_near", "n_elite", "n_sets"), 1))


def redesign(
    circuit: Float[Tensor, "7 genes genes"],
    aim: CircuitAim | str,
    n: int,
    *,
    fixed: Tensor | None = None,
    settings: RedesignSettings = RedesignSettings(),  # frozen
    seed: int = 0,
) -> tuple[Tensor, Bool[Tensor, " n"]]:
    """Return `n` circuits near a given one that show a behaviour, and whether each does.

    Parameters
    ----------
    circuit
        Where the search starts, of any number of genes.
    aim
        A behaviour's name, or what `CircuitAim.read` makes of it, targets and a model.
    n
        How many; topologies differ where enough are found.
    fixed
        Truth ``(genes, genes)``: pairs of genes whose edge, or its absence, stays with its parameters; on the
        diagonal also the gene's own kinetics. Nothing is fixed if None.
    settings
        How circuits are searched.
    seed
        Seed of the draws.

    Returns
    -------
    Circuits ``(n, 7, genes, genes)``: those that meet the aim first, by their score less what their changes
    cost, then the best others; and which of them meet it ``(n,)``.

    Raises
    ------
    InputError
        It is not one circuit, its genes do not hang together, or `fixed` has another shape.
    UnknownNameError
        There is no such behaviour.

    Examples
    --------
    >>> from sciadv.physics.regulation.kinetics import circuits_of
    >>> pair = circuits_of(torch.tensor([[[0.0, -1], [1, 0]]]))[0]
    >>> quick = RedesignSettings(n_rounds=2, n_near=20)
    >>> found, shown = redesign(pair, "stability", 2, settings=quick)
    >>> found.shape, bool(shown.all())
    (torch.Size([2, 7, 2, 2]), True)
    """
    start = check_circuits(circuit[None])
    stays = torch.zeros(start.shape[2:], dtype=torch.bool) if fixed is None else fixed
    if tuple(stays.shape) != tuple(start.shape[2:]) or stays.dtype != torch.bool:
        raise InputError(
            f"fixed must be True or False for each pair of genes {tuple(start.shape[2:])}, but it is "
            f"{tuple(stays.shape)} of {stays.dtype}"
        )
    if not bool(are_connected(*signs_and_presence(start))):
        raise InputError("the genes of the circuit do not hang together; redesign its parts one by one")
    aim = CircuitAim.read(aim, {}) if isinstance(aim, str) else aim
    search = _Search(start, stays.to(start.device), aim, settings)
    pool = search.run(as_generator(seed))
    meets = aim.meets(pool[: 8 * n])
    order = (~meets).int().argsort(stable=True)
    rows = order[torch.arange(n, device=order.device) % len(order)]
    return pool[rows], meets[rows]


@dataclass(frozen=True, eq=False)
class _Search:
    """Rounds of mutants around one circuit."""

    start: Tensor
    fixed: Tensor
    aim: CircuitAim
    settings: RedesignSettings

    def run(self, generator: torch.Generator) -> Tensor:
        """Return every topology that was tried, the best first."""
        mutate = Mutation(self.settings.edges, self.settings.parameters)
        forward = GeneCircuit(
            tuple(self.start.shape[1:]),
            self.aim.name,
            n_sets=self.settings.n_sets,
            spread=self.settings.spread,
            model=self.aim.model,
            device=self.start.device,
        )
        ranked = self._ranked(self.start, forward)
        for _ in range(self.settings.n_rounds):
            x = ranked.draws
            n_elite = min(self.settings.n_elite, len(x))
            parents = torch.randint(n_elite, (self.settings.n_near,), generator=generator)
            children = self._restored(mutate(x[parents.to(x.device)], generator=generator))
            ranked = ranked.with_draws(self._ranked(children, forward))
        return ranked.draws

    def _ranked(self, x: Tensor, forward: GeneCircuit) -> Ranked:
        return Ranked.of(x, self._cost(x, forward), canonical_keys(*signs_and_presence(x)))

    def _restored(self, x: Tensor) -> Tensor:
        """Put fixed parts back; the given circuit where the genes would not hang together."""
        restored = torch.where(self.fixed, self.start, x)
        whole = are_connected(*signs_and_presence(restored))
        return torch.where(whole[:, None, None, None], restored, self.start)

    @torch.no_grad()
    def _cost(self, x: Tensor, forward: GeneCircuit) -> Tensor:
        """Return what circuits lack in score, what their changes cost, and how far they miss targets."""
        n_changes = (x[:, 0] != self.start[:, 0]).sum((1, 2))
        score: Tensor = forward(x).mean(1)
        return self.settings.change_cost * n_changes + self.aim.misfit(x) - score
