"""What a ``recipe.toml`` may say: one class a kind of recipe, in `RECIPES`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar, get_args

import torch
from pydantic import ConfigDict, Field, model_validator, with_config

from sciadv.data.image_data import ImageData
from sciadv.errors import UnknownNameError
from sciadv.files.texts import parse_toml
from sciadv.registry.registry import Registry
from sciadv.schema.game_tables import GameTable, InversionTable, Named, RulesTable
from sciadv.schema.nets_tables import (
    DecoderTable,
    DiscriminatorTable,
    EncoderTable,
    GeneratorTable,
    net_settings,
)
from sciadv.schema.sentences import parse_spec
from sciadv.schema.tables import OneLine, RecipeSpec, Table
from sciadv.trainings.autoencoder.latent_flow_training import FlowSchedule
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.types import Count, Whole

FunctionType = TypeVar("FunctionType", bound=Callable[..., object])


class ClassifierTable(Table):
    """The network whose features and accuracy evaluate the prior: trained here, or that of another `prior`.

    `data` names the labelled data set whose classes it learns; left out, it is the prior's own.
    """

    kind: Literal["conv-classifier"] = "conv-classifier"
    channels: Count | None = None
    epochs: Count = 3
    augment: bool = False
    data: str | None = None
    prior: str | None = None

    @model_validator(mode="after")
    def _shared_or_own(self) -> ClassifierTable:
        if self.prior is not None and self.model_fields_set != {"prior"}:
            raise ValueError("give either prior, to share its classifier, or the settings of an own one")
        return self


class DataTable(Table):
    """The training images: a data set by its name, or a folder or file of the user's own by its path.

    `reference` training images of a named set are kept for reference; of own images some always are. The
    other keys are of own images: see `sciadv.data.own_images.Reading` and `sciadv.data.image_data.own_data`.
    The path ``-`` stands for an array that was given in Python.
    """

    name: str | None = None
    path: OneLine | None = None
    prepare: str = "none"
    reference: Whole | None = None
    axes: str | None = None
    key: str | None = None
    crop: Annotated[tuple[Count, ...], Field(strict=False, min_length=1, max_length=3)] | None = None
    range: Annotated[tuple[float, float], Field(strict=False)] | None = None
    drop: bool = False
    licence: OneLine = "not stated"

    @model_validator(mode="after")
    def _named_or_own(self) -> DataTable:
        if (self.name is None) == (self.path is None):
            raise ValueError("give either name, of a data set, or path, of images of your own")
        own = self.model_fields_set - {"name", "prepare", "reference", "path"}
        if self.name is not None and own:
            raise ValueError(
                f"{', '.join(sorted(own))} is for images of your own, not for a data set by name"
            )
        if self.path is not None and self.model_fields_set & {"prepare", "reference"}:
            raise ValueError("prepare and reference are for a data set by name, not for images of your own")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range is lowest, then highest value, but it is {list(self.range)}")
        return self


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True)
class ScheduleTable(PriorSchedule):
    """`PriorSchedule`, with unknown keys refused."""


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True)
class LatentsTable(FlowSchedule):
    """`FlowSchedule`, with unknown keys refused."""


class ImageRecipe(RecipeSpec):
    """A recipe of a prior of images: its data, and what evaluates it.

    With `half_precision` the trained weights are rounded to 16 bits before the prior is measured, and of the
    covariance its leading directions are kept; the files are half as large.
    """

    data: DataTable
    classifier: ClassifierTable | None = None
    half_precision: bool = False

    @model_validator(mode="after")
    def _classifier_has_classes(self) -> ImageRecipe:
        table = self.classifier
        if self.data.path is not None and table is not None and table.data is None and table.prior is None:
            raise ValueError("images of your own have no classes; leave [classifier] out, or name its data")
        return self


class PriorRecipe(ImageRecipe):
    """A variational autoencoder, then an adversarial game for its decoder: `sciadv.trainings.autoencoder`."""

    kind: Literal["prior"] = "prior"
    generator: DecoderTable
    encoder: EncoderTable
    discriminator: DiscriminatorTable | None = None
    schedule: ScheduleTable = ScheduleTable()
    game: RulesTable = RulesTable()
    latents: LatentsTable = LatentsTable()

    @model_validator(mode="after")
    def _flow_has_two(self) -> PriorRecipe:
        n_latent = self.generator.settings()["n_latent"]
        if self.latents.flow_steps and n_latent == 1:
            raise ValueError("a flow of latents needs generator.n_latent >= 2; leave [latents] out")
        return self

    def nets(self, image_shape: Iterable[int]) -> dict[str, dict[str, object]]:
        """Return the settings of each network for `sciadv.nets.build_net`, for images of this shape."""
        shape = list(image_shape)
        nets = {
            "generator": net_settings(self.generator, shape),
            "encoder": net_settings(self.encoder, shape, n_latent=self.generator.settings()["n_latent"]),
        }
        if self.discriminator is not None:
            nets["discriminator"] = net_settings(self.discriminator, shape)
        return nets


class GanRecipe(ImageRecipe):
    """A game (`sciadv.Game`); with an encoder, which then learns to invert the generator.

    ``gan`` is the relativistic game with R1, R2 and a moving average; ``safe`` the non-saturating one with
    R1. The tables say what is to be different.
    """

    kind: Literal["gan", "safe"]
    generator: GeneratorTable
    discriminator: DiscriminatorTable
    game: GameTable
    encoder: EncoderTable | None = None
    inversion: InversionTable = InversionTable()

    @model_validator(mode="after")
    def _both_or_none_of_classes(self) -> GanRecipe:
        generator, discriminator = (
            getattr(net, "n_classes", None) for net in (self.generator, self.discriminator)
        )
        if generator != discriminator:
            raise ValueError(
                f"generator.n_classes is {generator} and discriminator.n_classes {discriminator}; give both "
                f"the same, or neither"
            )
        if generator is not None and getattr(self.generator, "label", None) is None:
            raise ValueError("a prior is of one class: give generator.label, from 0")
        return self

    def nets(self, image_shape: Iterable[int]) -> dict[str, dict[str, object]]:
        """Return the settings of each network for `sciadv.nets.build_net`, for images of this shape."""
        shape = list(image_shape)
        nets = {
            "generator": net_settings(self.generator, shape),
            "discriminator": net_settings(self.discriminator, shape),
        }
        if self.encoder is not None:
            nets["encoder"] = net_settings(
                self.encoder, shape, n_latent=self.generator.settings()["n_latent"]
            )
        return nets

    @property
    def objective(self) -> Named:
        """The game's objective, the kind's where the file gives none."""
        default = "relativistic" if self.kind == "gan" else "non-saturating"
        return default if self.game.objective is None else self.game.objective

    @property
    def penalties(self) -> list[Named]:
        """The game's penalties, the kind's where the file gives none."""
        names = ("r1", "r2") if self.kind == "gan" else ("r1",)
        default: list[Named] = [{"kind": name, "every": 4} for name in names]
        return default if self.game.penalties is None else self.game.penalties


@dataclass(frozen=True)
class Recipe:
    """A recipe as it was read.

    Parameters
    ----------
    name
        Its name.
    text
        The file's text.
    spec
        What it says.
    folder
        The file's folder, from which its paths go.
    images
        The images, where they were given in Python (path ``-``); else they are read.
    """

    name: str
    text: str
    spec: RecipeSpec
    folder: Path = Path()
    images: ImageData | None = None

    @property
    def sha256(self) -> str:
        """Hash of the file's text, which a prior's card states."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class RecipeKind(Protocol):
    """What trains the recipes of a kind: a function that makes their training, and their file's table."""

    spec: type[RecipeSpec]

    def __call__(self, recipe: Recipe, out: Path, device: torch.device) -> Any:
        """Return the training and how to write what it has learnt (`sciadv.recipes.Job`)."""
        ...


