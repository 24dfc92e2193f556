"""The folder of a trained prior of images: its statistics, its card, its samples."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from itertools import chain
from pathlib import Path

from sciadv.data.held_out_images import save_held_out
from sciadv.data.image_data import ImageData
from sciadv.data.moments import Moments, factored
from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.metrics.classifier import Classifier
from sciadv.prior import Prior
from sciadv.recipes.images.completion import with_statistics
from sciadv.recipes.images.default_recipe import problem_text
from sciadv.recipes.images.recovered_samples import recovery_sentence
from sciadv.recipes.images.usefulness import try_prior, usefulness_sentence, usefulness_text
from sciadv.report.plotting import plot_samples
from sciadv.schema import ImageRecipe, Recipe

_CARD = """
# {name}: {title}

![samples](samples.png)

A generator `x = G(z)`, `z ~ N(0, I)`{encoder}, for reconstruction by latent search:
`sciadv.Prior.load("{name}")`. It knows only images like its training data and reproduces none of them
exactly: what it cannot represent (`representation_error_mean`, per pixel, on test images) no solver that
stays in its range can reconstruct. The distribution metrics are in the features of {features}
of the same data: they compare priors of one data set with each other, not with numbers in the literature.

{tried}
| what | value |
|---|---|
{table}

{again}
"""


def write_prior(
    recipe: Recipe,
    prior: Prior,
    data: ImageData,
    classifier: Classifier | None,
    out: Path,
    facts: dict[str, str],
) -> None:
    """Measure a prior on the test images, learn what it cannot represent, and write its folder.

    Parameters
    ----------
    recipe
        What it was trained by.
    prior
        The prior, on the CPU, with its moments.
    data
        The recipe's images.
    classifier
        Measures its samples; None for measures without classes.
    out
        The folder.
    facts
        Further lines of the card's header.
    """
    spec = recipe.spec
    assert isinstance(spec, ImageRecipe)
    began = time.process_time()
    if spec.half_precision:
        prior = rounded_to_half(prior)
    whole, measured = with_statistics(prior, data, classifier, seed=spec.seed)
    trials = try_prior(whole, data, seed=spec.seed) if len(data.reference) else ()
    useful = {"usefulness": usefulness_sentence(trials)} if trials else {}
    measured = measured | {"in_range_recovery": recovery_sentence(whole, seed=spec.seed)}
    spent = {"measuring_cpu_seconds": f"{time.process_time() - began:.0f}"}
    header = _card_header(recipe, spec, whole, data) | facts | spent | measured | useful
    text = _card_text(recipe, whole, header, usefulness_text(trials))
    whole.save(out, recipe_sha256=recipe.sha256, header=header, text=text)
    write_file(out / "recipe.toml", recipe.text)
    if len(data.reference):
        save_held_out(data.test, out)
        write_file(out / "problem.toml", problem_text(data))
    write_file(out / "samples.png", png(plot_samples(whole), dpi=100))


def rounded_to_half(prior: Prior) -> Prior:
    """Return a prior whose weights and moments take half the room or less in a file.

    The weights are rounded to the 11 binary digits of half precision, in which `Prior.save` then writes
    them; the covariance is that of its leading principal directions and the variance they leave (`factored`).
    It computes in the precision of before.
    """
    moments = prior.moments
    if moments is not None:
        factor, diagonal = factored(moments)
        moments = Moments(moments.mean, factor=factor.half().float(), diagonal=diagonal)
    nets = deepcopy(prior.nets())
    states = [net.state_dict().values() for net in nets.values()]
    for tensor in chain.from_iterable(states):
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())  # those of a state are detached
    return replace(prior, **nets, moments=moments)  # type: ignore[arg-type]  # keys are fields


def _card_header(recipe: Recipe, spec: ImageRecipe, prior: Prior, data: ImageData) -> dict[str, str]:
    """Return what the card states besides the metrics."""
    return {
        "title": recipe.spec.title,
        "kind": recipe.spec.kind,
        **data.facts,
        "licence": "Apache-2.0 (weights)",
        "n_latent": str(prior.n_latent),
        "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
        "seed": str(spec.seed),
    }


def _card_text(recipe: Recipe, prior: Prior, header: dict[str, str], tried: str) -> str:
    """Return the card's body: what the prior is for, where it fails, and how its numbers are measured."""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    name, encoder = recipe.name, "" if prior.encoder is None else ", with an encoder"
    encoder += "" if prior.sampler is None else " and a sampler of latents, which draws go through"
    features = "a small classifier" if "frechet" in header else "the principal components"
    again = f"`sciadv train {recipe.name}` trains it again; `sciadv bench priors` measures it again."
    if "split" in header:
        again = "`sciadv train recipe.toml -o FOLDER` trains it again."
    return _CARD.format(
        name=name,
        title=header["title"],
        encoder=encoder,
        features=features,
        tried=tried,
        table=table,
        again=again,
    )
