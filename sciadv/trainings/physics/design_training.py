"""Training of a conditional generator of designs against physics and, where there are some, real designs.

The generator plays the game of `design_game` against the multipliers of a `PhysicsDiscriminator` and its
learned critic. Targets are drawn from the generator's own latent distribution.
"""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.games.updates import Update
from sciadv.nets.bounded.design_decoder import DesignDecoder
from sciadv.prior import Prior
from sciadv.registry.checked import checked
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.ema import MovingAverage
from sciadv.trainings.game.game_parts import Named, part_name
from sciadv.trainings.game.game_rules import make_update
from sciadv.trainings.guard import falling, named_weights
from sciadv.trainings.physics.critics import PhysicsDiscriminator
from sciadv.trainings.physics.design_game import CriticAdam, DesignGame, MultiplierAscent
from sciadv.trainings.physics.refinement import Refinement, Replay
from sciadv.trainings.players import Players, Side
from sciadv.types import Count, Decay, NotNegative, Positive, Share, Whole


@checked
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
    critic_rate
        Adam's step of a learned critic.
    ema
        Decay of the averaged generator.
    largest_norm
        Longer gradients of the generator are shortened to it.
    diversity_width
        Distance, between the bounds, at which two designs begin to count as different.
    ends
        Share of the targets that are drawn from the outer tenth of their range.
    replay_every
        Steps after which some designs are refined, for the generator to come near; 0 for never.
    replay_designs, replay_most
        Designs that are refined at once, and refined ones that are kept.
    replay_steps
        Steps of a refinement at most.
    replay_weight
        Weight of their mean squared distance.
    n_measured
        Designs of a measurement.
    """

    steps: Count = 3000
    targets: Count = 64
    group: Count = 6
    learning_rate: Positive = 3e-3
    tolerance: Positive = 0.02
    diversity_weight: NotNegative = 0.1
    margin: NotNegative = 0.02
    penalty: Positive = 1000.0
    multiplier_rate: Positive = 0.05
    critic_rate: Positive = 3e-3
    ema: Decay = 0.995
    largest_norm: Positive = 1.0
    diversity_width: Positive = 0.3
    ends: Share = 0.0
    replay_every: Whole = 0
    replay_designs: Count = 64
    replay_most: Count = 2048
    replay_steps: Count = 8
    replay_weight: NotNegative = 1.0
    n_measured: Count = 2000


@final
class DesignTraining:
    """A generator of designs against physics and constraints; follows `sciadv.trainings.Training`.

    Parameters
    ----------
    generator
        Trained in place.
    critic
        Physics and constraints, and perhaps a learned critic; its multipliers and the critic's weights are
        moved in place.
    schedule
        How long and how fast.
    seed
        Seed of the latents.
    update
        How both players move: a name of `sciadv.games.updates.UPDATES`, a table, or an `Update`.

    real
        Real designs ``(n, variables)`` that a learned critic tells from those made; None without one.

    Raises
    ------
    InputError
        There is a learned critic without real designs or the other way round, or these are not finite rows
        of the generator's variables.
    """

    def __init__(
        self,
        generator: DesignDecoder,
        critic: PhysicsDiscriminator,
        *,
        schedule: DesignSchedule,
        seed: int = 0,
        update: Named | Update = "simultaneous",
        real: Tensor | None = None,
    ) -> None:
        _check_real(real, generator, critic)
        self.generator, self.critic, self.schedule, self.seed = generator, critic, schedule, seed
        self.average = MovingAverage(generator, decay=schedule.ema, warm_up=False)
        self.n_done = 0
        self.cpu_seconds = 0.0
        self._update = part_name(update)
        self.replay = _replay_of(generator, schedule)
        self.game = DesignGame(
            generator,
            critic,
            targets=schedule.targets,
            group=schedule.group,
            diversity_weight=schedule.diversity_weight,
            seed=seed,
            n_done=lambda: self.n_done,
            real=real,
            width=schedule.diversity_width,
            ends=schedule.ends,
            replay=self.replay,
            replay_weight=schedule.replay_weight,
        )
        self.players = Players(
            self.game,
            make_update(update),
            (
                Side(
                    "generator",
                    torch.optim.Adam(self.game.players[0], lr=schedule.learning_rate),
                    named_weights({"generator": generator}),
                    schedule.largest_norm,
                ),
                _other_side(critic, schedule),
            ),
            n_done=lambda: self.n_done,
            advice="lower the learning rate or the penalty",
        )

    @property
    def averaged(self) -> DesignDecoder:
        """The averaged generator."""
        averaged = self.average.module
        assert isinstance(averaged, DesignDecoder)
        return averaged

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

    def step(self) -> dict[str, float]:
        """Do one step and return the mean of each term of the score."""
        started, schedule = time.process_time(), self.schedule
        if self.replay is not None and self.n_done % schedule.replay_every == 0:
            self._refine(self.replay)
        rate = schedule.learning_rate * (0.01 + 0.99 * falling(self.n_done / schedule.steps))
        ascent = schedule.multiplier_rate * schedule.penalty
        self.players.step((rate, ascent if self.critic.critic is None else schedule.critic_rate))
        self.game.settle()
        self.average.update(self.generator)
        self.n_done += 1
        self.cpu_seconds += time.process_time() - started
        return self.game.terms

    def _refine(self, replay: Replay) -> None:
        """Refine some of the generator's designs and keep those that came to their targets."""
        self.game.draw()
        z = self.game.latents[: self.schedule.replay_designs]
        with torch.no_grad():
            place = self.generator.to_unit(self.generator(z))
        refine = Refinement(n_steps=self.schedule.replay_steps, margin=self.schedule.margin)
        met = refine(self.critic, self.generator.from_unit, place, self.generator.target(z))
        is_met = met.residual.abs().amax(1) <= 1
        replay.add(z[is_met], met.place[is_met])

    def prior(self, *, name: str) -> Prior:
        """Return the averaged generator as a prior."""
        generator = copy.deepcopy(self.averaged).eval()
        return Prior(generator, int(generator.settings["n_latent"]), name=name)  # type: ignore[call-overload]  # as above

    def samples(self, n: int) -> Tensor:
        """Return designs at latents that never change, as places between the bounds."""
        x = self.prior(name="").sample(n, seed=step_generator(self.seed, 0, stream=Stream.GRID))
        return self.averaged.to_unit(x)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Return the median error, the part within 5 % of the target, and the feasible part."""
        prior = self.prior(name="")
        z = prior.sample_latent(
            self.schedule.n_measured, seed=step_generator(self.seed, 0, stream=Stream.MEASUREMENT)
        )
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
        return {"schedule": asdict(self.schedule), "update": self._update, "seed": self.seed}

    def _nets(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator, "critic": self.critic}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = self.players.collect(self._nets(), {"averaged": self.average})
        own = {"n_done": self.n_done, "n_extra": self.game.n_extra, "cpu_seconds": self.cpu_seconds}
        if self.replay is not None:
            tensors |= {"replay.z": self.replay.z.clone(), "replay.place": self.replay.place.clone()}
            own["n_replay"] = self.replay.n_seen
        return tensors, facts | own

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        self.players.restore(tensors, facts, self._nets(), {"averaged": self.average})
        self.game.n_extra = int(facts["n_extra"])
        self.n_done, self.cpu_seconds = int(facts["n_done"]), float(facts["cpu_seconds"])
        if self.replay is not None:
            self.replay.z, self.replay.place = tensors["replay.z"].cpu(), tensors["replay.place"].cpu()
            self.replay.n_seen = int(facts["n_replay"])


def _replay_of(generator: DesignDecoder, schedule: DesignSchedule) -> Replay | None:
    if schedule.replay_every == 0:
        return None
    n_latent = int(generator.settings["n_latent"])  # type: ignore[call-overload]  # its values are of several types
    return Replay(schedule.replay_most, n_latent, len(generator.lower))


def _other_side(critic: PhysicsDiscriminator, schedule: DesignSchedule) -> Side:
    """Return what the generator plays against: the multipliers, and a learned critic's weights."""
    rate = schedule.multiplier_rate * schedule.penalty
    multipliers = {"multipliers": critic.multipliers}
    if critic.critic is None:
        return Side("multipliers", MultiplierAscent([critic.multipliers], lr=rate), multipliers)
    weights = named_weights({"critic": critic.critic})
    adam = CriticAdam(
        [critic.multipliers],
        list(weights.values()),
        lr=schedule.critic_rate,
        rate=rate,
    )
    return Side("critic", adam, multipliers | weights, schedule.largest_norm)


def _check_real(real: Tensor | None, generator: DesignDecoder, critic: PhysicsDiscriminator) -> None:
    """Check that real designs are there where they are needed, and can be read."""
    if (real is None) != (critic.critic is None):
        raise InputError(
            "a learned critic needs real designs, and they need one: give DesignTraining both `real` and a "
            "PhysicsDiscriminator with a critic, or neither"
        )
    if real is None:
        return
    n = len(generator.lower)
    is_rows = real.ndim == 2 and real.shape[1] == n and len(real) > 0
    if not is_rows or not bool(real.isfinite().all()):
        raise InputError(
            f"real designs must be finite numbers of shape (n, {n}), but they have shape {tuple(real.shape)}"
        )
