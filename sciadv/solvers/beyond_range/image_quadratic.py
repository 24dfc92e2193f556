"""Quadratic forms of images: their minimum and draws, by conjugate gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.forward.base import LinearForward
from sciadv.likelihood import as_data, real_view
from sciadv.solvers.classical.tv import divergence, gradient
from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients
from sciadv.solvers.linear.factored_gaussian import FactoredGaussian

#: Draws that are solved for at once; bounds the memory.
_CHUNK = 64


@dataclass(frozen=True)
class ImageQuadratic:
    """Half of ``|A x - y|^2_c + trust |x - mean|^2_C + smooth |grad x|^2 + outside |x - nearest|^2``."""

    forward: LinearForward
    curvature: Tensor
    y: Tensor
    distribution: FactoredGaussian
    trust: Tensor
    smooth: Tensor
    outside: Tensor
    nearest: Tensor
    around: Tensor

    def hessian(self, v: Tensor) -> Tensor:
        """Apply the matrix of the form to ``(rows, *in_shape)``, or to many images of one row."""
        data = self.forward.adjoint(self.curvature * self.forward(v))
        return data + self.trust * self._learned(v) - divergence(self.smooth * gradient(v)) + self.outside * v

    def minimum(self, x: Tensor, n_steps: int) -> Tensor:
        """Step to the minimum from x."""
        learned = self.trust * self.distribution.precision(self.distribution.mean).reshape(x.shape)
        right = self.forward.adjoint(self.curvature * self.y) + learned + self.outside * self.nearest
        return conjugate_gradients(self.hessian, right, n_steps=n_steps, start=x, diagonal=self._diagonal())

    def draws(self, n: int, n_steps: int, generator: torch.Generator) -> Tensor:
        """Draw deviations ``(n, *in_shape)`` whose inverse covariance is the matrix, of one row."""
        shape, like = self.forward.in_shape, self.nearest
        parts = []
        for size in [_CHUNK] * (n // _CHUNK) + [n % _CHUNK] * (n % _CHUNK > 0):
            data = _noise(size, self.y, generator) * self.curvature.sqrt()
            drawn = self.distribution.draw(size, generator)
            learned = self.distribution.precision(drawn)[0].reshape(size, *shape)
            edges = torch.randn(len(shape) - 1, size, *shape, generator=generator).to(like)
            smooth = divergence(edges * self.smooth.sqrt())
            bound = torch.randn(size, *shape, generator=generator).to(like) * self.outside.sqrt()
            force = self.forward.adjoint(data) + self.trust.sqrt() * learned - smooth + bound
            parts.append(conjugate_gradients(self.hessian, force, n_steps=n_steps, diagonal=self._diagonal()))
        return torch.cat(parts)

    def _learned(self, v: Tensor) -> Tensor:
        """Apply the distribution's inverse covariance; where there is one distribution, to all images."""
        flat = v.flatten(1)
        many = flat[None] if len(self.distribution.mean) == 1 else flat[:, None]
        return self.distribution.precision(many).reshape(v.shape)

    def _diagonal(self) -> Tensor:
        learned = self.distribution.inverse_diagonal.reshape(1, *self.forward.in_shape)
        return self.around + self.trust * learned + 2 * (learned.ndim - 2) * self.smooth + self.outside


def _noise(n: int, y: Tensor, generator: torch.Generator) -> Tensor:
    """Draw ``(n, *out_shape)`` of unit variance, of each part where data are complex."""
    shape = (n, *real_view(y[:1]).shape[1:])
    return as_data(torch.randn(shape, generator=generator).to(y.real), y.shape[1:])
