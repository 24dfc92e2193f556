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


@final
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


KULLBACK_LEIBLER = FDivergence("KL(p || q) = sum p ln(p / q)", _identity, lambda v: (v - 1).exp())
REVERSE_KULLBACK_LEIBLER = FDivergence("KL(q || p) = sum q ln(q / p)", lambda v: -(-v).exp(), lambda v: v - 1)
PEARSON = FDivergence("chi^2(p || q) = sum (p - q)^2 / q", _identity, lambda v: v.square() / 4 + v)
JENSEN_SHANNON = FDivergence("2 JSD(p, q)", lambda v: log(2) - softplus(-v), lambda v: softplus(v) - log(2))
TOTAL_VARIATION = FDivergence("TV(p, q) = 1/2 sum |p - q|", lambda v: v.tanh() / 2, lambda v: v.tanh() / 2)
