"""Which generator is the best prior of a solve, trained by what, at equal CPU time: one table.

Convolutional, residual and style-type generators, each by the evidence bound and by a game; the DCGAN as it
was published; a coupling flow by its likelihood and a diffusion model of few steps, whose latents are as long
as an image. One seed's images behind Gaussian measurements are solved in the range of each, of the
style-type one also in w and in w+. The trivial rival is the best linear estimate, which needs no generator.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from statistics import fmean
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam

from benchmarks.adversary.adversary import images_of, schedules, standard_error
from benchmarks.contract import Bench, Row, Settings, markdown_table, one_thread
from benchmarks.own.image_sets import posed
from benchmarks.parts import PENDING, Part, measure_parts
from benchmarks.priors.prior_recipes import (
    Adversarial,
    Elbo,
    Net,
    Trained,
    recipes,
    seconds_per_step,
    step_to_the_end,
)
from sciadv.games.diagnostics import rotation_share
from sciadv.metrics import mse
from sciadv.nets import RangedGenerator, build_seeded
from sciadv.nets.equal_length.coupling_flow import CouplingFlow
from sciadv.nets.equal_length.few_step_diffusion import FewStepDiffusion
from sciadv.prior import Prior
from sciadv.recipes.images.completion import image_moments
from sciadv.recipes.images.sample_quality import compare_images
from sciadv.recipes.prior_quality import representation_error
from sciadv.solvers import LMMSE, LevenbergMarquardt
from sciadv.solvers.many_latents.choice import choose_search
from sciadv.trainings.autoencoder.prior_training import PriorTraining

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Space = Literal["z", "w", "w+"]


@dataclass(frozen=True)
class Likelihood:
    """A generator with as many latents as pixels, by its likelihood or by denoising.

    Parameters
    ----------
    generator
        Kind and settings of the network, without its shape.
    noise
        Standard deviation of the noise on the images [of their range]: grey values are whole numbers, whose
        density has no bound.
    batch, learning_rate
        Of Adam.
    """

    generator: Net
    noise: float = 0.02
    batch: int = 64
    learning_rate: float = 1e-3

    def train(self, images: Tensor, budget: float, seed: int) -> Trained:
        """Train on ``(n, channels, height, width)`` uint8 images, taken to [-1, 1]."""
        timed = self._steps(images, seed)[1]
        n_steps = max(1, round(budget / seconds_per_step(partial(next, timed), budget)))
        net, steps = self._steps(images, seed)
        seconds, trouble = step_to_the_end(partial(next, steps), n_steps)
        n_channels = images.shape[1]
        generator = RangedGenerator(inner=net, low=[0.5] * n_channels, high=[1.0] * n_channels)
        return Trained(Prior(generator, prod(images.shape[1:]), name="prior"), n_steps, seconds, trouble)

    def _steps(self, images: Tensor, seed: int) -> tuple[nn.Module, Iterator[None]]:
        shape = list(images.shape[1:])
        net = build_seeded(self.generator | {"n_latent": prod(shape), "sample_shape": shape}, seed)
        return net, self._stepping(net, images, torch.Generator().manual_seed(seed))

    def _stepping(self, net: nn.Module, images: Tensor, draw: torch.Generator) -> Iterator[None]:
        optimizer = Adam(net.parameters(), self.learning_rate)
        while True:
            chosen = torch.randint(len(images), (self.batch,), generator=draw)
            x = images[chosen].float() / 127.5 - 1
            x = x + 2 * self.noise * torch.randn(x.shape, generator=draw)
            optimizer.zero_grad()
            if isinstance(net, FewStepDiffusion):
                loss = net.denoising_loss(x, generator=draw)
            else:
                assert isinstance(net, CouplingFlow)  # the other one of this length
                loss = -net.log_density(x).mean() / x[0].numel()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
            yield


Recipe = Elbo | Adversarial | Likelihood


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    sets
        Image sets.
    budget
        CPU seconds of each training.
    n_seeds
        Trainings of each.
    n_images
        Test images for the representation error, and of a solve.
    n_known
        Training images for the linear estimate, and that samples are compared with.
    objectives_on, n_objective_seeds
        Image set on which objectives are compared, and trainings of each.
    """

    sets: tuple[str, ...] = ("fashion-mnist", "pores", "head-ct")
    budget: float = 60.0
    n_seeds: int = 1
    n_images: int = 16
    n_known: int = 1200
    objectives_on: str = "fashion-mnist"
    n_objective_seeds: int = 2


