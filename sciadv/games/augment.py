"""Augmentations of what the discriminator sees, for small data: DiffAugment and the adaptive ADA.

Both are linear or smooth in the image and can be differentiated twice (R1 through an augmentation needs
that; the warp is written with gathers, since torch's grid_sample has no second derivative). Values may be
of any range.
"""

from __future__ import annotations

import math
from typing import ClassVar, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.registry.checked import checked


@final
class _Draws:
    """Random numbers for a batch, one a sample, with the batch's dtype and device."""

    def __init__(self, images: Tensor, generator: torch.Generator | None) -> None:
        self.n, self.dtype, self.device, self.generator = (
            images.shape[0],
            images.dtype,
            images.device,
            generator,
        )

    def uniform(self) -> Tensor:
        """Return ``(batch,)`` numbers of [0, 1)."""
        return torch.rand(self.n, generator=self.generator, dtype=self.dtype, device=self.device)

    def normal(self) -> Tensor:
        """Return ``(batch,)`` standard normal numbers."""
        return torch.randn(self.n, generator=self.generator, dtype=self.dtype, device=self.device)

    def chance(self, p: float) -> Tensor:
        """Return ``(batch,)`` booleans, true with probability p."""
        return self.uniform() < p


def warp(images: Tensor, affine: Tensor) -> Tensor:
    """Bilinear samples of images at affinely moved places, zero outside; twice differentiable in the images.

    Parameters
    ----------
    images
        ``(batch, channels, height, width)``.
    affine
        ``(batch, 2, 3)``: the place (x, y) that is read for an output pixel is ``affine @ (x, y, 1)``, in
        pixels from the image's centre.
    """
    n, channels, height, width = images.shape
    rows = torch.arange(height, dtype=images.dtype, device=images.device) - (height - 1) / 2
    columns = torch.arange(width, dtype=images.dtype, device=images.device) - (width - 1) / 2
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    places = affine @ torch.stack([x.flatten(), y.flatten(), torch.ones_like(x).flatten()])
    column, row = places[:, 0] + (width - 1) / 2, places[:, 1] + (height - 1) / 2
    left, top = column.floor(), row.floor()
    flat = images.flatten(2)
    result = torch.zeros_like(flat)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at_row, at_column = top + i, left + j
        weight = (1 - (row - at_row).abs()) * (1 - (column - at_column).abs())
        inside = (at_row >= 0) & (at_row < height) & (at_column >= 0) & (at_column < width)
        index = at_row.clamp(0, height - 1) * width + at_column.clamp(0, width - 1)
        values = flat.gather(2, index.long().unsqueeze(1).expand(n, channels, -1))
        result = result + values * (weight * inside).unsqueeze(1)
    return result.view_as(images)


def cut_out(images: Tensor, share: float, draws_x: Tensor, draws_y: Tensor) -> Tensor:
    """Zero a rectangle of `share` of each side, its centre anywhere: at draws (0 to 1) of the sides."""
    height, width = images.shape[2:]
    rows = torch.arange(height, dtype=images.dtype, device=images.device)
    columns = torch.arange(width, dtype=images.dtype, device=images.device)
    in_rows = (rows + 0.5 - height * draws_y.unsqueeze(1)).abs() < share * height / 2
    in_columns = (columns + 0.5 - width * draws_x.unsqueeze(1)).abs() < share * width / 2
    hole = in_rows.unsqueeze(2) & in_columns.unsqueeze(1)
    return images * (~hole).unsqueeze(1).to(images.dtype)


