"""Tables of the recipe of a prior of gene circuits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sciadv.schema.game_tables import GameTable, Named
from sciadv.schema.nets_tables import one_net
from sciadv.schema.parts import PartTable
from sciadv.schema.tables import RecipeSpec, Table
from sciadv.types import Count, NotNegative, Share


class SubgraphTable(Table):
    """How many subgraphs of real networks are drawn, and their sizes."""

    n_draws: Count
    sizes: Annotated[tuple[Count, ...], Field(strict=False, min_length=1)] = (3, 4, 5)


class FeedbackTable(Table):
    """`sciadv.domains.gene_circuits.circuit_game.oscillation_feedback`."""

    capacity: Count | None = None
    floor: NotNegative | None = None
    share: Share | None = None
    edge_cost: NotNegative | None = None


class CircuitRecipe(RecipeSpec):
    """A game whose real samples are subgraphs of real networks and an elite of oscillators."""

    kind: Literal["circuits"]
    data: SubgraphTable
    generator: Annotated[PartTable, one_net("circuit-generator", given=("n_genes", "smallest", "n_latent"))]
    discriminator: Annotated[PartTable, one_net("circuit-discriminator")]
    game: GameTable
    feedback: FeedbackTable | None = None

    def nets(self) -> dict[str, dict[str, object]]:
        """Return the settings of both networks for `sciadv.nets.build_net`."""
        sizes = self.data.sizes
        genes = {"n_genes": max(sizes), "smallest": min(sizes)}
        return {
            "generator": {"kind": self.generator.kind, **genes, **self.generator.settings()},
            "discriminator": {"kind": self.discriminator.kind, **self.discriminator.settings()},
        }

    @property
    def objective(self) -> Named:
        """The game's objective: the relativistic one where the file gives none."""
        return "relativistic" if self.game.objective is None else self.game.objective

    @property
    def penalties(self) -> list[Named]:
        """The game's penalties: R1 and R2, lazily, where the file gives none."""
        default: list[Named] = [{"kind": name, "every": 4} for name in ("r1", "r2")]
        return default if self.game.penalties is None else self.game.penalties
