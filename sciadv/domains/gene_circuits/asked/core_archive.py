"""The best circuit of each class, size and minimal core so far: what a conditional generator learns from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from sciadv.metrics.graph import Key, canonical_keys
from sciadv.nets.graph import CHANNELS, signs_and_presence
from sciadv.types import Rows


@dataclass(frozen=True, eq=False)
class Scored(Rows):
    """Circuits with their class and their score.

    Parameters
    ----------
    x
        ``(n, 7, genes, genes)``.
    core
        Their minimal cores, likewise.
    asked
        Their class ``(n,)``.
    score
        ``(n,)``, in [0, 1]; higher is better.
    code
        Number of the niche among those of its class and size ``(n,)``; -1 where it has none yet.
    """

    x: Tensor
    core: Tensor
    asked: Tensor
    score: Tensor
    code: Tensor

    @property
    def cells(self) -> list[tuple[int, int]]:
        """Class and number of genes of each circuit."""
        sizes = signs_and_presence(self.x)[1].sum(1).long()
        return list(zip(self.asked.tolist(), sizes.tolist(), strict=True))


class CoreArchive:
    """Keeps the best circuit of each niche: a class, a number of genes and a minimal core.

    Codes are numbered from 0 in each class and size. A niche has its code for as long as there are so many
    niches; a new one gets that of one that it displaced.

    Parameters
    ----------
    n_genes
        Largest number of genes.
    niches
        Niches kept of a class and a number of genes, those with the best circuits.
    least_part
        A niche is kept if its score is this part of the best of its class and size at least.
    sharpness
        Circuits are drawn with their score to this power.

    References
    ----------
    J.-B. Mouret, J. Clune, Illuminating search spaces by mapping elites, 2015.
    """

    def __init__(
        self, n_genes: int, *, niches: int = 16, least_part: float = 0.0, sharpness: float = 2.0
    ) -> None:
        self.niches, self.least_part, self.sharpness = niches, least_part, sharpness
        x = torch.zeros(0, len(CHANNELS), n_genes, n_genes)
        none = torch.zeros(0, dtype=torch.long)
        self.restore(Scored(x, x, none, torch.zeros(0), none))

    def newcomers(self, found: Scored) -> Scored:
        """Return those circuits that would have a place if they competed now."""
        winners = self._winners(Rows.join([self.kept, found]))
        return winners.take((winners.code < 0).nonzero()[:, 0])

    def push(self, found: Scored) -> None:
        """Let circuits compete for the places; of equal scores those that are there stay."""
        kept = self._winners(Rows.join([self.kept, found]))
        codes = _codes(kept.cells, kept.code.tolist())
        code = torch.tensor(codes, dtype=torch.long)
        self.restore(replace(kept, code=code))

    def _winners(self, every: Scored) -> Scored:
        """Return the best circuits of the best niches of each class and size."""
        order = every.score.argsort(descending=True, stable=True)
        every = every.take(order)
        keys = canonical_keys(*signs_and_presence(every.core))
        least: dict[tuple[int, int], float] = {}
        rows: dict[tuple[tuple[int, int], Key], int] = {}
        in_cell: Counter[tuple[int, int]] = Counter()
        scores = every.score.tolist()
        for row, niche in enumerate(zip(every.cells, keys, strict=True)):
            cell, score = niche[0], scores[row]
            is_near = score >= least.setdefault(cell, self.least_part * score)
            if is_near and niche not in rows and in_cell[cell] < self.niches:
                rows[niche] = row
                in_cell[cell] += 1
        return every.take(torch.tensor(list(rows.values()), dtype=torch.long))

    def restore(self, kept: Scored) -> None:
        """Go on with other circuits."""
        self.kept = kept
        cells = kept.cells
        weight = kept.score.double() ** self.sharpness
        total = dict.fromkeys(cells, 0.0)
        for cell, one in zip(cells, weight.tolist(), strict=True):
            total[cell] += one
        self._weights = weight / torch.tensor([total[cell] for cell in cells], dtype=torch.float64)
        in_cell = Counter(cells)
        self._n_found = torch.tensor([in_cell[cell] for cell in cells], dtype=torch.long)

    def sample(self, n: int, *, numbers: torch.Generator) -> Scored:
        """Draw circuits, classes and sizes alike; codes that no niche has are given to the others."""
        rows = torch.multinomial(self._weights, n, replacement=True, generator=numbers)
        drawn, found = self.kept.take(rows), self._n_found[rows]
        n_turns = 1 + (self.niches - 1 - drawn.code) // found
        turn = (torch.rand(n, generator=numbers) * n_turns).long()
        return replace(drawn, code=drawn.code + turn * found)

    def __len__(self) -> int:
        return len(self.kept.score)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the circuits, for a checkpoint."""
        return {one.name: getattr(self.kept, one.name) for one in fields(self.kept)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.restore(Scored(*(state[one.name].clone() for one in fields(Scored))))


def _codes(cells: Sequence[object], given: Sequence[int]) -> list[int]:
    """Return a code of each niche of some cells: its own, or where it cannot have that a free one."""
    sizes = Counter(cells)
    has_own = [0 <= code < sizes[cell] for cell, code in zip(cells, given, strict=True)]
    used: dict[object, set[int]] = {cell: set() for cell in cells}
    for cell, code, is_own in zip(cells, given, has_own, strict=True):
        if is_own:
            used[cell].add(code)
    free = {
        cell: iter([code for code in range(sizes[cell]) if code not in some]) for cell, some in used.items()
    }
    triples = zip(cells, given, has_own, strict=True)
    return [code if is_own else next(free[cell]) for cell, code, is_own in triples]
