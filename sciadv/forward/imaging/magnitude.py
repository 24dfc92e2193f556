"""Magnitudes of linear measurements: what a detector sees that counts light and not its phase."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward, LinearForward, output_dtype
from sciadv.registry.checked import checked
from sciadv.types import Positive


class Magnitude(Forward):
    """``y = |A x|``, datum by datum, of a real or complex linear operator: phase retrieval.

    x and -x, and of a Fourier transform also shifted and turned x, have the same magnitudes; a prior
    distinguishes them. The derivative ``Re(conj(u) A t) / |u|`` with ``u = A x`` is taken as 0 where u is 0.

    Parameters
    ----------
    linear
        The operator A.
    rounding
        Square of the magnitude at or below which u counts as 0, as a part of the largest square.

    Raises
    ------
    InputError
        It is not linear.

    References
    ----------
    E. J. Candes, X. Li, M. Soltanolkotabi. Phase retrieval via Wirtinger flow: theory and algorithms. IEEE
    Transactions on Information Theory 61 (2015) 1985-2007.

    Examples
    --------
    >>> import torch
    >>> from sciadv.forward import Matrix
    >>> A = Magnitude(Matrix(torch.tensor([[1.0, -1.0]]), (2,)))
    >>> A(torch.tensor([[1.0, 3.0]]))
    tensor([[2.]])
    """

    kind = "magnitude"

    is_linear = False

    @checked
    def __init__(self, linear: Forward, *, rounding: Positive = 1e-12) -> None:
        if not isinstance(linear, LinearForward):
            raise InputError(f"magnitudes are of a linear operator, but {type(linear).__name__} is not")
        super().__init__(linear.in_shape, linear.out_shape, dtype=linear.dtype, device=linear.device)
        self.linear = linear
        self.rounding = rounding
        self.is_complex = output_dtype(linear).is_complex

    def forward(self, x: Tensor) -> Tensor:
        """Return the magnitudes."""
        magnitude: Tensor = self.linear(x).abs()
        return magnitude

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return ``Re(conj(phase) A t)``."""
        moved: Tensor = self.linear(tangent)
        return (self._phase(x).conj() * moved).real

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return ``A* (phase c)``."""
        return self.linear.adjoint(self._phase(x) * cotangent)

    def _phase(self, x: Tensor) -> Tensor:
        """Return ``u / |u|``, 0 where u is 0."""
        u: Tensor = self.linear(x)
        size = u.abs()
        floor = self.rounding**0.5 * size.amax(tuple(range(1, u.ndim)), keepdim=True)
        return torch.where(size > floor, u / size.clamp_min(1e-30), 0)
