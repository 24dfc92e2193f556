"""Recipes of kind ``prior``: a variational autoencoder, a game for its decoder, a flow of its latents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from sciadv.nets import build_seeded
from sciadv.recipes.image_recipe import SampleEvaluator, in_units, load_data, recipe_classifier
from sciadv.recipes.images.completion import image_moments
from sciadv.recipes.images.flowed_latents import with_latent_flow
from sciadv.recipes.images.held_out_solve import HELD_OUT_ERROR, HeldOutSolve
from sciadv.recipes.images.prior_folder import write_prior
from sciadv.recipes.job import Job
from sciadv.schema import PriorRecipe, Recipe, trains
from sciadv.trainings.autoencoder.prior_rules import DEFAULT_UPDATE, prior_rules
from sciadv.trainings.autoencoder.prior_training import PriorTraining
from sciadv.trainings.game.game_rules import Rules


@trains(PriorRecipe)
def prior_job(recipe: Recipe, out: Path, device: torch.device) -> Job:
    """Make the training of a prior's recipe."""
    spec = recipe.spec
    assert isinstance(spec, PriorRecipe)
    data = load_data(recipe, spec)
    classifier = recipe_classifier(spec, data, out)
    nets = {
        name: build_seeded(net, spec.seed + i).to(device)
        for i, (name, net) in enumerate(spec.nets(data.image_shape).items())
    }
    unit = data.unit(data.train)
    is_held_out = len(data.reference) > 0
    moments = image_moments(unit, shrink=is_held_out)
    evaluator = None if classifier is None else SampleEvaluator(classifier, data.train, seed=spec.seed)
    watch = HeldOutSolve(unit, data.unit(data.reference), seed=spec.seed) if is_held_out else None
    training = PriorTraining(
        nets["generator"],
        nets["encoder"],
        nets.get("discriminator"),
        unit.to(device),
        schedule=spec.schedule,
        seed=spec.seed,
        rules=_rules(spec),
        moments=moments,
        evaluator=watch or evaluator,
        score=None if watch is None else HELD_OUT_ERROR,
    )

    def write(folder: Path) -> None:
        prior = training.prior(name=recipe.name, moments=moments, is_best=True).to("cpu")
        prior, flowed = with_latent_flow(prior, unit, data.unit(data.reference), spec.latents, seed=spec.seed)
        own = moments if unit is data.train else image_moments(data.train, shrink=is_held_out)
        prior = replace(in_units(prior, data), moments=own)
        spent = f"{training.cpu_seconds:.0f}"
        facts = {"training": spec.schedule.in_words(), "training_cpu_seconds": spent, **flowed}
        write_prior(recipe, prior, data, classifier, folder, facts=facts | _best(training))

    return Job(training, write)


def _best(training: PriorTraining) -> dict[str, str]:
    """Return what the card says of the step that the networks are of."""
    if not training.best.scores:
        return {}
    step, error = training.best.best
    return {"best_step": f"{step} of {training.n_steps}", HELD_OUT_ERROR: f"{error:.4g}"}


def _rules(spec: PriorRecipe) -> Rules:
    """Return the rules of the recipe's game."""
    game = spec.game
    return prior_rules(
        spec.schedule,
        objective="relativistic" if game.objective is None else game.objective,
        penalties=game.penalties,
        update=DEFAULT_UPDATE if game.update is None else game.update,
    )
