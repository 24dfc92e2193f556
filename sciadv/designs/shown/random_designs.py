"""The baseline of a search for designs: what random designs, as they were drawn, do of what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sciadv.candidate_set import Row
from sciadv.designs.aim import Aim
from sciadv.designs.evaluated import Evaluated


def best_values(aim: Aim, designs: Evaluated) -> dict[str, float]:
    """Return the best value of each objective by its name; nothing where there are no designs."""
    best = {}
    for wish in aim.objectives if len(designs.x) else ():
        values = designs.value(wish.name)
        best[wish.name] = float(values.min() if wish.direction == "minimise" else values.max())
    return best


@dataclass(frozen=True)
class RandomDesigns:
    """What random designs do of what is asked.

    Parameters
    ----------
    n
        How many were evaluated.
    n_hit
        How many do what is asked and keep every constraint; a yield is not counted.
    nearest
        How far the nearest of them is from that, in tolerances.
    best
        The best value that those have which do what is asked, by objective; empty where none does.
    usual
        Their median size, by objective; 1 where none is known.
    is_without_yield
        Whether a yield was asked for, which these are not counted by.
    """

    n: int
    n_hit: int
    nearest: float
    best: Mapping[str, float]
    usual: Mapping[str, float]
    is_without_yield: bool = False

    @staticmethod
    def of(aim: Aim, designs: Evaluated) -> RandomDesigns:
        """Evaluate random designs, one at least, by an aim."""
        distance = aim.distance(designs)
        hits = designs.take((distance == 0).nonzero().squeeze(1))
        best = best_values(aim, hits)
        sizes = {wish.name: designs.value(wish.name).abs().nanmedian() for wish in aim.objectives}
        usual = {name: float(size) if bool(size > 0) else 1.0 for name, size in sizes.items()}
        has_yield = aim.least_yield > 0
        return RandomDesigns(len(designs.x), len(hits.x), float(distance.min()), best, usual, has_yield)

    def words(self, n_good: int) -> str:
        """Say it, beside the number of designs of the search that do what is asked."""
        if self.best:
            best = ", ".join(f"{name} = {value:.4g}" for name, value in self.best.items())
            return f"baseline: of {self.n} random designs {self.n_hit} keep the limits, with {best} at best"
        said = f"baseline: {self.n_hit} of {self.n} random designs do it without a search"
        if not self.n_hit:
            return f"{said}; the nearest is {self.nearest:.4g} tolerances off"
        if self.is_without_yield:
            return f"{said}, whatever their yield"
        return f"{said}, so that none was needed" if self.n_hit >= n_good else said

    @property
    def _but(self) -> str:
        """In what they are counted otherwise than the designs of a search."""
        limits = " keep the limits" if self.best else ""
        return limits + (", whatever their yield" if self.is_without_yield else "")

    def row(self) -> Row:
        """Return its row of the table of methods."""
        return {
            "method": "baseline: random designs, as drawn",
            "evaluated": self.n,
            "do what was asked": f"{self.n_hit} of {self.n}{self._but}",
            **self.best,
        }
