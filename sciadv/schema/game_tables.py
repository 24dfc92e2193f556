"""What a ``recipe.toml`` may say of a game: its parts by name or as tables, its length, its options."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import AfterValidator, Field

from sciadv.games.penalties import InstanceNoise, WeightClipping
from sciadv.games.replay import ReplayBuffer, TopK
from sciadv.schema.tables import Table
from sciadv.trainings.game.game_parts import make_part, settings_of
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.types import Count, Decay, Positive, Share

Named = str | dict[str, Any]


def _part(what: str) -> AfterValidator:
    """Check a part by making it."""

    def check(given: Named) -> Named:
        make_part(what, given)
        return given

    return AfterValidator(check)


def _option(kind: type) -> AfterValidator:
    """Check an option's settings by making it."""

    def check(table: dict[str, Any]) -> dict[str, Any]:
        kind(**settings_of(kind, kind.__name__, table))
        return table

    return AfterValidator(check)


def option_classes() -> dict[str, type]:
    """Return the options of a game that are tables of settings, with the classes that they make."""
    return {
        name: kind
        for name, annotation in get_type_hints(GameOptions).items()
        for kind in get_args(annotation)
        if hasattr(kind, "option_kind")
    }


class RulesTable(Table):
    """The rules of a game that is one phase of a training; what is left out is the recipe kind's."""

    objective: Annotated[Named, _part("objective")] | None = None
    penalties: list[Annotated[Named, _part("penalty")]] | None = None
    update: Annotated[Named, _part("update")] | None = None


class UpdateTable(Table):
    """How the players of a game move, where all else of it is given."""

    update: Annotated[Named, _part("update")] | None = None


class GameTable(Table):
    """The rules of `sciadv.Game`, and how long it is played; what is left out is the recipe kind's."""

    steps: Count
    batch: Count = 64
    objective: Annotated[Named, _part("objective")] | None = None
    penalties: list[Annotated[Named, _part("penalty")]] | None = None
    update: Annotated[Named, _part("update")] | None = None
    augment: Annotated[Named, _part("augmentation")] | None = None
    optimizer: Annotated[Named, _part("optimizer")] | None = None
    learning_rate: Positive | Annotated[list[Positive], Field(min_length=2, max_length=2)] = 3e-4
    final_rate: Share = 0.1
    ema: Decay = 0.999
    noise: Annotated[dict[str, Any], _option(InstanceNoise)] | None = None
    replay: Annotated[dict[str, Any], _option(ReplayBuffer)] | None = None
    top_k: Annotated[dict[str, Any], _option(TopK)] | None = None
    clip: Annotated[dict[str, Any], _option(WeightClipping)] | None = None
    accumulate: Count = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    #: Measurements without a smaller Frechet distance after which to stop; none to play to the end.
    patience: Count | None = None


class InversionTable(Table):
    """The phase after a game in which an encoder learns to find the latents of the generator's samples."""

    steps: Count = 2000
    batch: Count = 64
    learning_rate: Positive = 1e-3
