"""A generator of beams, taught by designs that the optimality criteria make for drawn conditions."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from sciadv.games.updates import UpdateState
from sciadv.nets.spatial.beam_decoder import BeamDecoder
from sciadv.physics.continuum.elasticity import half_beam
from sciadv.physics.continuum.optimality_criteria import optimality_criteria
from sciadv.prior import Prior
from sciadv.registry.checked import checked
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.guard import GradientGuard, descend, falling, named_weights
from sciadv.trainings.training_state import Parts, collect, restore_state
from sciadv.types import Count, Positive


@checked
@dataclass(frozen=True)
class BeamSchedule:
    """How many designs are made, and how the generator learns from them.

    Parameters
    ----------
    designs
        Designs, one a step: the first phase.
    criteria_steps
        Steps of the optimality criteria for each at most.
    change
        Largest change of a density at which a design is done.
    steps, batch
        Of the second phase, and designs a step.
    learning_rate
        Adam's, falling to nothing along a cosine.
    """

    designs: Count = 300
    criteria_steps: Count = 60
    change: Positive = 0.025
    steps: Count = 2500
    batch: Count = 8
    learning_rate: Positive = 2e-3


@final
class BeamTraining:
    """Make designs, then learn them; follows `sciadv.trainings.Training`.

    Conditions are a Sobol sequence over the generator's ranges, loads on the elements' corners. The loss is
    the cross-entropy of the densities before the filter.

    Parameters
    ----------
    generator
        Trained in place; keeps the designs.
    schedule
        How many, how long.
    seed
        Of the conditions and of the order.
    """

    def __init__(self, generator: BeamDecoder, *, schedule: BeamSchedule, seed: int = 0) -> None:
        self.generator, self.schedule, self.seed = generator, schedule, seed
        self.n_done, self.cpu_seconds, self.design_seconds = 0, 0.0, 0.0
        self.optimizer = torch.optim.Adam(generator.parameters(), lr=schedule.learning_rate)
        guard = GradientGuard(lambda: self.n_done)
        guard.watch("generator", self.optimizer, named_weights({"generator": generator}))

    @property
    def n_steps(self) -> int:
        """Steps of both phases."""
        return sum(self.phases)

    @property
    def phases(self) -> tuple[int, ...]:
        """Designs, then steps of learning."""
        return (self.schedule.designs, self.schedule.steps)

    @property
    def batch(self) -> int:
        """Designs a step of learning."""
        return self.schedule.batch

    def step(self) -> dict[str, float]:
        """Make a design, or learn from some."""
        started = time.process_time()
        is_design = self.n_done < self.schedule.designs
        found = self._design() if is_design else self._learn()
        self.n_done += 1
        spent = time.process_time() - started
        self.cpu_seconds += spent
        self.design_seconds += spent * is_design
        return found

    def _design(self) -> dict[str, float]:
        net, schedule = self.generator, self.schedule
        engine = torch.quasirandom.SobolEngine(3, scramble=True, seed=self.seed)  # type: ignore[no-untyped-call]  # untyped in torch
        u = engine.draw(self.n_done + 1, dtype=torch.float64)[-1]
        n_corners = net.known.shape[2] + 1
        u[2] = (n_corners * u[2]).floor().clamp_max(n_corners - 1) / (n_corners - 1)
        condition = net.low + (net.high - net.low) * u
        volume, radius, load = condition.tolist()
        _, height, width = net.known.shape
        plate = half_beam(height, width, load)
        found = optimality_criteria(
            plate,
            volume,
            radius=radius,
            filtered="density",
            tolerance=schedule.change,
            n_steps=schedule.criteria_steps,
        )
        net.conditions[self.n_done] = condition.float()
        net.known[self.n_done] = (255 * found.variables[0]).round().to(torch.uint8)
        return {"compliance": float(found.compliance[0])}

    def _learn(self) -> dict[str, float]:
        schedule = self.schedule
        at = self.n_done - schedule.designs
        numbers = step_generator(self.seed, self.n_done, stream=Stream.INVERSION)
        rows = torch.randint(schedule.designs, (schedule.batch,), generator=numbers)
        wanted = self.generator.known[rows].float() / 255
        logits = self.generator.logits(self.generator.conditions[rows])
        loss = functional.binary_cross_entropy_with_logits(logits, wanted)
        rate = schedule.learning_rate * falling(at / schedule.steps)
        descend(self.optimizer, loss, rate=rate)
        return {"cross-entropy": loss.item()}

    def prior(self, *, name: str) -> Prior:
        """Return the generator as a prior."""
        return Prior(copy.deepcopy(self.generator).eval(), 3, name=name)

    def samples(self, n: int) -> Tensor:
        """Return beams at conditions that never change."""
        numbers = step_generator(self.seed, 0, stream=Stream.GRID)
        return self.prior(name="").sample(n, seed=numbers).detach()

    def measure(self) -> dict[str, float]:
        """Return nothing: ``sciadv bench design-beam`` measures it."""
        return {}

    def diagnose(self) -> tuple[str, ...]:
        """Say how many designs it was taught by."""
        return (f"learned {min(self.n_done, self.schedule.designs)} designs",)

    def stop_reason(self) -> str | None:
        """Never stop before the end."""
        return None

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"schedule": asdict(self.schedule), "seed": self.seed, "generator": self.generator.settings}

    def _parts(self) -> Parts:
        return Parts({"generator": self.generator}, {"generator": self.optimizer}, {})

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = collect(self._parts(), UpdateState())
        own = {"n_done": self.n_done, "cpu_seconds": self.cpu_seconds, "design_seconds": self.design_seconds}
        return tensors, facts | own

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        restore_state(tensors, facts, self._parts())
        self.n_done, self.cpu_seconds = int(facts["n_done"]), float(facts["cpu_seconds"])
        self.design_seconds = float(facts["design_seconds"])
