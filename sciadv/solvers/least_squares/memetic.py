"""Memetic search: a population of local minima that recombine, for least squares with many minima in a box.

References
----------
Moscato, On evolution, search, optimization, genetic algorithms and martial arts: towards memetic algorithms,
Caltech C3P report 826, 1989. Holland, Adaptation in Natural and Artificial Systems, 1975 (one-point
crossover).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import require_at_least
from sciadv.solvers.least_squares.between_bounds import Minima, Residuals, minimise_in_box
from sciadv.types import as_generator


@dataclass(frozen=True)
class MemeticSearch:
    """Find many distinct minima of a mean square of residuals over ``[0, 1]^variables``.

    Random starts are refined by Levenberg-Marquardt. Then, round by round, children take the first variables
    from one minimum and the others from another one, are moved a little and refined; of parents and children,
    the best that are apart go on. What makes a minimum good in some of the variables is so handed on: it
    suits variables in an order in which neighbours work together, such as the films of a stack.

    Parameters
    ----------
    n_minima
        Size of the population, and how many minima are returned at most.
    n_starts
        Random starts, at least as many; the best of them make the first population.
    n_first_steps
        Steps of Levenberg-Marquardt for the starts, and again for those that are kept.
    n_rounds
        Rounds of recombination.
    n_steps
        Steps of Levenberg-Marquardt for children.
    move
        Standard deviation of the children's moves, at most; in parts of the range.
    apart
        Root mean square distance of two minima that are kept, in parts of the range.
    preference
        A parent's rank is a uniform number to this power, in the first round and in the last: 1 for no
        preference for the better.

    Raises
    ------
    InputError
        A count is below 1, or a part below 0.

    Notes
    -----
    ``n_starts (n_first_steps + 1) + n_minima (n_first_steps + 1 + n_rounds (n_steps + 1))`` evaluations.
    """

    n_minima: int = 100
    n_starts: int = 500
    n_first_steps: int = 15
    n_rounds: int = 20
    n_steps: int = 12
    move: float = 0.06
    apart: float = 0.008
    preference: tuple[float, float] = (1.5, 8.0)

    def __post_init__(self) -> None:
        """Check the settings."""
        require_at_least(self, {"n_minima": 1, "n_starts": self.n_minima, "n_first_steps": 1, "n_steps": 1})
        require_at_least(self, {"n_rounds": 0, "move": 0, "apart": 0})

    def __call__(
        self,
        residuals: Residuals,
        n_variables: int,
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        watch: Callable[[int, Minima], None] | None = None,
    ) -> Minima:
        """Return the minima found, the best first.

        Parameters
        ----------
        residuals
            Residuals and their derivatives, of places in the box.
        n_variables
            Of the box.
        seed
            Of everything random.
        dtype, device
            Of the places.
        watch
            Called with the number of rounds done and the population.
        """
        numbers = as_generator(seed)
        start = torch.rand(self.n_starts, n_variables, generator=numbers, dtype=torch.float64)
        found = minimise_in_box(residuals, start.to(device, dtype), n_steps=self.n_first_steps)
        best = found.take(found.value.argsort()[: self.n_minima])
        found = self._kept(minimise_in_box(residuals, best.place, n_steps=self.n_first_steps))
        for done in range(self.n_rounds):
            if watch is not None:
                watch(done, found)
            starts = self._children(found.place, done, numbers)
            children = minimise_in_box(residuals, starts, n_steps=self.n_steps)
            both = [
                torch.cat(pair) for pair in ((found.place, children.place), (found.value, children.value))
            ]
            found = self._kept(Minima(*both))
        return found

    def _children(self, parents: Tensor, done: int, numbers: torch.Generator) -> Tensor:
        """Return places between those of pairs of parents, the best of which come first, moved a little."""
        n, n_variables = self.n_minima, parents.shape[1]
        first, last = self.preference
        power = first + (last - first) * done / max(1, self.n_rounds - 1)
        ranks = torch.rand(2, n, generator=numbers) ** power * len(parents)
        one, other = parents[ranks.long().to(parents.device)]
        cut = torch.randint(1, max(2, n_variables), (n, 1), generator=numbers)
        is_one = (torch.arange(n_variables)[None] < cut).to(parents.device)
        width = self.move * torch.rand(n, 1, generator=numbers)
        move = width * torch.randn(n, n_variables, generator=numbers)
        return (torch.where(is_one, one, other) + move.to(parents)).clamp(0, 1)

    def _kept(self, found: Minima) -> Minima:
        """Return the best that are apart from all better ones, sorted."""
        found = found.take(found.value.nan_to_num(torch.inf).argsort())
        size = found.place.shape[1] ** 0.5
        is_near = (torch.cdist(found.place, found.place) <= self.apart * size).cpu()
        kept: list[int] = []
        for row in range(len(found.value)):
            if not bool(is_near[row, kept].any()):
                kept.append(row)
            if len(kept) == self.n_minima:
                break
        return found.take(torch.tensor(kept, device=found.place.device))
