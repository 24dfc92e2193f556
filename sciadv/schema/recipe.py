"""What a prior's ``recipe.toml`` may say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator, with_config

from sciadv.games.prior_training import PriorSchedule
from sciadv.schema.tables import Count, OneLine, Seed, Table


class ConvDecoderTable(Table):
    """`sciadv.nets.ConvDecoder`."""

    kind: Literal["conv-decoder"]
    n_latent: Count
    channels: Count | None = None
    halvings: Count | None = None


class MLPDecoderTable(Table):
    """`sciadv.nets.MLPDecoder`."""

    kind: Literal["mlp-decoder"]
    n_latent: Count
    hidden: list[Count] | None = None


class ConvEncoderTable(Table):
    """`sciadv.nets.ConvEncoder`."""

    kind: Literal["conv-encoder"]
    channels: Count | None = None
    halvings: Count | None = None


class MLPEncoderTable(Table):
    """`sciadv.nets.MLPEncoder`."""

    kind: Literal["mlp-encoder"]
    hidden: list[Count] | None = None


class ConvDiscriminatorTable(Table):
    """`sciadv.nets.ConvDiscriminator`."""

    kind: Literal["conv-discriminator"]
    channels: Count | None = None
    halvings: Count | None = None


class ClassifierTable(Table):
    """The network whose features and accuracy judge the prior: trained here, or that of another `prior`."""

    kind: Literal["conv-classifier"] = "conv-classifier"
    channels: Count | None = None
    epochs: Count = 3
    augment: bool = False
    prior: str | None = None

    @model_validator(mode="after")
    def _shared_or_own(self) -> ClassifierTable:
        if self.prior is not None and self.model_fields_set != {"prior"}:
            raise ValueError("give either prior, to share its classifier, or the settings of an own one")
        return self


class DataTable(Table):
    """The training images: `sciadv.datasets.load_images`."""

    name: str
    prepare: str = "none"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ScheduleTable(PriorSchedule):
    """`PriorSchedule`, with unknown keys refused."""


class RecipeSpec(Table):
    """A ``recipe.toml``."""

    file_name: ClassVar[str] = "recipe.toml"

    title: OneLine
    seed: Seed = 0
    data: DataTable
    generator: Annotated[ConvDecoderTable | MLPDecoderTable, Field(discriminator="kind")]
    encoder: Annotated[ConvEncoderTable | MLPEncoderTable, Field(discriminator="kind")]
    discriminator: ConvDiscriminatorTable | None = None
    schedule: ScheduleTable = ScheduleTable()
    classifier: ClassifierTable | None = None

    def nets(self, image_shape: Iterable[int]) -> dict[str, dict[str, object]]:
        """Return the settings of each network for `sciadv.nets.build_net`, for images of this shape."""
        shape = list(image_shape)
        generator = {"kind": self.generator.kind, "image_shape": shape, **self.generator.settings()}
        latent = {"n_latent": self.generator.n_latent}
        nets = {
            "generator": generator,
            "encoder": {"kind": self.encoder.kind, "image_shape": shape, **latent, **self.encoder.settings()},
        }
        if self.discriminator is not None:
            nets["discriminator"] = {
                "kind": self.discriminator.kind,
                "image_shape": shape,
                **self.discriminator.settings(),
            }
        return nets


@dataclass(frozen=True)
class Recipe:
    """A recipe as it was read: its name, the file's text, and what it says."""

    name: str
    text: str
    spec: RecipeSpec

    @property
    def sha256(self) -> str:
        """Hash of the file's text, which a prior's card states."""
        return hashlib.sha256(self.text.encode()).hexdigest()
