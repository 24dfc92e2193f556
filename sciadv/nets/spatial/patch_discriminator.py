"""A discriminator of patches: one score for every place of an image, and their mean for the image."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.sizes import ImageShape, feature_maps, keeps_settings
from sciadv.nets.spatial.latent_map import convolution, sides_of
from sciadv.registry.checked import checked
from sciadv.types import Count


@final
class PatchDiscriminator(nn.Module):
    """One logit an image: the mean of the scores of its patches, for images of any size.

    Parameters
    ----------
    image_shape
        (channels, *sides), one to three sides.
    channels
        Feature maps after the first halving; twice as many after each further one, up to four times.
    halvings
        Halvings of the resolution; a patch is ``5 2^halvings - 2`` pixels wide.

    Raises
    ------
    InputError
        The images are smaller than one patch, or have no sides or more than three.

    References
    ----------
    P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, Image-to-image translation with conditional adversarial
    networks, CVPR 2017, section 3.2.2.
    """

    kind = "patch-discriminator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(self, *, image_shape: ImageShape, channels: Count = 24, halvings: Count = 3) -> None:
        super().__init__()
        n_sides = sides_of(image_shape)
        least = 2 ** (halvings + 2) + 2**halvings - 2
        if min(image_shape[1:]) < least:
            raise InputError(
                f"a discriminator of {halvings} halvings needs sides of at least {least} pixels, but "
                f"image_shape is {tuple(image_shape)}; give fewer halvings"
            )
        layers: list[nn.Module] = []
        n_in = image_shape[0]
        for level in range(1, halvings + 1):
            n_out = feature_maps(channels, level)
            layers += [convolution(n_sides, n_in, n_out, kernel=4, stride=2), nn.LeakyReLU(0.2)]
            n_in = n_out
        self.body = nn.Sequential(*layers, convolution(n_sides, n_in, 1, kernel=3))

    def forward(self, x: Tensor) -> Tensor:
        """Score images; larger is more real."""
        scores: Tensor = self.body(x)
        return scores.flatten(1).mean(1)
