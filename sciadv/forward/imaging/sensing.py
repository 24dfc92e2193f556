"""Random projections: the measurements of compressed sensing."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import LinearForward
from sciadv.forward.matrix import DenseMatrix
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Seed, Shape, as_generator


class GaussianSensing(LinearForward):
    """Project on random Gaussian vectors, ``y = A x`` with ``A_ij ~ N(0, scale^2)``.

    Parameters
    ----------
    in_shape
        Shape of one candidate.
    n_measurements
        Rows of A, >= 1.
    seed
        Seed of A. The matrix is drawn on the CPU in float32: a seed means the same matrix on every device,
        and up to rounding in every dtype.
    scale
        Standard deviation of the entries, > 0. 1 is that of [1]_'s code; ``n_measurements ** -0.5`` keeps
        lengths, ``E |A x|^2 = |x|^2``.
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        `n_measurements` or `scale` is not positive.

    References
    ----------
    .. [1] A. Bora, A. Jalal, E. Price, A. G. Dimakis. Compressed sensing using generative models. ICML 2017,
       section 6.

    Examples
    --------
    >>> import torch
    >>> A = GaussianSensing((1, 28, 28), 100, seed=0)
    >>> A(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 100])
    """

    kind = "gaussian"

    @checked
    def __init__(
        self,
        in_shape: Shape,
        n_measurements: Count,
        *,
        seed: Seed,
        scale: Positive = 1.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if n_measurements < 1 or not scale > 0:
            raise InputError(
                f"expected n_measurements >= 1 and scale > 0, but got {n_measurements} and {scale}"
            )
        super().__init__(in_shape, (n_measurements,), dtype=dtype, device=device)
        matrix = torch.randn(n_measurements, prod(in_shape), generator=as_generator(seed)).mul_(scale)
        self.product = DenseMatrix(matrix, dtype=dtype, device=device)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``A x``, ``(batch, n_measurements)``."""
        y: Tensor = self.product(x.flatten(1))
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        """Return ``A^T y``, ``(batch, *in_shape)``."""
        return self.product.adjoint(y).reshape(-1, *self.in_shape)
