"""What a ``recipe.toml`` may say of networks: one table a kind of `sciadv.nets`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from sciadv.schema.tables import Count, Table

Classes = Annotated[int, Field(ge=2)]


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


class DCGANGeneratorTable(Table):
    """`sciadv.nets.DCGANGenerator`."""

    kind: Literal["dcgan-generator"]
    n_latent: Count
    channels: Count | None = None
    halvings: Count | None = None
    norm: Literal["batch", "virtual", "none"] | None = None


class ResidualGeneratorTable(Table):
    """`sciadv.nets.ResidualGenerator`."""

    kind: Literal["residual-generator"]
    n_latent: Count
    channels: Count | None = None
    halvings: Count | None = None
    n_classes: Classes | None = None
    label: Annotated[int, Field(ge=0)] | None = None


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


class DCGANDiscriminatorTable(Table):
    """`sciadv.nets.DCGANDiscriminator`."""

    kind: Literal["dcgan-discriminator"]
    channels: Count | None = None
    halvings: Count | None = None
    norm: Literal["batch", "virtual", "none"] | None = None
    spectral_norm: bool | None = None
    minibatch: Literal["stddev", "discrimination"] | None = None


class ResidualDiscriminatorTable(Table):
    """`sciadv.nets.ResidualDiscriminator`."""

    kind: Literal["residual-discriminator"]
    channels: Count | None = None
    halvings: Count | None = None
    n_classes: Classes | None = None
    spectral_norm: bool | None = None
    minibatch: Literal["stddev", "discrimination"] | None = None


GeneratorTable = Annotated[
    ConvDecoderTable | MLPDecoderTable | DCGANGeneratorTable | ResidualGeneratorTable,
    Field(discriminator="kind"),
]
EncoderTable = Annotated[ConvEncoderTable | MLPEncoderTable, Field(discriminator="kind")]
DiscriminatorTable = Annotated[
    ConvDiscriminatorTable | DCGANDiscriminatorTable | ResidualDiscriminatorTable,
    Field(discriminator="kind"),
]


def net_settings(
    table: GeneratorTable | EncoderTable | DiscriminatorTable,
    image_shape: Iterable[int],
    *,
    n_latent: int | None = None,
) -> dict[str, object]:
    """Return the settings of a network for `sciadv.nets.build_net`, for images of a shape.

    An encoder gets the length of the generator's latent.
    """
    latent = {} if n_latent is None else {"n_latent": n_latent}
    return {"kind": table.kind, "image_shape": list(image_shape), **latent, **table.settings()}
