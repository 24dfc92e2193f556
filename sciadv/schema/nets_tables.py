"""What a ``recipe.toml`` may say of networks: those of `sciadv.nets.NETS` that fit the place.

A network's name ends in what it does: ``-generator`` or ``-decoder``, ``-encoder``, ``-discriminator``. One
that takes an `image_shape` is of images.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from sciadv.nets import NETS
from sciadv.registry.settings import parameters_of
from sciadv.schema.parts import OneOf, PartTable, PartTables


def _of_images(*endings: str, given: tuple[str, ...] = ("image_shape",)) -> OneOf:
    """Return the choice of networks of images whose names have one of these endings."""

    def accepts(kind: str) -> bool:
        return kind.endswith(endings) and "image_shape" in parameters_of(NETS[kind])

    return OneOf(PartTables(NETS, given=lambda _: given, accepts=accepts))


def one_net(kind: str, *, given: tuple[str, ...] = ()) -> OneOf:
    """Return the choice of one network; `given` are settings that do not come from the file."""
    return OneOf(PartTables(NETS, given=lambda _: given, accepts=kind.__eq__))


GeneratorTable = Annotated[PartTable, _of_images("-generator", "-decoder")]
DecoderTable = Annotated[PartTable, _of_images("-decoder")]
EncoderTable = Annotated[PartTable, _of_images("-encoder", given=("image_shape", "n_latent"))]
DiscriminatorTable = Annotated[PartTable, _of_images("-discriminator")]


def net_settings(
    table: PartTable, image_shape: Iterable[int], *, n_latent: object = None
) -> dict[str, object]:
    """Return the settings of a network for `sciadv.nets.build_net`, for images of a shape.

    An encoder gets the length of the generator's latent.
    """
    latent = {} if n_latent is None else {"n_latent": n_latent}
    return {"kind": table.kind, "image_shape": list(image_shape), **latent, **table.settings()}
