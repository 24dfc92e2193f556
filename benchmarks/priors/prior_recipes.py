"""Recipes of priors at one budget of CPU seconds and one latent length: what each prior does in a solve.

Each prior is trained on one thread until the budget is spent, then judged by what it can represent, by its
samples, and by its error in compressed sensing. The step counts follow from the budget and from a few timed
steps, so learning rates reach the end of their schedules. Settings are those of the papers or of the shipped
recipes; none was tuned for this table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from benchmarks.contract import Bench, Row, Settings, one_thread
from benchmarks.parts import PENDING, Part, measure_parts
from benchmarks.priors.prior_recipes_table import draw, ranked, summary_rows, table
from benchmarks.priors.prior_sensing import sensing
from sciadv.catalogue import load_recipe
from sciadv.data.datasets import load_images
from sciadv.data.moments import moments_of
from sciadv.files.folders import entry_names, find_entry
from sciadv.games.penalties import R1, R2, Penalty, WassersteinGradientPenalty
from sciadv.games.updates import Alternating, Update
from sciadv.metrics import load_classifier
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.recipes.prior_quality import measure_prior
from sciadv.trainings.autoencoder.prior_rules import prior_rules
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.autoencoder.prior_training import PriorTraining
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions, OptimizerFactory
from sciadv.trainings.protocol import DivergedError

Net = dict[str, Any]
N_LATENT = 20
#: Steps that are timed, a multiple of every lazy period, as often as fits into this share of the budget.
_N_TIMED, _TIMED_SHARE = 8, 0.02
#: Settings of a `PriorSchedule` that are lengths of phases.
_PHASES = ("elbo_steps", "game_steps", "estimate_steps")
#: Priors whose classifier judges the samples of a data set.
_JUDGES = {"mnist": "mnist", "fashion-mnist": "fashion", "head-ct": "ct-head"}


@dataclass(frozen=True)
class Trained:
    """A trained prior, its steps, its CPU seconds, a sentence if it diverged; an autoencoder's training."""

    prior: Prior
    n_steps: int
    cpu_seconds: float
    trouble: str = ""
    training: PriorTraining | None = None


@dataclass(frozen=True)
class Elbo:
    """A variational autoencoder; with a discriminator its decoder then plays a game, the ELBO kept.

    Parameters
    ----------
    generator, encoder, discriminator
        Kinds and settings of the networks, without the image's shape and the latent's length.
    schedule
        The recipe's schedule; its phases are shortened or lengthened alike to meet the budget.
    update
        The game's update; None for that of the shipped recipes.
    """

    generator: Net
    encoder: Net
    schedule: PriorSchedule
    discriminator: Net | None = None
    update: str | None = None

    def train(self, images: Tensor, budget: float, seed: int) -> Trained:
        """Train on ``(n, channels, height, width)`` uint8 images."""
        lengths = {phase: n for phase in _PHASES if (n := getattr(self.schedule, phase))}
        phases, none = tuple(lengths), dict.fromkeys(_PHASES, 0)
        costs = {
            phase: seconds_per_step(self._training(images, seed, **none | {phase: 10**6}).step, budget)
            for phase in phases
        }
        scale = budget / sum(costs[phase] * lengths[phase] for phase in phases)
        training = self._training(
            images, seed, **none | {p: max(1, round(scale * lengths[p])) for p in phases}
        )
        seconds, trouble = step_to_the_end(training.step, training.n_steps)
        return Trained(training.prior(name="prior"), training.n_done, seconds, trouble, training)

    def _training(self, images: Tensor, seed: int, **steps: Any) -> PriorTraining:
        shape = list(images.shape[1:])
        latent = {"n_latent": N_LATENT, "image_shape": shape}
        return PriorTraining(
            build_seeded(self.generator | latent, 3 * seed),
            build_seeded(self.encoder | latent, 3 * seed + 1),
            None
            if self.discriminator is None
            else build_seeded(self.discriminator | {"image_shape": shape}, 3 * seed + 2),
            images,
            schedule=replace(self.schedule, **steps),
            seed=seed,
            rules=None if self.update is None else prior_rules(self.schedule, update=self.update),
            moments=moments_of(images.float() / 255) if steps.get("estimate_steps") else None,
        )


