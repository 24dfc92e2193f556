"""Quadratic forms of images: their minimum and draws, by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.forward.base import LinearForward
from sciadv.likelihood import as_data, real_view
from sciadv.solvers.classical.tv import divergence, gradient
from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients
from sciadv.solvers.linear.factored_gaussian import FactoredGaussian
from sciadv.types import as_generator

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

    def draws_around(
        self,
        x: Tensor,
        n: int,
        n_steps: int,
        clip: Callable[[Tensor], Tensor],
        *,
        seed: int,
        n_first: int = 32,
        n_trials: int = 2,
    ) -> Tensor:
        """Draw images ``(n, *in_shape)`` around an answer, within bounds, that fit the data as noise does.

        They lie as under the distribution around the answer, its variance scaled by evidence.

        Parameters
        ----------
        x
            The answer ``(1, *in_shape)``.
        n
            Draws.
        n_steps
            Steps of conjugate gradients a draw.
        clip
            Returns the nearest images within the bounds.
        seed
            Seed of the draws.
        n_first
            Draws from which the scale of the variance, and how well draws fit within bounds, are found.
        n_trials
            Times that this is done.
        """
        scale = self._evidence_scale(x, self.draws(n_first, n_steps, as_generator(seed)))
        form = replace(self, trust=self.trust / scale)
        moved = form.draws(n, n_steps, as_generator(seed))
        residual = self.y - self.forward(x)
        force = self.forward.adjoint(self.curvature * residual)
        step = conjugate_gradients(form.hessian, force, n_steps=n_steps, diagonal=form._diagonal())
        along = self.forward(step)
        spread = self._mean_square(self.forward(moved))
        target = 1.0
        drawn = x + moved + self._part(residual, along, spread, target) * step
        for _ in range(n_trials):
            tried = form._within(drawn[:n_first], clip, n_steps // 2)
            target -= float(self._mean_square(self.y - self.forward(tried))) - 1
            drawn = x + moved + self._part(residual, along, spread, target) * step
        return torch.cat([form._within(part, clip, n_steps // 2) for part in torch.split(drawn, _CHUNK)])

    def _evidence_scale(self, x: Tensor, moved: Tensor) -> Tensor:
        """Return how much wider than the distribution the images around one answer are, a number.

        MacKay's fixed point ``E / gamma`` (Bayesian interpolation, Neural Computation 4 (1992) 415-447, eq.
        4.8): the answer's energy under the distribution over the number of directions that the data
        determine, here from draws.
        """
        distance, along = (x.flatten(1) - self.distribution.mean)[:, None], moved.flatten(1)[None]
        energy = (distance * self.distribution.precision(distance)).sum()
        left = (along * self.distribution.precision(along)).sum() / len(moved)
        scale: Tensor = energy / (self.distribution.mean.shape[1] - left).clamp_min(1.0)
        return scale.clamp(0.1, 10.0)

    def _part(self, residual: Tensor, along: Tensor, spread: Tensor, target: float) -> Tensor:
        """Return the part of a step to the data with which draws fit them with a mean squared residual.

        The whole step would follow their noise: the answer that it begins at has been fitted to the data.

        Parameters
        ----------
        residual
            What the answer leaves of the data, ``(1, *out_shape)``.
        along
            What the step from the answer to the minimum of the form, with the answer as the distribution's
            mean, changes of the prediction.
        spread
            Mean square of what deviations change of it, in units of the noise's variance.
        target
            The mean squared residual in units of the noise's variance.
        """
        square = self._mean_square(along).clamp_min(1e-30)
        nearest = (self._in_sigma(along) * self._in_sigma(residual)).mean() / square
        excess = self._mean_square(residual) + spread - target
        return (nearest - (nearest.square() - excess / square).clamp_min(0).sqrt()).clamp_min(0)

    def _mean_square(self, residual: Tensor) -> Tensor:
        """Return the mean square of residuals in units of the noise."""
        return self._in_sigma(residual).square().mean()

    def _in_sigma(self, residual: Tensor) -> Tensor:
        """Return real residuals in units of the noise, of complex ones both parts."""
        return real_view(residual * self.curvature.sqrt())

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

    def _within(
        self,
        x: Tensor,
        clip: Callable[[Tensor], Tensor],
        n_steps: int,
        *,
        n_rounds: int = 3,
        hold: float = 100.0,
    ) -> Tensor:
        """Return draws that keep bounds, each the bounded minimum of the form that it is the minimum of.

        What lies outside is held at its bound and the rest follows, so that a draw fits the data as it did
        before. J. M. Bardsley, C. Fox, An MCMC method for uncertainty quantification in nonnegativity
        constrained inverse problems, Inverse Problems in Science and Engineering 20 (2012) 477-498.

        Parameters
        ----------
        x
            Draws ``(draws, *in_shape)`` of one row.
        clip
            Returns the nearest images within the bounds.
        n_steps
            Steps of conjugate gradients a round.
        n_rounds
            Times that it is looked what lies outside.
        hold
            Curvature by which values are held at their bounds, in parts of their own.
        """
        found, moved = x, torch.zeros_like(x)
        own = self._diagonal()
        is_held = torch.zeros_like(x, dtype=torch.bool)
        for _ in range(n_rounds):
            nearest = clip(found)
            is_held |= nearest != found
            held = hold * own * is_held
            form = replace(self, outside=self.outside + held)
            moved = conjugate_gradients(
                form.hessian, held * (nearest - x), n_steps=n_steps, start=moved, diagonal=own + held
            )
            found = x + moved
        return clip(found)

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
