"""Recipes of kind ``prior``: a variational autoencoder, then an adversarial game for its decoder."""

from __future__ import annotations

from pathlib import Path

import torch

from sciadv.nets import build_seeded
from sciadv.recipes.image_recipe import (
    ImageData,
    SampleEvaluator,
    recipe_classifier,
    training_moments,
    write_prior,
)
from sciadv.recipes.job import Job
from sciadv.schema import PriorRecipe, Recipe, trains
from sciadv.trainings.autoencoder.prior_training import DEFAULT_UPDATE, PriorTraining, prior_rules
from sciadv.trainings.game.game_rules import Rules


@trains(PriorRecipe)
def prior_job(recipe: Recipe, out: Path, device: torch.device) -> Job:
    """Make the training of a prior's recipe."""
    spec = recipe.spec
    assert isinstance(spec, PriorRecipe)
    data = ImageData.load(spec)
    classifier = recipe_classifier(spec, data, out)
    nets = {
        name: build_seeded(net, spec.seed + i).to(device)
        for i, (name, net) in enumerate(spec.nets(data.train.shape[1:]).items())
    }
    moments = training_moments(data.train)
    training = PriorTraining(
        nets["generator"],
        nets["encoder"],
        nets.get("discriminator"),
        data.train.to(device),
        schedule=spec.schedule,
        seed=spec.seed,
        rules=_rules(spec),
        moments=moments,
        evaluator=None if classifier is None else SampleEvaluator(classifier, data.train, seed=spec.seed),
    )

    def write(folder: Path) -> None:
        prior = training.prior(name=recipe.name, moments=moments).to("cpu")
        facts = {"training_cpu_seconds": f"{training.cpu_seconds:.0f}"}
        write_prior(recipe, prior, data, classifier, folder, facts=facts)

    return Job(training, write)


def _rules(spec: PriorRecipe) -> Rules:
    """Return the rules of the recipe's game."""
    game = spec.game
    return prior_rules(
        spec.schedule,
        objective="relativistic" if game.objective is None else game.objective,
        penalties=game.penalties,
        update=DEFAULT_UPDATE if game.update is None else game.update,
    )
