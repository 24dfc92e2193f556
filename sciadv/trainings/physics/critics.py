"""Critics of designs: physics by a forward, constraints, and realism learned from data, in one module.

The physics has no weights, so it cannot be fooled and cannot collapse; a learned critic reads the physical
values beside the design, so that it scores realism and physics together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from sciadv.constraint import Constraint
from sciadv.errors import InputError
from sciadv.forward import Forward, PropertyModel


@dataclass(frozen=True)
class Score:
    """What a critic says of a batch of designs; larger is better.

    Parameters
    ----------
    total
        Sum of the terms ``(batch,)``.
    terms
        The terms by name ``(batch,)``: "physics", one per constraint, "realism" where there is a learned
        critic.
    residual
        Distance from the target in tolerances ``(batch, targets)``.
    violation
        ``c(x)`` of each constraint ``(batch, constraints)``; positive where it is broken.
    """

    total: Tensor
    terms: dict[str, Tensor]
    residual: Tensor
    violation: Tensor


@final
class PhysicsDiscriminator(nn.Module):
    """Score designs x for targets y by physics, constraints and, where there is one, a learned critic.

    ``D(x, y) = w C(x, phi) - sum h(r) - sum L(c)`` with the residual
    ``r = (F(x) - y) / (tolerance |y|)``, the pseudo-Huber loss ``h(r) = d^2 ((1 + r^2 / d^2)^(1/2) - 1)``
    and, per constraint ``c(x) <= 0`` with safety margin m and multiplier lambda, the augmented Lagrangian
    ``L = (max(0, lambda + rho (c + m))^2 - lambda^2) / (2 rho)``. The learned critic C reads the design's
    features and the physical values ``phi = (asinh r, c)``.

    Parameters
    ----------
    forward
        Predicts the properties ``(batch, targets)`` of designs.
    tolerance
        Half-width of the tolerance, as a part of the target, > 0.
    constraints
        What a design must keep.
    critic
        Maps rows of features and physical values to one number each; None for physics alone.
    features
        Maps designs to the rows the critic reads, such as their places between the bounds.
    realism_weight
        w.
    margin
        m, in parts of a limit: how far inside the designs should be.
    penalty
        rho.
    huber
        d: beyond so many tolerances the loss grows linearly.

    Examples
    --------
    >>> from sciadv.forward import Matrix
    >>> physics = PhysicsDiscriminator(Matrix(torch.ones(1, 2), (2,)), tolerance=0.1)
    >>> score = physics.score(torch.tensor([[0.5, 0.5], [1.0, 1.0]]), torch.ones(2, 1))
    >>> [round(r, 4) for r in score.residual[:, 0].tolist()], bool(score.total[0] > score.total[1])
    ([0.0, 10.0], True)
    """

    multipliers: Tensor

    def __init__(  # noqa: PLR0913  # the weights of one sum
        self,
        forward: Forward,
        *,
        tolerance: float,
        constraints: Sequence[Constraint] = (),
        critic: nn.Module | None = None,
        features: Callable[[Tensor], Tensor] = lambda x: x,
        realism_weight: float = 1.0,
        margin: float = 0.02,
        penalty: float = 100.0,
        huber: float = 5.0,
    ) -> None:
        super().__init__()
        self.physics, self.critic = forward, critic
        self.constraints, self.limits = tuple(constraints), nn.ModuleList(c.forward for c in constraints)
        self.together = _predicts_together(forward, self.constraints)
        self.features, self.tolerance = features, tolerance
        self.realism_weight, self.margin, self.penalty, self.huber = realism_weight, margin, penalty, huber
        self.register_buffer("multipliers", torch.zeros(len(self.constraints)))

    def forward(self, pairs: Tensor) -> Tensor:
        """Score rows of a design and its targets ``(batch, variables + targets)``, as a game plays them."""
        n = self.physics.in_shape[0]
        return self.score(pairs[:, :n], pairs[:, n:]).total[:, None]

    def score(self, x: Tensor, target: Tensor) -> Score:
        """Score designs ``(batch, variables)`` for targets ``(batch, targets)``, term by term."""
        properties, violation = self.predict(x)
        residual = (properties - target) / (self.tolerance * target.abs())
        distance = self.huber**2 * ((1 + (residual / self.huber).square()).sqrt() - 1)
        shifted = (self.multipliers + self.penalty * (violation + self.margin)).clamp_min(0)
        penalties = (shifted.square() - self.multipliers.square()) / (2 * self.penalty)
        terms = {"physics": -distance.sum(1)}
        terms |= {c.name: -penalties[:, i] for i, c in enumerate(self.constraints)}
        if self.critic is not None:
            terms["realism"] = self.realism_weight * self._logits(x, residual, violation)
        return Score(torch.stack(list(terms.values())).sum(0), terms, residual, violation)

    def realism(self, x: Tensor, target: Tensor) -> Tensor:
        """Return the learned critic's output ``(batch,)``, without its weight.

        Raises
        ------
        InputError
            There is no learned critic.
        """
        properties, violation = self.predict(x)
        residual = (properties - target) / (self.tolerance * target.abs())
        return self._logits(x, residual, violation)

    def _logits(self, x: Tensor, residual: Tensor, violation: Tensor) -> Tensor:
        if self.critic is None:
            raise InputError("physics alone has no realism: give PhysicsDiscriminator a critic")
        values = torch.cat(
            [
                self.features(x),
                residual.asinh(),
                violation,
            ],
            1,
        )
        logits: Tensor = self.critic(values).flatten(1).sum(1)
        return logits

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the properties ``(batch, targets)`` and ``c(x)`` ``(batch, constraints)`` of designs.

        The model is evaluated once where all constraints are on its own properties.
        """
        if self.together is None:
            properties = self.physics(x)
            margins = [constraint.margin(x) for constraint in self.constraints]
            return properties, -torch.stack(margins, 1) if margins else x.new_zeros(len(x), 0)
        every = self.together(x)
        n = self.physics.out_shape[0]
        limits = [(one.at_most, one.size) for one in self.constraints]
        at_most, size = torch.tensor(limits).to(every).unbind(1)
        return every[:, :n], (every[:, n:] - at_most) / size

    def excess(self, violation: Tensor) -> Tensor:
        """Return ``mean(max(c + m, -m))`` of each constraint over a batch, along which its multiplier rises.

        A design far inside counts no more than one at twice the margin, so that the many do not outweigh the
        few that break a limit.
        """
        return (violation + self.margin).clamp_min(-self.margin).mean(0)