@dataclass(frozen=True)
class Adversarial:
    """A game without an encoder; the averaged generator is the prior.

    Parameters
    ----------
    generator, discriminator
        Kinds and settings of the networks, without the image's shape and the latent's length.
    objective, penalties, update
        The game's rules.
    learning_rate
        Of both players; it falls linearly to a tenth in the second half.
    betas
        Adam's momenta.
    """

    generator: Net
    discriminator: Net
    objective: str
    penalties: tuple[Penalty, ...] = ()
    update: Update = field(default_factory=Alternating)
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.0, 0.99)

    def train(self, images: Tensor, budget: float, seed: int) -> Trained:
        """Train on ``(n, channels, height, width)`` uint8 images."""
        timed = self._game(images, seed)
        n_steps = max(1, round(budget / seconds_per_step(lambda: timed.step(images), budget)))
        game = self._game(images, seed)
        seconds, trouble = step_to_the_end(lambda: game.step(images, n_steps=n_steps), n_steps)
        return Trained(game.prior(name="prior"), game.n_done, seconds, trouble)

    def _game(self, images: Tensor, seed: int) -> Game:
        shape = {"image_shape": list(images.shape[1:])}
        return Game(
            build_seeded(self.generator | shape | {"n_latent": N_LATENT}, 3 * seed),
            build_seeded(self.discriminator | shape, 3 * seed + 2),
            objective=self.objective,
            penalties=self.penalties,
            update=self.update,
            learning_rate=self.learning_rate,
            seed=seed,
            options=GameOptions(optimizer=_adam(self.betas), final_rate=0.1),
        )


def _adam(betas: tuple[float, float]) -> OptimizerFactory:
    def make(parameters: Sequence[Tensor], learning_rate: float) -> Optimizer:
        return Adam(parameters, lr=learning_rate, betas=betas)

    return make


def seconds_per_step(step: Callable[[], object], budget: float) -> float:
    """Time steps [CPU s], after a first one that pays for what is made once; infinite if that diverges."""
    if step_to_the_end(step, 1)[1]:
        return float("inf")
    seconds, n_timed = 0.0, 0
    while n_timed == 0 or seconds < _TIMED_SHARE * budget:
        seconds += step_to_the_end(step, _N_TIMED)[0]
        n_timed += _N_TIMED
    return seconds / n_timed


def step_to_the_end(step: Callable[[], object], n_steps: int) -> tuple[float, str]:
    """Do all steps, or those before a loss became NaN; return CPU seconds and what went wrong."""
    began, trouble = time.process_time(), ""
    try:
        for _ in range(n_steps):
            step()
    except DivergedError as error:
        trouble = str(error)
    return time.process_time() - began, trouble


Recipe = Elbo | Adversarial


def recipes(image_shape: Sequence[int]) -> dict[str, Recipe]:
    """Return the recipes by name, with networks for images of a shape: 16 maps and a halving more from 64 on.

    ``csgm-vae``: Bora et al., ICML 2017, as `mnist-vae` is shipped. ``prior``: as `mnist` is shipped;
    ``conv-vae``: its first phase. ``gan``: Huang et al. (R3GAN), NeurIPS 2024, its loss on plain networks.
    ``safe``: Mescheder et al., ICML 2018. ``sn-hinge``: Miyato et al., ICLR 2018. ``wgan-gp``: Gulrajani et
    al., NeurIPS 2017, algorithm 1. ``dcgan``: Radford et al., ICLR 2016. All but csgm-vae and dcgan have the
    same generator; gan, safe and wgan-gp the same discriminator as prior.
    """
    size = {"channels": 32} if max(image_shape[1:]) < 64 else {"channels": 16, "halvings": 3}
    decoder, encoder, discriminator = (
        {"kind": f"conv-{part}", **size} for part in ("decoder", "encoder", "discriminator")
    )
    shipped = _schedule("mnist")
    return {
        "csgm-vae": Elbo({"kind": "mlp-decoder"}, {"kind": "mlp-encoder"}, _schedule("mnist-vae")),
        "conv-vae": Elbo(decoder, encoder, replace(shipped, game_steps=0, estimate_steps=0)),
        "prior": Elbo(decoder, encoder, shipped, discriminator),
        "gan": Adversarial(decoder, discriminator, "relativistic", (R1(0.1, every=4), R2(0.1, every=4))),
        "safe": Adversarial(decoder, discriminator, "non-saturating", (R1(0.1, every=8),)),
        "sn-hinge": Adversarial(
            decoder,
            {"kind": "dcgan-discriminator", "norm": "none", "spectral_norm": True, **size},
            "hinge",
            learning_rate=2e-4,
            betas=(0.5, 0.999),
        ),
        "wgan-gp": Adversarial(
            decoder,
            discriminator,
            "wasserstein",
            (WassersteinGradientPenalty(10.0),),
            Alternating(n_first=5),
            learning_rate=1e-4,
            betas=(0.0, 0.9),
        ),
        "dcgan": Adversarial(
            {"kind": "dcgan-generator", **size},
            {"kind": "dcgan-discriminator", **size},
            "non-saturating",
            learning_rate=2e-4,
            betas=(0.5, 0.999),
        ),
    }