FULL, QUICK = Plan(), Plan(("pores",), 0.3, 1, 2, 100, "pores", 1)
#: The measurements of a solve: a tenth as many as pixels, noise of a hundredth of the range.
CASE = "gaussian-10%-low"
#: Latents at most for the second-order search; longer ones are searched by what `choose_search` says.
MOST_LATENTS = 64
#: What others are compared with.
BASE = "convolutional, ELBO"
#: The game after the ELBO, and updates other than its own by which it is played too.
GAME = "ELBO, then game"
UPDATES = ("extragradient", "lookahead", "optimistic")


def generators(image_shape: Sequence[int]) -> dict[str, Recipe]:
    """Return what is compared, by name; settings are those of `prior_recipes.recipes`.

    Residual and style-type networks, whose last layers are many times as costly a map, have half the maps.
    A generator of one kind has the same networks in both trainings, but that the style-type one has noise
    and mixing in a game only. Long latents are left out from 64 x 64 on: their networks are matrices of
    pixels times width.
    """
    known = recipes(image_shape)
    elbo, game = known["conv-vae"], known["gan"]
    assert isinstance(elbo, Elbo)
    assert isinstance(game, Adversarial)
    size = {key: value for key, value in elbo.generator.items() if key != "kind"}
    size["channels"] //= 2
    residual: Net = {"kind": "residual-generator", **size}
    style: Net = {"kind": "style-generator", "n_style": 32, **size}
    short: dict[str, Recipe] = {
        BASE: elbo,
        "convolutional, game": game,
        "residual, ELBO": replace(elbo, generator=residual),
        "residual, game": replace(
            game, generator=residual, discriminator={"kind": "residual-discriminator", **size}
        ),
        "style, ELBO": replace(elbo, generator=style | {"has_noise": False}),
        "style, game": replace(game, generator=style | {"mixing": 0.5}),
        "DCGAN": known["dcgan"],
    }
    long = {
        "coupling flow": Likelihood({"kind": "coupling-generator", "hidden": 256}),
        "diffusion": Likelihood({"kind": "diffusion-generator", "hidden": 512, "sigma_data": 0.5}),
    }
    return short if max(image_shape) >= 64 else short | long


def objectives(image_shape: Sequence[int]) -> dict[str, Recipe]:
    """Return what is compared beside `BASE`, by name; the game is that of `sciadv bench adversary`.

    A third of the steps of `GAME` are a game after the ELBO; its rows with other updates differ in these
    alone. Adversarially learnt inversion (Dumoulin et al., ICLR 2017) tells images with the encoder's latents
    from samples with theirs: after the ELBO, which is kept, or from the start and without it.
    """
    base = recipes(image_shape)["prior"]
    assert isinstance(base, Elbo)
    assert base.discriminator is not None
    game = replace(base, schedule=schedules()["game"])
    pairs = replace(game, discriminator=base.discriminator | {"kind": "conv-pair-discriminator"})
    alone = replace(game.schedule, elbo_steps=0, elbo_weight=0.0)
    features = replace(game.schedule, critic_features=True)
    return {
        GAME: game,
        **{f"{GAME}, {update}": replace(game, update=update) for update in UPDATES},
        f"{GAME}, critic's features": replace(game, schedule=features),
        "ELBO, then learnt inversion": pairs,
        "learnt inversion alone": replace(pairs, schedule=alone),
    }


