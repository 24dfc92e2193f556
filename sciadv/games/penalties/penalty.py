"""What a penalty is, and the gradient norm in the input that most of them are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, final, runtime_checkable

import torch
from torch import Generator, Tensor

from sciadv.errors import InputError

#: A discriminator, or one composed with an augmentation: ``(batch, ...) -> (batch, ...)``.
Discriminator = Callable[[Tensor], Tensor]


@runtime_checkable
class Penalty(Protocol):
    """A term of the discriminator's loss that is not made of its outputs on the batch alone.

    A lazy penalty is added in every `every`-th step only and is `every` times as large there, so the sum
    over the steps is the same (Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR
    2020, appendix B); the caller adds it where ``step % every == 0``.
    """

    @property
    def every(self) -> int:
        """Steps between two uses."""
        ...

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """Return the scalar to add to the discriminator's loss; `generator` feeds the random penalties."""
        ...


@runtime_checkable
class WeightPenalty(Protocol):
    """A term of each player's loss that is made of its parameters and their past."""

    def start(self, players: tuple[Sequence[Tensor], Sequence[Tensor]]) -> None:
        """Take the players' parameters, before the first step."""
        ...

    def loss(self, player: Literal[0, 1]) -> Tensor:
        """Return the scalar to add to a player's loss."""
        ...

    def update(self) -> None:
        """Note that a step has been made."""
        ...


@runtime_checkable
class GeneratorPenalty(Protocol):
    """A term of the generator's loss that is made of the map from latents to samples, lazy as a `Penalty`."""

    @property
    def every(self) -> int:
        """Steps between two uses."""
        ...

    def of_map(
        self, generate: Callable[[Tensor], Tensor], z: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """Return the scalar to add to the generator's loss; `generator` feeds the random penalties."""
        ...


#: What a game takes for its penalties.
AnyPenalty = Penalty | GeneratorPenalty | WeightPenalty


@final
class RememberingDiscriminator:
    """A discriminator that computes its outputs on one and the same tensor once.

    R1 and R2 differentiate the outputs that the loss is made of, where the samples require gradients
    (`differentiable`): two passes through the network instead of four.

    Parameters
    ----------
    discriminator
        What computes the outputs.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        self._discriminator = discriminator
        self._known: list[tuple[Tensor, Tensor]] = []

    def __call__(self, x: Tensor) -> Tensor:
        """Return the outputs on samples ``(batch, ...)``, those of an earlier call where it had them."""
        for known, outputs in self._known:
            if known is x:
                return outputs
        outputs = self._discriminator(x)
        self._known.append((x, outputs))
        return outputs


def differentiable(x: Tensor) -> Tensor:
    """Return samples in which a discriminator can be differentiated."""
    return x if x.requires_grad else x.detach().requires_grad_()


def squared_gradient_norm(
    discriminator: Discriminator, x: Tensor, *, generator: Generator | None = None
) -> Tensor:
    """Squared Euclidean norm of the discriminator's gradient in its input, for each sample; ``(batch,)``.

    The result is differentiable in the discriminator's parameters, and in whatever `x` was computed from.

    Notes
    -----
    A discriminator with m > 1 outputs a sample has a Jacobian J, and the result is ``|J^T v|^2`` with one
    random sign vector v, whose expectation is ``|J|_F^2`` (Hutchinson 1989): one backward pass for any m.
    """
    x = differentiable(x)
    with torch.enable_grad():
        outputs = discriminator(x)
        weights = torch.ones_like(outputs)
        if outputs[0].numel() > 1:
            signs = torch.randint(0, 2, outputs.shape, generator=generator, device=outputs.device)
            weights = (2 * signs - 1).to(outputs.dtype)
        (gradient,) = torch.autograd.grad(outputs, x, weights, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def slopes(discriminator: Discriminator, x: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Norm of the discriminator's gradient in its input, for each sample; ``(batch,)``.

    Where the gradient is zero the norm has no derivative; it is taken as zero there.
    """
    squares = squared_gradient_norm(discriminator, x, generator=generator)
    flat = squares == 0
    return torch.where(flat, torch.ones_like(squares), squares).sqrt().masked_fill(flat, 0.0)


def mix(real: Tensor, fake: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Points ``u x + (1 - u) y`` between paired real and fake samples, u uniform and one a pair.

    Raises
    ------
    InputError
        The two batches differ in shape.
    """
    if real.shape != fake.shape:
        raise InputError(
            f"a penalty between real and fake samples needs batches of one shape, but they are "
            f"{tuple(real.shape)} and {tuple(fake.shape)}"
        )
    u = torch.rand(
        (real.shape[0],) + (1,) * (real.ndim - 1), generator=generator, dtype=real.dtype, device=real.device
    )
    return u * real + (1 - u) * fake


def check_strength(name: str, strength: float, every: int = 1) -> None:
    """Refuse a negative strength and a period below one step.

    Raises
    ------
    InputError
        `strength` < 0 or `every` < 1.
    """
    if strength < 0:
        raise InputError(f"the strength of {name} must be >= 0, but is {strength}")
    if every < 1:
        raise InputError(f"{name} is added every `every` >= 1 steps, but every is {every}")


def strength_for(x: Tensor, *, small: float = 0.1, small_pixels: int = 28 * 28) -> float:
    """Strength of a zero-centred penalty on samples of a size: proportional to their pixels from 28 x 28 on.

    Parameters
    ----------
    x
        Samples ``(batch, ...)``; of ``(batch, channels, *sides)`` the sides count, vectors are small.
    small, small_pixels
        Strength up to so many pixels.

    Notes
    -----
    In proportion to the pixels as in the automatic configuration of StyleGAN2-ADA's code (``train.py``: gamma
    is 0.0002 pixels / batch; T. Karras et al., Training generative adversarial networks with limited data,
    NeurIPS 2020). The 0.1 is ours, for digits.

    Examples
    --------
    >>> [round(strength_for(torch.zeros(1, 1, side, side)), 2) for side in (8, 28, 64)]
    [0.1, 0.1, 0.52]
    """
    n_pixels = x[0, 0].numel() if x.ndim >= 3 else 1
    return small * max(1.0, n_pixels / small_pixels)


@dataclass(frozen=True)
class ZeroSlope:
    """What R1 and R2 share: ``every * gamma / 2 * E |grad_x D(x)|^2`` over one of the two batches.

    Parameters
    ----------
    gamma
        Strength >= 0; if left out, it follows the samples' size by `strength_for`: 0.1 for vectors and images
        of up to 28 x 28 pixels, four times more for each doubling of the sides.
    every
        Lazy period in steps.

    Raises
    ------
    InputError
        `gamma` < 0 or `every` < 1.
    """

    gamma: float | None = None
    every: int = 1

    def __post_init__(self) -> None:
        check_strength(type(self).__name__, self.gamma or 0.0, self.every)

    def over(self, discriminator: Discriminator, x: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Return the penalty over the samples `x`."""
        gamma = strength_for(x) if self.gamma is None else self.gamma
        squares = squared_gradient_norm(discriminator, x, generator=generator)
        return self.every * gamma / 2 * squares.mean()
