"""Products with the Jacobian of the predictions in the latents, and its adjoint, without the Jacobian."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from sciadv.errors import GeneratorError
from sciadv.forward.autodiff import forward_mode
from sciadv.likelihood import as_data, real_view
from sciadv.problem import Problem


@final
class LatentProducts:
    """``J = dF(G(z))/dz`` at latents ``(rows, n_latent)``, known by its products alone.

    The generator is run once. ``J' u`` is its reverse; ``J v`` is the reverse of that reverse, which is
    linear in u, so that layers without forward mode are no obstacle. Where a layer has no second reverse,
    forward mode takes its place. The operator gives its own tangents and cotangents.

    Parameters
    ----------
    problem
        Prior and operator.
    z
        Latents ``(rows, n_latent)``.

    Notes
    -----
    Cost: one generator pass and its reverse when it is made, then about one pass for each product. Memory:
    what a training step of the generator on `rows` samples needs.

    References
    ----------
    J. Townsend, A new trick for calculating Jacobian vector products, 2017: the reverse of the reverse.
    """

    def __init__(self, problem: Problem, z: Tensor) -> None:
        self.problem = problem
        self.z = z.detach().requires_grad_(True)
        with torch.enable_grad():
            self._made = problem.prior(self.z)
            self._dual = torch.zeros_like(self._made, requires_grad=True)
            (self._pulled,) = torch.autograd.grad(self._made, self.z, self._dual, create_graph=True)
        self.x = self._made.detach()
        with torch.no_grad():
            self.prediction = problem.forward(self.x)

    def adjoint(self, u: Tensor) -> Tensor:
        """Return ``J' u`` ``(rows, n_latent)`` of cotangents of the data ``(rows, *out_shape)``."""
        with torch.no_grad():
            in_image = self.problem.forward.vjp(self.x, u)
        (pulled,) = torch.autograd.grad(self._made, self.z, in_image, retain_graph=True)
        return pulled

    def forward(self, v: Tensor) -> Tensor:
        """Return ``J v`` of tangents of the latents ``(rows, n_latent)``, real ``(rows, measurements)``."""
        tangent = self._tangent(v)
        with torch.no_grad():
            forward = self.problem.forward
            return real_view(forward(tangent) if forward.is_linear else forward.jvp(self.x, tangent))

    def curved(self, v: Tensor, curvature: Tensor) -> Tensor:
        """Return ``J' C J v``, C the curvature of each real datum ``(rows, measurements)``."""
        weighted = curvature * self.forward(v)
        return self.adjoint(as_data(weighted, self.problem.forward.out_shape))

    def _tangent(self, v: Tensor) -> Tensor:
        """Return the tangent of the candidates along a tangent of the latents."""
        try:
            (tangent,) = torch.autograd.grad(self._pulled, self._dual, v, retain_graph=True)
        except RuntimeError:  # a layer has no second reverse
            return self._forward_tangent(v)
        return tangent

    def _forward_tangent(self, v: Tensor) -> Tensor:
        try:
            with torch.no_grad():
                return forward_mode(self.problem.prior, self.z.detach(), v)[1]
        except (RuntimeError, NotImplementedError) as error:
            raise GeneratorError(
                f"the generator of prior {self.problem.prior.name!r} has a layer that torch can neither "
                f"differentiate forwards nor twice backwards; search by adam, which needs one reverse only"
            ) from error