def rotation(training: PriorTraining, *, seed: int, n_probes: int = 4) -> float | None:
    """Return the rotation share of the game's Jacobian, at a step with penalties; None without a game."""
    if training.game is None:
        return None
    training.n_done -= training.n_done % training.schedule.penalty_every
    training.game.draw()
    return rotation_share(training.game, generator=torch.Generator().manual_seed(seed), n_probes=n_probes)


def measure(data: str, name: str, recipe: Recipe, seed: int, plan: Plan) -> Row:
    """Train one generator and measure its samples, what it represents, and what a solve gives."""
    images, test = images_of(data, "train"), images_of(data, "test").float() / 255
    with one_thread():
        trained = recipe.train(images, plan.budget, seed)
        turning = None if trained.training is None else rotation(trained.training, seed=seed)
        known = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))]
        known = known[: plan.n_known].float() / 255
        found = compare_images(trained.prior, known, test, seed=seed)
        numbers: Row = {
            "frechet": float(found["pca_frechet"]),
            "frechet_floor": float(found["pca_frechet_floor"]),
            "recall": float(found.get("pca_recall", "nan")),
        }
        for space in _spaces(name):
            prior = _in_space(trained.prior, space)
            errors = {"represented": _represented(prior, test, plan.n_images, seed)}
            errors |= _solved(prior, test, known, seed, plan)
            numbers |= {f"{key}, {space}": value.tolist() for key, value in errors.items()}
    return {
        "n_steps": trained.n_steps,
        "cpu_seconds": trained.cpu_seconds,
        "trouble": trained.trouble,
        "rotation": turning,
        **numbers,
    }


def _spaces(name: str) -> tuple[Space, ...]:
    return ("z", "w", "w+") if name.startswith("style") else ("z",)


def _in_space(prior: Prior, space: Space) -> Prior:
    return prior if space == "z" else Prior.from_module(prior.generator, space=space)


def _represented(prior: Prior, test: Tensor, n: int, seed: int) -> Tensor:
    """Return the error of the nearest image in the range; 0 where every image is in it."""
    if prior.n_latent == prod(prior.out_shape):
        return torch.zeros(n)
    return representation_error(prior, test[-n:], seed=seed)


def _solved(prior: Prior, test: Tensor, known: Tensor, seed: int, plan: Plan) -> dict[str, Tensor]:
    """Return the squared error of each image: in the range, and of no generator."""
    problem = posed(prior, test, CASE, seed, plan.n_images)
    assert problem.truth is not None
    is_short = prior.n_latent <= MOST_LATENTS
    short = LevenbergMarquardt(starts="codebook", restarts=2)
    search = short if is_short else choose_search(problem, seed=seed).solver
    errors = {"range": mse(search.solve(problem, seed=seed).x, problem.truth)}
    linear = posed(replace(prior, moments=image_moments(known, shrink=True)), test, CASE, seed, plan.n_images)
    errors["linear"] = mse(LMMSE().solve(linear).x, problem.truth)
    return errors


def run(settings: Settings) -> list[Row]:
    """Return a row for each training, those of earlier runs from the cache."""
    plan = QUICK if settings.quick else FULL
    seeds = range(settings.seed, settings.seed + plan.n_seeds)
    compared = {
        (seed, data, name): recipe
        for seed in seeds
        for data in plan.sets
        for name, recipe in generators(images_of(data, "test").shape[1:]).items()
    }
    shape = images_of(plan.objectives_on, "test").shape[1:]
    beside = {BASE: generators(shape)[BASE]} | objectives(shape)
    compared |= {
        (seed, plan.objectives_on, name): recipe
        for seed in range(settings.seed, settings.seed + plan.n_objective_seeds)
        for name, recipe in beside.items()
    }
    parts = [
        Part(
            f"{name}, {data}, seed {seed}",
            {"data": data, "generator": name, "seed": seed},
            (data, name, seed, repr(recipe), CASE, plan.budget, plan.n_images, plan.n_known),
            partial(measure, data, name, recipe, seed, plan),
        )
        for (seed, data, name), recipe in compared.items()
    ]
    return measure_parts(parts, settings)


