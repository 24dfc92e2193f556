"""Training of a conditional generator by replay: draws and mutants compete, the best are learnt."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean
from typing import Any, final

import torch
from torch import Tensor

from sciadv.domains.gene_circuits.asked.asked_classes import (
    asked_classes,
    class_among,
    families,
    share_nearby,
)
from sciadv.domains.gene_circuits.asked.circuit_likelihood import negative_log_likelihood
from sciadv.domains.gene_circuits.asked.core_archive import CoreArchive, Scored
from sciadv.domains.gene_circuits.mutation import Mutation
from sciadv.games.updates import UpdateState
from sciadv.metrics.graph import are_connected
from sciadv.nets import build_seeded
from sciadv.nets.graph import CircuitGenerator, latent_of, signs_and_presence
from sciadv.prior import Prior
from sciadv.registry.checked import checked
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.training_state import Parts, collect, restore_state
from sciadv.types import Count, Positive, Share


@checked
@dataclass(frozen=True)
class AskedSchedule:
    """How a conditional generator is trained.

    Parameters
    ----------
    steps
        Steps; they test one family of classes each, in turn.
    fitted
        Further steps in which the archive stays as it is, and the generator learns it.
    first
        Draws of the source that the first step of each family tests.
    draws, mutants
        Draws of the generator, and mutants of the archive, that each later step tests.
    n_near, n_confirmed, spread
        Parameter sets around each circuit by which it is scored, further ones for those that the archive
        would keep by that score, and how far they lie in parts of the ranges.
    least_score
        Share of them that show the class, of circuits that enter the archive.
    n_scored
        Circuits of each class that a step scores, at most.
    niches, least_part
        Minimal cores that are learnt of each class and number of genes at most, and their score beside the
        best one's at least.
    fits, batch
        Steps of the likelihood's ascent after each test, and circuits in each.
    learning_rate
        Of Adam, in the beginning; falls to a hundredth as a cosine, and does so again in the further steps.
    """

    steps: Count = 120
    fitted: Count = 60
    first: Count = 2000
    draws: Count = 50
    mutants: Count = 250
    n_near: Count = 6
    n_confirmed: Count = 32
    spread: Share = 0.2
    least_score: Share = 0.3
    n_scored: Count = 24
    niches: Count = 16
    least_part: Share = 0.75
    fits: Count = 40
    batch: Count = 96
    learning_rate: Positive = 5e-3


@final
class AskedTraining:
    """Train a generator of circuits that takes a class; follows `sciadv.trainings.Training`.

    Each step tests draws of the generator and mutants of the archive's circuits and of their minimal cores,
    scores those that are of a class by the share of parameter sets around them that are so too, and keeps the
    best of each class, number of genes and minimal core. The best of many scores from few sets are too high,
    so those that would be kept are scored again at further sets, and kept by these. Then the likelihood of
    the archive rises.

    Parameters
    ----------
    source
        Prior of circuits, whose draws the archive begins with and whose weights the generator does.
    schedule
        See `AskedSchedule`.
    seed
        Seed of everything random.

    References
    ----------
    R. Rubinstein, The cross-entropy method for combinatorial and continuous optimization, Methodology and
    Computing in Applied Probability 1, 1999. J.-B. Mouret, J. Clune, Illuminating search spaces by mapping
    elites, 2015.
    """

    def __init__(
        self,
        source: Prior,
        *,
        schedule: AskedSchedule = AskedSchedule(),  # frozen
        seed: int = 0,
    ) -> None:
        self.source, self.schedule, self.seed = source, schedule, seed
        self.classes = asked_classes()
        self.families = families(self.classes)
        self.archive = CoreArchive(
            source.out_shape[-1],
            niches=schedule.niches,
            least_part=schedule.least_part,
        )
        self.generator = _with_classes(source, len(self.classes) * schedule.niches, seed)
        self.optimiser = torch.optim.Adam(self.generator.parameters(), lr=schedule.learning_rate)
        self.n_done, self.cpu_seconds = 0, 0.0

    @property
    def n_steps(self) -> int:
        """Steps at the end."""
        return sum(self.phases)

    @property
    def phases(self) -> tuple[int, ...]:
        """Search, and fit alone."""
        return (self.schedule.steps, self.schedule.fitted)

    @property
    def batch(self) -> int:
        """Circuits that a step tests."""
        return self.schedule.draws + self.schedule.mutants

    def step(self) -> dict[str, float]:
        """Test circuits of one family, and learn from the archive."""
        started = time.process_time()
        share = self._test(self.families[self.n_done % len(self.families)])
        loss = self._fit() if len(self.archive) else 0.0
        self.n_done += 1
        self.cpu_seconds += time.process_time() - started
        return {"share as asked": share, "loss": loss, "circuits kept": float(len(self.archive))}

    @property
    def _searches(self) -> bool:
        """Whether circuits still compete for the archive."""
        return self.n_done < self.schedule.steps

    @torch.no_grad()
    def _test(self, family: Sequence[int]) -> float:
        """Test draws, and mutants that compete with them; return the share of draws that are as asked."""
        schedule = self.schedule
        numbers = step_generator(self.seed, self.n_done, stream=Stream.LATENTS)
        if self.n_done < len(self.families):
            x = self.source.sample(schedule.first, seed=numbers)
            wanted = torch.full((len(x),), -1)
        else:
            n = schedule.draws
            place = torch.randint(len(family), (n,), generator=numbers)
            wanted = torch.tensor(family)[place]
            drawn = self._draws(wanted, numbers)
            x = torch.cat([drawn, self._mutants(family, numbers)]) if self._searches else drawn
        found = class_among(x, self.classes, family)
        if self._searches:
            self._keep(x, found, family)
        return float((found[: len(wanted)] == wanted).double().mean())

    def _draws(self, wanted: Tensor, numbers: torch.Generator) -> Tensor:
        """Draw a circuit of each class."""
        n, generator = len(wanted), self.generator
        niches = self.schedule.niches
        z = torch.randn(n, generator.n_latent, generator=numbers)
        codes = torch.randint(niches, (n,), generator=numbers)
        number = wanted * niches + codes
        z[:, -1] = latent_of(number, generator.n_classes)
        x: Tensor = generator(z)
        return x

    def _mutants(self, family: Sequence[int], numbers: torch.Generator) -> Tensor:
        """Return mutants of the archive's circuits, half of them of their cores where these can be."""
        n, wanted = self.schedule.mutants, torch.tensor(family)
        kept = self.archive.kept
        if not bool(torch.isin(kept.asked, wanted).any()):
            return kept.x[:0]
        drawn = self.archive.sample(4 * n, numbers=numbers)
        is_wanted = torch.isin(drawn.asked, wanted)
        drawn = drawn.take(is_wanted.nonzero()[:n, 0])
        signs, presence = signs_and_presence(drawn.core)
        is_large = presence.sum(1) >= self.generator.smallest
        can_be = are_connected(signs, presence) & is_large
        heads = torch.rand(len(can_be), generator=numbers) < 0.5
        is_core = (can_be & heads)[:, None, None, None]
        parents = torch.where(is_core, drawn.core, drawn.x)
        return Mutation()(parents, generator=numbers)

    def _keep(self, x: Tensor, found: Tensor, family: Sequence[int]) -> None:
        """Score some circuits of each class, and let the best compete."""
        schedule = self.schedule
        numbers = step_generator(self.seed, self.n_done, stream=Stream.REPLAY)
        rows = _some_of_each(found, schedule.n_scored, numbers)
        x, found = x[rows], found[rows]
        score = self._score(x, found, family, schedule.n_near, 0)
        is_good = score >= schedule.least_score
        for number in family:
            rows = ((found == number) & is_good).nonzero()[:, 0]
            if len(rows):
                some = x[rows]
                cores = self.classes[number].cores(some)
                new = torch.full_like(rows, -1)
                scored = Scored(some, cores, found[rows], score[rows], new)
                self._confirm(self.archive.newcomers(scored), family)

    def _confirm(self, scored: Scored, family: Sequence[int]) -> None:
        """Score circuits again at further sets, and let those that are still good compete."""
        if len(scored.x) == 0:
            return
        schedule = self.schedule
        again = self._score(scored.x, scored.asked, family, schedule.n_confirmed, 1)
        is_good = again >= schedule.least_score
        rows = is_good.nonzero()[:, 0]
        self.archive.push(replace(scored, score=again).take(rows))

    def _score(self, x: Tensor, asked: Tensor, family: Sequence[int], n: int, place: int) -> Tensor:
        """Return the shares of `n` parameter sets around circuits that are of their class."""
        return share_nearby(
            x,
            asked,
            self.classes,
            family,
            n_sets=n,
            spread=self.schedule.spread,
            seed=2 * (self.seed + self.n_done) + place,
        )

    def _fit(self) -> float:
        """Raise the likelihood of circuits of the archive; return the mean loss."""
        schedule = self.schedule
        numbers = step_generator(self.seed, self.n_done, stream=Stream.DATA)
        n = schedule.steps
        part = self.n_done / n if self._searches else (self.n_done - n) / schedule.fitted
        decay = 0.505 + 0.495 * math.cos(math.pi * part)
        for group in self.optimiser.param_groups:
            group["lr"] = schedule.learning_rate * decay
        return mean(self._ascend(numbers) for _ in range(schedule.fits))

    def _ascend(self, numbers: torch.Generator) -> float:
        """Make one step of the ascent; return the loss before it."""
        generator, schedule = self.generator, self.schedule
        drawn = self.archive.sample(schedule.batch, numbers=numbers)
        node = torch.randn(
            *drawn.x.shape[::3],
            generator.n_node,
            generator=numbers,
        )
        classes = drawn.asked * schedule.niches + drawn.code
        losses = negative_log_likelihood(
            generator,
            drawn.x,
            node,
            classes,
        )
        loss = losses.mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships none
        torch.nn.utils.clip_grad_norm_(generator.parameters(), 10.0)
        self.optimiser.step()
        return float(loss.detach())

    def prior(self, *, name: str) -> Prior:
        """Return the generator as a prior."""
        return Prior(copy.deepcopy(self.generator).eval(), self.generator.n_latent, name=name)

    def samples(self, n: int) -> Tensor:
        """Return circuits at latents that never change."""
        return self.prior(name="").sample(n, seed=step_generator(self.seed, 0, stream=Stream.GRID))

    def measure(self) -> dict[str, float]:
        """Return the mean score of the circuits that are learnt."""
        score = self.archive.kept.score
        return {"archive_score": float(score.mean())} if len(score) else {}

    def diagnose(self) -> tuple[str, ...]:
        """Say how many circuits of each class are kept."""
        counts = self.archive.kept.asked.bincount(minlength=len(self.classes)).tolist()
        words = (f"{one.name} {count}" for one, count in zip(self.classes, counts, strict=True))
        return ("circuits kept: " + ", ".join(words),)

    def stop_reason(self) -> str | None:
        """Never stop before the end."""
        return None

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"schedule": asdict(self.schedule), "seed": self.seed, "source": self.source.name}

    def _parts(self) -> Parts:
        return Parts({"generator": self.generator}, {"generator": self.optimiser}, {"archive": self.archive})

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = collect(self._parts(), UpdateState())
        return tensors, facts | {"n_done": self.n_done, "cpu_seconds": self.cpu_seconds}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        restore_state(tensors, facts, self._parts())
        self.n_done, self.cpu_seconds = int(facts["n_done"]), float(facts["cpu_seconds"])


def _with_classes(source: Prior, n_classes: int, seed: int) -> CircuitGenerator:
    """Return a prior's generator with classes."""
    inner: CircuitGenerator = source.generator  # type: ignore[assignment]  # of a prior of circuits
    changed = {"n_classes": n_classes, "n_latent": None}
    settings = {**inner.settings, "kind": inner.kind, **changed}
    generator: CircuitGenerator = build_seeded(settings, seed)  # type: ignore[assignment]  # of that kind
    generator.load_state_dict(inner.state_dict(), strict=False)
    return generator


def _some_of_each(found: Tensor, n: int, numbers: torch.Generator) -> Tensor:
    """Return the rows of at most `n` circuits of every class."""
    order = torch.randperm(len(found), generator=numbers)
    shuffled = found[order]
    numbers_there = sorted(set(found.tolist()) - {-1})
    parts = [order[shuffled == number][:n] for number in numbers_there]
    return torch.cat([order[:0], *parts])