def _shift(images: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    one, zero = torch.ones_like(dx), torch.zeros_like(dx)
    return warp(images, torch.stack([one, zero, dx, zero, one, dy], 1).view(-1, 2, 3))


def _length(value_range: tuple[float, float]) -> float:
    """Return the length of the images' range, which must not be empty."""
    low, high = value_range
    if not low < high:
        raise InputError(f"value_range must rise from black to white, but it is {value_range}")
    return high - low


def _expect_images(images: Tensor) -> None:
    if images.ndim != 4:
        raise InputError(
            f"augmentation is of images (batch, channels, height, width), "
            f"but the shape is {tuple(images.shape)}"
        )


@final
class DiffAugment:
    """Differentiable augmentation of every real and every fake sample the discriminator sees.

    Colour: brightness ``+ U(-.5, .5)``, saturation ``x U(0, 2)`` around the channels' mean (nothing on
    one channel), contrast ``x U(.5, 1.5)`` around the image's mean. Translation: by whole pixels up to
    1/8 of a side, zero outside. Cutout: a square of half the side.

    Parameters
    ----------
    policy
        Which of ``"colour"``, ``"translation"``, ``"cutout"``, in order.
    value_range
        Least and largest value of an image; brightness is in units of their distance.

    Raises
    ------
    InputError
        An entry of the policy is none of the three, or images have not four dimensions.

    References
    ----------
    S. Zhao, Z. Liu, J. Lin, J.-Y. Zhu, S. Han, Differentiable augmentation for data-efficient GAN
    training, NeurIPS 2020, section 3.2 and appendix.
    """

    augmentation_kind: ClassVar[str] = "diffaugment"

    @checked
    def __init__(
        self,
        policy: tuple[str, ...] = ("colour", "translation", "cutout"),
        *,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        if unknown := set(policy) - {"colour", "translation", "cutout"}:
            raise InputError(f"DiffAugment has colour, translation and cutout, but not {sorted(unknown)}")
        self.policy = policy
        self.length = _length(value_range)

    def __repr__(self) -> str:
        """Say the policy."""
        return f"DiffAugment({self.policy})"

    def __call__(self, images: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return augmented images of the same shape."""
        _expect_images(images)
        draws = _Draws(images, generator)
        steps = {"colour": self._colour, "translation": self._translate, "cutout": self._cut}
        for name in self.policy:
            images = steps[name](images, draws)
        return images

    def _colour(self, images: Tensor, draws: _Draws) -> Tensor:
        brightness, saturation, contrast = (draws.uniform().view(-1, 1, 1, 1) for _ in range(3))
        images = images + (brightness - 0.5) * self.length
        grey = images.mean(1, keepdim=True)
        images = (images - grey) * (2 * saturation) + grey
        mean = images.mean((1, 2, 3), keepdim=True)
        return (images - mean) * (contrast + 0.5) + mean

    def _translate(self, images: Tensor, draws: _Draws) -> Tensor:
        height, width = images.shape[2:]
        dx = ((2 * draws.uniform() - 1) * (width / 8)).round()
        dy = ((2 * draws.uniform() - 1) * (height / 8)).round()
        return _shift(images, dx, dy)

    def _cut(self, images: Tensor, draws: _Draws) -> Tensor:
        return cut_out(images, 0.5, draws.uniform(), draws.uniform())


@final
class ADA:
    """Adaptive discriminator augmentation: each change happens with a probability p that follows overfitting.

    The overfitting heuristic is ``r_t = E sign(D(real))``: 0 without overfitting, 1 for a discriminator
    that knows every training sample. p rises while r_t is above its target and falls below it.

    In order: mirror, quarter turns, whole-pixel shifts; isotropic and anisotropic scaling, rotation,
    fractional shifts; brightness, contrast; noise, cutout. (Hue and saturation are left out: scientific
    images have one channel, and so are the image-space filters.)

    Parameters
    ----------
    target
        The r_t that is held.
    n_images
        Images in which p goes from 0 to 1 at most.
    interval
        Batches between two adjustments.
    p
        The probability at the start.
    symmetric
        Whether mirror images and quarter turns are in the data's distribution; turn it off for digits or for
        anything with an up and a down.
    value_range
        Least and largest value of an image.

    Raises
    ------
    InputError
        `p` is not in [0, 1], `n_images` or `interval` < 1, or images have not four dimensions.

    Notes
    -----
    Below p of about 0.8 the changes do not leak into the generator, since the data's distribution can be
    recovered from the augmented one.

    References
    ----------
    T. Karras et al., Training generative adversarial networks with limited data, NeurIPS 2020, Eq. 1,
    section 3 and appendix B.
    """

    augmentation_kind: ClassVar[str] = "ada"

    @checked
    def __init__(
        self,
        *,
        target: float = 0.6,
        n_images: int = 500_000,
        interval: int = 4,
        p: float = 0.0,
        symmetric: bool = False,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        if not 0 <= p <= 1 or n_images < 1 or interval < 1:
            raise InputError(
                f"ADA needs p in [0, 1], n_images >= 1 and interval >= 1, "
                f"but they are {p}, {n_images}, {interval}"
            )
        self.target, self.n_images, self.interval = target, n_images, interval
        self.symmetric, self.value_range = symmetric, value_range
        self.length = _length(value_range)
        self.p = p
        self.r_t = 0.0
        self._sign_sum, self._n_signs, self._n_batches = 0.0, 0, 0

    def __repr__(self) -> str:
        """Say the settings."""
        return (
            f"ADA(target={self.target}, n_images={self.n_images}, interval={self.interval}, "
            f"symmetric={self.symmetric})"
        )

    def update(self, real_logits: Tensor) -> None:
        """Note the discriminator's outputs on a real batch, and every `interval` batches adjust p."""
        self._sign_sum += float(real_logits.detach().sign().sum())
        self._n_signs += real_logits.numel()
        self._n_batches += 1
        if self._n_batches == self.interval:
            self.r_t = self._sign_sum / self._n_signs
            change = math.copysign(self._n_signs / self.n_images, self.r_t - self.target)
            self.p = min(1.0, max(0.0, self.p + change))
            self._sign_sum, self._n_signs, self._n_batches = 0.0, 0, 0

    def __call__(self, images: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return augmented images of the same shape; with p = 0 the images themselves."""
        _expect_images(images)
        if self.p == 0:
            return images
        draws = _Draws(images, generator)
        images = warp(images, self._geometry(images, draws))
        return self._corrupted(self._coloured(images, draws), draws)

    def _geometry(self, images: Tensor, draws: _Draws) -> Tensor:
        """Affine maps ``(batch, 2, 3)`` of the pixel and geometric transformations, composed."""
        height, width = images.shape[2:]
        if self.symmetric:
            mirror = torch.where(draws.chance(self.p / 2), -1.0, 1.0).to(images.dtype)
            quarters = (4 * draws.uniform()).floor() * draws.chance(self.p) * (height == width)
        else:
            mirror, quarters = torch.ones_like(draws.uniform()), torch.zeros_like(draws.uniform())
        on = draws.chance(self.p)
        dx = ((2 * draws.uniform() - 1) * width / 8).round() * on
        dy = ((2 * draws.uniform() - 1) * height / 8).round() * on
        scale = (0.2 * math.log(2) * draws.normal() * draws.chance(self.p)).exp()
        stretch = (0.2 * math.log(2) * draws.normal() * draws.chance(self.p)).exp()
        # Two rotations, before and after the stretch, of probability 1 - sqrt(1 - p) each (appendix B).
        p_rotation = 1 - math.sqrt(1 - self.p)
        before = (2 * draws.uniform() - 1) * math.pi * draws.chance(p_rotation) * self.symmetric
        after = (2 * draws.uniform() - 1) * math.pi * draws.chance(p_rotation) * self.symmetric
        on = draws.chance(self.p)
        dx = dx + draws.normal() * width / 8 * on
        dy = dy + draws.normal() * height / 8 * on
        matrix = _rotation(quarters * math.pi / 2 + before)
        matrix = matrix @ torch.diag_embed(torch.stack([scale * stretch * mirror, scale / stretch], 1))
        return torch.cat([matrix @ _rotation(after), torch.stack([dx, dy], 1).unsqueeze(2)], 2)

    def _coloured(self, images: Tensor, draws: _Draws) -> Tensor:
        brightness = 0.2 * draws.normal() * draws.chance(self.p) * self.length / 2
        contrast = (0.5 * math.log(2) * draws.normal() * draws.chance(self.p)).exp()
        middle = self.value_range[0] + self.length / 2
        return (images - middle) * contrast.view(-1, 1, 1, 1) + middle + brightness.view(-1, 1, 1, 1)

    def _corrupted(self, images: Tensor, draws: _Draws) -> Tensor:
        std = 0.1 * draws.normal().abs() * draws.chance(self.p) * self.length / 2
        noise = torch.randn(images.shape, generator=draws.generator, dtype=images.dtype, device=images.device)
        images = images + std.view(-1, 1, 1, 1) * noise
        on = draws.chance(self.p).view(-1, 1, 1, 1)
        return torch.where(on, cut_out(images, 0.5, draws.uniform(), draws.uniform()), images)

    def state_dict(self) -> dict[str, Tensor]:
        """Return p, r_t and the running counts, for a checkpoint."""
        numbers = [self.p, self.r_t, self._sign_sum, self._n_signs, self._n_batches]
        return {"state": torch.tensor(numbers, dtype=torch.float64)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.p, self.r_t, self._sign_sum, n_signs, n_batches = state["state"].tolist()
        self._n_signs, self._n_batches = int(n_signs), int(n_batches)


def _rotation(angle: Tensor) -> Tensor:
    c, s = angle.cos(), angle.sin()
    return torch.stack([c, -s, s, c], 1).view(-1, 2, 2)