def trains(spec: type[RecipeSpec]) -> Callable[[FunctionType], FunctionType]:
    """Say which recipes a function makes the training of: those of the kinds that a table says.

    Parameters
    ----------
    spec
        The table, with ``kind: Literal["mine"]``.
    """

    def mark(function: FunctionType) -> FunctionType:
        vars(function)["spec"] = spec
        return function

    return mark


def _recipe_kinds(part: object) -> tuple[str, ...]:
    spec = getattr(part, "__dict__", {}).get("spec")
    if not isinstance(spec, type) or not issubclass(spec, RecipeSpec):
        return ()
    return get_args(spec.model_fields["kind"].annotation)


#: The kinds of recipes: a file of `sciadv.recipes` each.
RECIPES: Registry[RecipeKind] = Registry("recipe", "sciadv.recipes", names=_recipe_kinds)


def parse_recipe(text: str, *, file: str) -> RecipeSpec:
    """Check the text of a ``recipe.toml``; one without a kind is a prior's.

    Raises
    ------
    InputError
        It is not TOML, or a key or value is not one that it may have.
    UnknownNameError
        A ``kind`` is none of those there are.
    """
    kind = parse_toml(text, file=file).get("kind", "prior")
    if not isinstance(kind, str) or kind not in RECIPES:
        raise UnknownNameError(f"recipe (kind in {file})", str(kind), RECIPES)
    return parse_spec(text, RECIPES[kind].spec, file=file)
