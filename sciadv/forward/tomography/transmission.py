"""What a photon counter behind an object sees: the law of Beer and Lambert."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward, LinearForward, output_dtype
from sciadv.registry.checked import checked
from sciadv.types import Positive


class Transmission(Forward):
    """Expected counts ``incident exp(-A x)`` of photons behind an object: low-dose tomography.

    A gives the line integrals of the attenuation x, say `ParallelBeam`. With the `Poisson` likelihood this is
    the model of photon-counting tomography; what else arrives at the detector is the likelihood's background.

    Parameters
    ----------
    linear
        The operator A; its data have no unit: x is per length where A integrates over length.
    incident
        Expected counts of a detector pixel without an object [counts].

    Raises
    ------
    InputError
        The operator is not linear, or gives complex data.

    References
    ----------
    .. [1] K. Lange, R. Carson. EM reconstruction algorithms for emission and transmission tomography. Journal
       of Computer Assisted Tomography 8 (1984) 306-316.

    Examples
    --------
    >>> import torch
    >>> from sciadv.forward import ParallelBeam
    >>> F = Transmission(ParallelBeam((1, 5, 5), [0.0], n_detectors=5), incident=100.0)
    >>> F(torch.zeros(1, 1, 5, 5))[0, 0, 0]
    tensor([100., 100., 100., 100., 100.])
    """

    kind = "transmission"

    is_linear = False

    @checked
    def __init__(self, linear: Forward, *, incident: Positive = 1e4) -> None:
        if not isinstance(linear, LinearForward):
            raise InputError(f"line integrals are linear, but {type(linear).__name__} is not")
        if output_dtype(linear).is_complex:
            raise InputError("attenuation is real, but the operator gives complex data")
        super().__init__(linear.in_shape, linear.out_shape, dtype=linear.dtype, device=linear.device)
        self.linear = linear
        self.incident = incident

    def forward(self, x: Tensor) -> Tensor:
        """Return the expected counts."""
        counts: Tensor = self.incident * torch.exp(-self.linear(x))
        return counts

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return ``-counts A t``."""
        change: Tensor = -self(x) * self.linear(tangent)
        return change

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return ``-A* (counts c)``."""
        return self.linear.adjoint(-self(x) * cotangent)
