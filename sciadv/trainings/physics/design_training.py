"""Training of a conditional generator of designs against physics, without data.

The generator plays against a `PhysicsDiscriminator`: the second player's moves are the multipliers of the
constraints, raised where the generator breaks them. Targets are drawn from the generator's own latent law.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.nets.design import DesignDecoder
from sciadv.prior import Prior
from sciadv.trainings.checkpoint import load_training_tensors, training_tensors
from sciadv.trainings.data_order import step_generator
from sciadv.trainings.guard import GradientGuard, named_weights
from sciadv.trainings.physics.critics import PhysicsDiscriminator, diversity

#: Streams of the latents of sample grids, and of those that are measured.
_GRID, _MEASURE = 40, 41
_N_MEASURED = 2000


@dataclass(frozen=True)
class DesignSchedule:
    """How long, how fast, and what counts how much.

    Parameters
    ----------
    steps
        Steps.
    targets, group
        Targets a step, and designs for each.
    learning_rate
        Adam's step, falling to a hundredth along a cosine.
    tolerance
        Unit of the physics residual, as a part of the target.
    diversity_weight
        Of the log determinant, beside the score.
    margin, penalty, multiplier_rate
        Of the constraints' augmented Lagrangian, see `PhysicsDiscriminator`.
    ema
        Decay of the averaged generator.
    """

    steps: int = 3000
    targets: int = 64
    group: int = 6
    learning_rate: float = 3e-3
    tolerance: float = 0.02
    diversity_weight: float = 0.1
    margin: float = 0.02
    penalty: float = 1000.0
    multiplier_rate: float = 0.05
    ema: float = 0.995


@final
class DesignTraining:
    """A generator of designs against physics and constraints; follows `sciadv.trainings.Training`.

    Parameters
    ----------
    generator
        Trained in place.
    critic
        Physics and constraints; its multipliers are moved in place. No learned part.
    schedule
        How long and how fast.
    seed
        Seed of the latents.

    Raises
    ------
    InputError
        The critic has a learned part, which needs data and a `Game`.
    """

    def __init__(
        self,
        generator: DesignDecoder,
        critic: PhysicsDiscriminator,
        *,
        schedule: DesignSchedule,
        seed: int = 0,
    ) -> None:
        if critic.critic is not None:
            raise InputError(
                "a learned critic needs real designs: play sciadv.Game on pairs of "
                "designs and their properties instead"
            )
        self.generator, self.critic, self.schedule, self.seed = generator, critic, schedule, seed
        self.averaged = copy.deepcopy(generator).requires_grad_(False)
        self.optimizer = torch.optim.Adam(generator.parameters(), lr=schedule.learning_rate)
        self.n_done, self.cpu_seconds = 0, 0.0
        guard = GradientGuard(lambda: self.n_done)
        guard.watch("generator", self.optimizer, named_weights({"generator": generator}))

    @property
    def n_steps(self) -> int:
        """Steps at the end."""
        return self.schedule.steps

    @property
    def phases(self) -> tuple[int, ...]:
        """One phase."""
        return (self.schedule.steps,)

    @property
    def batch(self) -> int:
        """Designs a step."""
        return self.schedule.targets * self.schedule.group

    def _latents(self) -> Tensor:
        """Draw latents of groups that share their targets."""
        generator = self.generator
        numbers = step_generator(self.seed, self.n_done)
        n_latent, n_targets = int(generator.settings["n_latent"]), generator.n_targets  # type: ignore[call-overload]  # its values are of several types
        z = torch.randn(self.batch, n_latent, generator=numbers)
        shared = z[:: self.schedule.group, -n_targets:].repeat_interleave(self.schedule.group, 0)
        return torch.cat([z[:, :-n_targets], shared], 1).to(generator.lower)

    def step(self) -> dict[str, float]:
        """Do one step and return the mean of each term of the score."""
        started, schedule = time.process_time(), self.schedule
        z = self._latents()
        x = self.generator(z)
        score = self.critic.score(x, self.generator.target(z))
        spread = diversity(self.generator.to_unit(x), schedule.group)
        loss = -score.total.mean() - schedule.diversity_weight * spread
        done = self.n_done / schedule.steps
        for group in self.optimizer.param_groups:
            group["lr"] = schedule.learning_rate * (0.01 + 0.495 * (1 + math.cos(math.pi * done)))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.optimizer.step()
        self.critic.update_multipliers(score.violation, rate=schedule.multiplier_rate)
        with torch.no_grad():
            for mean, current in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                mean.lerp_(current, 1 - schedule.ema)
        self.n_done += 1
        self.cpu_seconds += time.process_time() - started
        terms = {name: float(term.detach().mean()) for name, term in score.terms.items()}
        return {"loss": float(loss.detach()), **terms, "diversity": float(spread.detach())}

    def prior(self, *, name: str) -> Prior:
        """Return the averaged generator as a prior."""
        generator = copy.deepcopy(self.averaged).eval()
        return Prior(generator, int(generator.settings["n_latent"]), name=name)  # type: ignore[call-overload]  # as above

    def samples(self, n: int) -> Tensor:
        """Return designs at latents that never change, as places between the bounds."""
        x = self.prior(name="").sample(n, seed=step_generator(self.seed, 0, stream=_GRID))
        return self.averaged.to_unit(x)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Return the median error, the part within 5 % of the target, and the feasible part."""
        prior = self.prior(name="")
        z = prior.sample_latent(_N_MEASURED, seed=step_generator(self.seed, 0, stream=_MEASURE))
        x = prior(z)
        score = self.critic.score(x, self.averaged.target(z))
        error = score.residual.abs().amax(1) * self.critic.tolerance
        return {
            "median_relative_error": float(error.median()),
            "within_5_percent": float((error <= 0.05).double().mean()),
            "feasible": float((score.violation <= 0).all(1).double().mean()),
        }

    def diagnose(self) -> tuple[str, ...]:
        """Say in words how the training went."""
        quality = self.measure()
        return (
            f"{quality['within_5_percent']:.1%} of the designs are within 5 % of their target, "
            f"{quality['feasible']:.1%} keep every constraint",
        )

    def stop_reason(self) -> str | None:
        """Never stop before the end."""
        return None

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"schedule": asdict(self.schedule), "seed": self.seed}

    def _nets(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator, "averaged": self.averaged}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors = training_tensors(self._nets(), {"generator": self.optimizer})
        tensors["multipliers"] = self.critic.multipliers
        facts = {"n_done": self.n_done, "cpu_seconds": self.cpu_seconds}
        return {name: t.detach().clone() for name, t in tensors.items()}, facts

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        load_training_tensors(tensors, self._nets(), {"generator": self.optimizer})
        self.critic.multipliers.copy_(tensors["multipliers"])
        self.n_done, self.cpu_seconds = int(facts["n_done"]), float(facts["cpu_seconds"])
