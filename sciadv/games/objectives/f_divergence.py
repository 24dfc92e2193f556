"""The f-GAN family: a variational bound on any f-divergence, one entry a divergence.

A divergence is given by an output activation g, which maps the discriminator's real output v to the
domain of the convex conjugate f*, and by the composition f*(g(v)), written out so that it does not
overflow where f* would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log
from typing import final

from torch import Tensor
from torch.nn.functional import softplus

from sciadv.games.objectives.objective import Objective
from sciadv.registry.checked import checked
from sciadv.registry.registry import named


@final
@checked
@dataclass(frozen=True)
class FDivergence(Objective):
    """Variational f-divergence ``V = E_p g(v) - E_q f*(g(v))``, maximised by the discriminator.

    Parameters
    ----------
    divergence
        The divergence ``sum q f(p / q)`` as a formula.
    activation
        g, of v.
    conjugate
        ``f*(g(v))``, of v.
    saturating
        Whether the generator minimises V itself, ``-E_q f*(g(v))``. Otherwise it minimises ``-E_q g(v)``,
        which has the same fixed point and a gradient where the discriminator is sure.

    Notes
    -----
    The best discriminator has ``g(v) = f'(p / q)`` and makes ``V = sum q f(p / q)``.

    References
    ----------
    S. Nowozin, B. Cseke, R. Tomioka, f-GAN: training generative neural samplers using variational
    divergence minimization, NeurIPS 2016, Eqs. 4, 6 and 7, Tables 1 and 2, section 3.2.
    """

    divergence: str  # type: ignore[misc]  # a field here, since one class serves the family; constant elsewhere
    activation: Callable[[Tensor], Tensor] = field(repr=False)
    conjugate: Callable[[Tensor], Tensor] = field(repr=False)
    saturating: bool = False

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E_q f*(g(v)) - E_p g(v)``; at least minus the divergence."""
        return self.conjugate(fake_logits).mean() - self.activation(real_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:  # noqa: ARG002  the interface's
        """Return ``-E_q g(v)``, or ``-E_q f*(g(v))`` when saturating."""
        return -(self.conjugate if self.saturating else self.activation)(fake_logits).mean()


def _identity(v: Tensor) -> Tensor:
    return v


@named("kl")
def kullback_leibler(*, saturating: bool = False) -> FDivergence:
    """Return the objective of the Kullback-Leibler divergence, ``f(u) = u ln u``."""
    return FDivergence("KL(p || q) = sum p ln(p / q)", _identity, lambda v: (v - 1).exp(), saturating)


@named("reverse-kl")
def reverse_kullback_leibler(*, saturating: bool = False) -> FDivergence:
    """Return the objective of the reverse Kullback-Leibler divergence, ``f(u) = -ln u``."""
    return FDivergence("KL(q || p) = sum q ln(q / p)", lambda v: -(-v).exp(), lambda v: v - 1, saturating)


@named("pearson")
def pearson(*, saturating: bool = False) -> FDivergence:
    """Return the objective of Pearson's divergence, ``f(u) = (u - 1)^2``."""
    return FDivergence(
        "chi^2(p || q) = sum (p - q)^2 / q", _identity, lambda v: v.square() / 4 + v, saturating
    )


@named("jensen-shannon")
def jensen_shannon(*, saturating: bool = False) -> FDivergence:
    """Return the objective of the Jensen-Shannon divergence."""
    return FDivergence(
        "2 JSD(p, q)", lambda v: log(2) - softplus(-v), lambda v: softplus(v) - log(2), saturating
    )


@named("total-variation")
def total_variation(*, saturating: bool = False) -> FDivergence:
    """Return the objective of the total variation, ``f(u) = |u - 1| / 2``."""
    return FDivergence(
        "TV(p, q) = 1/2 sum |p - q|", lambda v: v.tanh() / 2, lambda v: v.tanh() / 2, saturating
    )


KULLBACK_LEIBLER = kullback_leibler()
REVERSE_KULLBACK_LEIBLER = reverse_kullback_leibler()
PEARSON = pearson()
JENSEN_SHANNON = jensen_shannon()
TOTAL_VARIATION = total_variation()