def _schedule(name: str) -> PriorSchedule:
    """Return the schedule of a shipped prior's recipe, as the class that `PriorTraining` takes."""
    schedule = getattr(load_recipe(name).spec, "schedule", None)
    assert isinstance(schedule, PriorSchedule)  # what these two recipes have
    return PriorSchedule(**asdict(schedule))


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    budget
        CPU seconds of each training on MNIST.
    n_seeds
        Trainings of each recipe on MNIST.
    other_data
        Data sets on which the best recipes are trained once.
    other_budget
        CPU seconds of each of these.
    n_best
        How many recipes these are, by their ranks on MNIST.
    n_represented, n_sensed
        Test images for the representation error and for compressed sensing.
    every
        Only each so-many-th image is used to judge samples.
    """

    budget: float = 300.0
    n_seeds: int = 3
    other_data: tuple[str, ...] = ("fashion-mnist", "head-ct")
    other_budget: float = 900.0
    n_best: int = 3
    n_represented: int = 50
    n_sensed: int = 34
    every: int = 1


FULL = Plan()
QUICK = Plan(0.3, 1, (), 0.3, 3, 2, 2, 40)


@dataclass(frozen=True)
class Cell:
    """One recipe trained on one data set from one seed."""

    data: str
    recipe: str
    seed: int
    budget: float

    @property
    def row(self) -> str:
        """Name of the row."""
        return f"{self.recipe}, {self.data}, {self.budget:g} s, seed {self.seed}"


def load_split(data: str, split: str) -> Tensor:
    """Return a split ``(n, 1, height, width)`` uint8."""
    return torch.from_numpy(load_images(data, split).images.copy())[:, None]


def measure(cell: Cell, recipe: Recipe, plan: Plan) -> Row:
    """Train one prior and judge it.

    Representation error and samples are judged on the whole test split as in `sciadv bench priors`,
    compressed sensing on images from its second half, other ones for each seed.
    """
    train, test = load_split(cell.data, "train"), load_split(cell.data, "test").float() / 255
    with one_thread():
        trained = recipe.train(train, cell.budget, cell.seed)
        judged = _JUDGES.get(cell.data)
        has_judge = judged in entry_names("priors")
        quality = measure_prior(
            trained.prior,
            load_classifier(find_entry("priors", judged)) if judged and has_judge else None,
            test[:: plan.every],
            train=train[: len(test) : plan.every].float() / 255,
            n_represented=plan.n_represented,
            seed=cell.seed,
        )
        first = len(test) // 2 + cell.seed * plan.n_sensed
        sensed = test[first : first + plan.n_sensed]
        errors = {
            key: v for m in (25, 100) for key, v in sensing(trained.prior, sensed, m, seed=cell.seed).items()
        }
    return {
        "n_steps": trained.n_steps,
        "cpu_seconds": trained.cpu_seconds,
        "trouble": trained.trouble,
        **quality.as_dict(),
        **errors,
    }


def run(settings: Settings) -> list[Row]:
    """Measure every cell, those of earlier runs from the cache; a summary row for each recipe and data set.

    Interrupted, it ends with the rows that are there; the same call goes on from them. Which recipes are the
    best, for the other data sets, is known when all are measured on MNIST.
    """
    plan = QUICK if settings.quick else FULL
    seeds = range(settings.seed, settings.seed + plan.n_seeds)
    cells = [Cell("mnist", name, seed, plan.budget) for seed in seeds for name in recipes((1, 28, 28))]
    rows = measure_parts([_part(cell, plan) for cell in cells], settings)
    if not any(row.get(PENDING) for row in rows):
        best = ranked(summary_rows(rows))[: plan.n_best]
        cells = [Cell(data, n, settings.seed, plan.other_budget) for data in plan.other_data for n in best]
        rows += measure_parts([_part(cell, plan) for cell in cells], settings)
    return rows + summary_rows(rows)


def _part(cell: Cell, plan: Plan) -> Part:
    recipe = recipes(load_split(cell.data, "test").shape[1:])[cell.recipe]
    depends = (cell.row, repr(recipe), plan.n_represented, plan.n_sensed, plan.every)
    return Part(cell.row, asdict(cell), depends, partial(measure, cell, recipe, plan))


BENCH = Bench(
    title="Recipes of priors at one budget: samples, representation error, compressed sensing",
    problem=None,
    run=run,
    draw=draw,
    table=table,
)
