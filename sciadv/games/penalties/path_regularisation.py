"""Path length regularisation: the generator's steps in latent space are to be alike everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import torch
from torch import Generator, Tensor

from sciadv.games.penalties.penalty import check_strength
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class PathLength:
    """``every * lam * E (|J(z)^T y| - a)^2``: the variance of the lengths of the generator's steps.

    J is its Jacobian, y Gaussian images, a the mean length; a term of the generator's loss. Where the lengths
    are equal, J is a scaled isometry in the mean: the image changes by as much for a latent step in any
    direction and at any place. The images y have a standard deviation of ``(channels / values)^(1/2)``, as
    the reference's, and a is the batch's own mean, where the reference has a running one.

    Parameters
    ----------
    lam
        Strength >= 0.
    every
        Lazy period in steps.

    Raises
    ------
    InputError
        `lam` < 0 or `every` < 1.

    References
    ----------
    T. Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020, Eq. 4, appendix B.

    Examples
    --------
    A linear map by an orthogonal matrix has the same length of path everywhere only in the mean:

    >>> import torch
    >>> draw = torch.Generator().manual_seed(0)
    >>> penalty = PathLength(lam=1.0, every=1)
    >>> spread = penalty.of_map(lambda z: 3 * z, torch.zeros(4096, 50), generator=draw)
    >>> round(spread.item(), 1)  # the variance of 3 |y|, y of 50 values of variance 1 / 50
    0.1
    """

    kind: ClassVar[str] = "path-length"

    lam: float = 2.0
    every: int = 4

    def __post_init__(self) -> None:
        check_strength("the path length", self.lam, self.every)

    def of_map(
        self, generate: Callable[[Tensor], Tensor], z: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """Return the scalar to add to the generator's loss, at the latents z ``(batch, ...)``."""
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            images = generate(z)
            sides = prod(images.shape[2:]) if images.ndim > 2 else images.shape[1]
            y = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
            (gradient,) = torch.autograd.grad((images * y).sum() / sides**0.5, z, create_graph=True)
        lengths = (gradient.flatten(1).square().sum(1) + torch.finfo(images.dtype).tiny).sqrt()
        return self.every * self.lam * (lengths - lengths.mean().detach()).square().mean()