def _predicts_together(forward: Forward, constraints: Sequence[Constraint]) -> Forward | None:
    """Return the model that predicts targets and all that is limited, where it can."""
    names = [constraint.on for constraint in constraints]
    if not isinstance(forward, PropertyModel) or not names or not all(names):
        return None
    return forward.with_properties((*forward.properties, *names)).to(forward.device, forward.dtype)


def diversity(places: Tensor, group: int, *, width: float = 0.3) -> Tensor:
    """Return the mean log determinant of similarities within groups of designs for one target, at most 0.

    ``log det(K + 1e-3 I)`` with ``K_ij = exp(-|u_i - u_j|^2 / (2 width^2))``: 0 when all designs of a group
    are far apart, very negative when two coincide (a determinantal point process; Chen and Ahmed, PaDGAN,
    J. Mech. Des. 143, 2021).

    Parameters
    ----------
    places
        Designs in comparable coordinates, such as their places between the bounds ``(groups * group, n)``.
    group
        Designs per target, one after the other.
    width
        Distance at which two designs begin to count as different.
    """
    u = places.reshape(-1, group, places.shape[1])
    squared = (u[:, :, None] - u[:, None]).square().sum(-1)
    kernel = (-squared / (2 * width**2)).exp() + 1e-3 * torch.eye(group, dtype=u.dtype, device=u.device)
    log_determinant: Tensor = torch.linalg.slogdet(kernel).logabsdet
    return log_determinant.mean()