def table(rows: list[Row]) -> str:
    """Write a table for each image set: a line for each generator and space of its search."""
    head = ["generator", "seeds", "steps", "feature-FID", "recall", "rotation"]
    head += ["representation error", "error of a solve"]
    parts = []
    for data in dict.fromkeys(row["data"] for row in rows):
        done = [row for row in rows if row["data"] == data and not row.get(PENDING)]
        base = [row for row in done if row["generator"] == BASE]
        lines = [
            _line(name, space, [row for row in done if row["generator"] == name], base)
            for name in dict.fromkeys(row["generator"] for row in done)
            for space in _spaces(name)
        ]
        linear = [number for row in base for number in row["linear, z"]]
        floor = f" (of real images {base[0]['frechet_floor']:.2f})" if base else ""
        words = f"**{data}**{floor}; the best linear estimate: {fmean(linear):.4f}" if linear else data
        parts.append(f"{words}\n\n{markdown_table(head, lines)}")
    return "\n\n".join(parts)


def _line(name: str, space: Space, rows: list[Row], base: list[Row]) -> list[str]:
    """Return the cells; in parentheses the paired difference from `BASE` in its standard errors."""
    is_z = space == "z"
    cells = [name if is_z else f"- in {space}", f"{len(rows)}" if is_z else ""]
    cells += [f"{fmean(row['n_steps'] for row in rows):.0f}" if is_z else ""]
    cells += [f"{fmean(row[key] for row in rows):.2f}" if is_z else "" for key in ("frechet", "recall")]
    turning = [row["rotation"] for row in rows if row["rotation"] is not None]
    cells += [f"{fmean(turning):.2f}" if turning and is_z else ""]
    known = {row["seed"]: row for row in base}
    for key in ("represented", "range"):
        name = f"{key}, {space}"
        pairs = [(row[name], known[row["seed"]][f"{key}, z"]) for row in rows if row["seed"] in known]
        in_errors = paired_errors([[a - b for a, b in zip(*both, strict=True)] for both in pairs])
        ours = fmean(number for row in rows for number in row[name])
        cells.append(f"{ours:.4f}" + (f" ({in_errors:+.1f})" if in_errors else ""))
    return cells


def paired_errors(differences: Sequence[Sequence[float]]) -> float:
    """Return the mean of paired differences, a list a training, in its standard errors; 0 where all are 0."""
    error = standard_error(differences)
    return fmean(itertools.chain(*differences)) / error if error else 0.0


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the errors of a solve in the range of each generator, a panel for each image set."""
    done = [row for row in rows if not row.get(PENDING)]
    sets = list(dict.fromkeys(row["data"] for row in done))
    for axes, data in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        of_data = [row for row in done if row["data"] == data]
        names = list(dict.fromkeys(row["generator"] for row in of_data))
        for key, shift, label in (("range, z", 0.2, "solve"), ("represented, z", -0.2, "representation")):
            places = [len(names) - names.index(row["generator"]) + shift for row in of_data]
            axes.barh(places, [fmean(row[key]) for row in of_data], 0.4, label=label)
        axes.axvline(fmean(of_data[0]["linear, z"]), color="0.3", linestyle=":", label="linear")
        axes.set_yticks(range(len(names), 0, -1), names)
        axes.set_xscale("log")
        axes.set_title(data)
        axes.set_xlabel("squared error a pixel")
    figure.axes[0].legend(frameon=False)


BENCH = Bench(
    title="Generators as priors of a solve at equal CPU time: kinds of networks and of trainings",
    problem=None,
    run=run,
    draw=draw,
    table=table,
)
