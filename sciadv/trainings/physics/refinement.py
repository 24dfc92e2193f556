"""Refinement of designs by a critic's physics, and the replay of what was refined to the generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.trainings.physics.critics import PhysicsDiscriminator
from sciadv.trainings.physics.few_residuals import Met, meet_residuals


@dataclass(frozen=True)
class Refinement:
    """How designs are brought to their targets and within their limits, by Gauss-Newton steps.

    Parameters
    ----------
    n_steps
        Steps at most.
    tolerance
        Part of a target, or of a limit, by which a design may be off.
    margin
        How far inside a limit designs are brought, in parts of it.
    near
        Limits that are nearer than this part of them are held.
    """

    n_steps: int = 25
    tolerance: float = 0.003
    margin: float = 0.002
    near: float = 0.02

    def __call__(
        self,
        critic: PhysicsDiscriminator,
        from_unit: Callable[[Tensor], Tensor],
        place: Tensor,
        target: Tensor,
    ) -> Met:
        """Refine designs at places between their bounds ``(batch, variables)``.

        Parameters
        ----------
        critic
            Physics and constraints.
        from_unit
            Places to designs.
        place
            Where the designs are.
        target
            What each is to have ``(batch, targets)``.
        """

        def residuals(at: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                here = at.detach().requires_grad_(True)
                properties, violation = critic.predict(from_unit(here))
                off = (properties / target[rows] - 1) / self.tolerance
                over = (violation + self.margin) / self.tolerance
                every = torch.cat([off, over], 1)
                slopes = [torch.autograd.grad(one.sum(), here, retain_graph=True)[0] for one in every.T]
            broken = over.detach()
            is_held = torch.cat([torch.ones_like(off), broken > -self.near / self.tolerance], 1)
            slope = torch.stack(slopes, 1) * is_held[:, :, None]
            return torch.cat([off.detach(), broken.clamp_min(0)], 1), slope

        return meet_residuals(
            residuals,
            place.detach(),
            n_steps=self.n_steps,
        )


@final
class Replay:
    """Latents and the places of the designs that theirs were refined to, the latest `most`.

    Parameters
    ----------
    most
        Pairs that are kept.
    n_latent, n_variables
        Of a pair.
    """

    def __init__(self, most: int, n_latent: int, n_variables: int) -> None:
        self.z = torch.zeros(most, n_latent)
        self.place = torch.zeros(most, n_variables)
        self.n_seen = 0

    def add(self, z: Tensor, place: Tensor) -> None:
        """Add pairs; the oldest leave."""
        at = (self.n_seen + torch.arange(len(z))) % len(self.z)
        self.z[at], self.place[at] = z.detach().to(self.z), place.detach().to(self.place)
        self.n_seen += len(z)

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw latents and places of `n` pairs."""
        rows = torch.randint(min(self.n_seen, len(self.z)), (n,), generator=generator)
        return self.z[rows], self.place[rows]
