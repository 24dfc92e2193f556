"""Recipes of kinds ``gan`` and ``safe``: a game, then, if asked, an encoder that inverts its generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from sciadv.games.replay import Feedback
from sciadv.nets import build_seeded
from sciadv.recipes.image_recipe import SampleEvaluator, in_units, load_data, recipe_classifier
from sciadv.recipes.images.completion import image_moments
from sciadv.recipes.images.prior_folder import write_prior
from sciadv.recipes.job import Job
from sciadv.schema import CircuitRecipe, GanRecipe, Recipe, trains
from sciadv.schema.game_tables import GameTable, option_classes
from sciadv.trainings.game.encoder_training import GameThenInversion
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_parts import make_part
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.trainings.game.game_training import GameTraining
from sciadv.trainings.protocol import Training
from sciadv.trainings.training_report import EarlyStopping


@trains(GanRecipe)
def game_job(recipe: Recipe, out: Path, device: torch.device) -> Job:
    """Make the training of a game's recipe."""
    spec = recipe.spec
    assert isinstance(spec, GanRecipe)
    data = load_data(recipe, spec)
    classifier = recipe_classifier(spec, data, out)
    evaluator = None if classifier is None else SampleEvaluator(classifier, data.train, seed=spec.seed)
    nets = {
        name: build_seeded(net, spec.seed + i).to(device)
        for i, (name, net) in enumerate(spec.nets(data.image_shape).items())
    }
    game = build_game(spec, nets["generator"], nets["discriminator"])
    images = data.unit(data.train).to(device)
    has_classes = getattr(spec.generator, "n_classes", None) is not None
    labels = data.labels.to(device) if has_classes and data.labels is not None else None
    stop = None
    if spec.game.patience is not None and evaluator is not None:
        stop = EarlyStopping(lambda prior: evaluator(prior)["frechet"], patience=spec.game.patience)
    game.play.show(images, labels)
    training = GameTraining(game.play, spec.game.steps, stop, evaluator)
    inversion = None
    if "encoder" in nets:
        table = spec.inversion
        inversion = GameThenInversion(
            training,
            nets["encoder"],
            n_more=table.steps,
            batch=table.batch,
            learning_rate=table.learning_rate,
        )
    whole: Training = training if inversion is None else inversion

    def write(folder: Path) -> None:
        prior = game.prior(
            name=recipe.name, moments=image_moments(data.train, shrink=len(data.reference) > 0)
        )
        seconds = {"training_cpu_seconds": f"{training.cpu_seconds:.0f}"}
        if inversion is not None:
            prior = inversion.with_encoder(prior)
        write_prior(
            recipe, in_units(prior.to("cpu"), data), data, classifier, folder, facts=prior.card | seconds
        )

    return Job(whole, write)


def build_game(
    spec: GanRecipe | CircuitRecipe,
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    *,
    feedback: Feedback | None = None,
) -> Game:
    """Make the game of a recipe from its networks."""
    table = spec.game
    rate = table.learning_rate
    return Game(
        generator,
        discriminator,
        objective=spec.objective,
        penalties=spec.penalties,
        update="alternating" if table.update is None else table.update,
        learning_rate=(rate[0], rate[1]) if isinstance(rate, list) else rate,
        ema=table.ema,
        augment=table.augment,
        batch=table.batch,
        seed=spec.seed,
        options=_options(table, feedback),
    )


def _options(table: GameTable, feedback: Feedback | None) -> GameOptions:
    given: dict[str, Any] = {
        name: kind(**getattr(table, name))
        for name, kind in option_classes().items()
        if getattr(table, name) is not None
    }
    if table.optimizer is not None:
        given["optimizer"] = make_part("optimizer", table.optimizer)
    return GameOptions(
        final_rate=table.final_rate,
        accumulate=table.accumulate,
        precision=table.precision,
        feedback=feedback,
        **given,
    )
