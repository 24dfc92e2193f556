"""Recipes of kind ``design``: a generator of designs against a problem's physics, without data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import ValidationError

from sciadv.catalogue import build_parts, problem_spec, spec_file
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import as_path
from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.forward import PropertyModel
from sciadv.nets import DesignDecoder, build_seeded
from sciadv.prior import Prior
from sciadv.recipes.job import Job
from sciadv.schema import DesignRecipe, ProblemSpec, Recipe, trains
from sciadv.trainings.physics.critics import PhysicsDiscriminator
from sciadv.trainings.physics.design_training import DesignTraining
from sciadv.types import as_device

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def design_training(
    spec: DesignRecipe, *, device: str | torch.device = "cpu", folder: Path | str | None = None
) -> DesignTraining:
    """Build the training that a recipe describes.

    Parameters
    ----------
    spec
        The recipe.
    device
        Where to train.
    folder
        Folder of the recipe, from which the path of a problem of one's own counts.

    Raises
    ------
    InputError
        Bounds or targets do not fit the problem's forward.
    """
    target = as_device(device)
    name = spec.problem
    base = Path() if folder is None else as_path(folder, "folder")
    file = spec_file("problems", base / name if name[:1] in {".", "~"} else name)
    forward, _, constraints = build_parts(_changed(problem_spec(file), spec), None, folder=file.parent)
    if not isinstance(forward, PropertyModel):
        raise InputError(f"{forward} of the problem {name!r} predicts no properties by name")
    generator = build_seeded(spec.net(forward.variables), spec.seed)
    assert isinstance(generator, DesignDecoder)  # what a DesignDecoderTable's kind builds
    if forward.in_shape != (len(generator.lower),):
        raise InputError(
            f"the generator has {len(generator.lower)} variables, but designs of {name!r} have the shape "
            f"{forward.in_shape}"
        )
    if forward.out_shape != (generator.n_targets,):
        raise InputError(
            f"the generator has {generator.n_targets} targets, but the problem {name!r} predicts "
            f"{forward.out_shape[0]} properties"
        )
    schedule = spec.schedule
    critic = PhysicsDiscriminator(
        forward,
        tolerance=schedule.tolerance,
        constraints=constraints,
        margin=schedule.margin,
        penalty=schedule.penalty,
    )
    update = "simultaneous" if spec.game.update is None else spec.game.update
    return DesignTraining(
        generator.to(target), critic.to(target), schedule=schedule, seed=spec.seed, update=update
    )


def _changed(problem: ProblemSpec, recipe: DesignRecipe) -> ProblemSpec:
    """Return a problem's file with the settings of its forward that the recipe changes."""
    table = problem.forward
    known = [name for name in type(table).model_fields if name != "kind"]
    for name in recipe.forward:
        if name not in known:
            raise UnknownNameError(f"setting of the forward of {recipe.problem}", name, known)
    try:
        changed = type(table).model_validate({**table.model_dump(exclude_unset=True), **recipe.forward})
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InputError(
            f"forward.{where} of the recipe: {fault['msg']}; it is {fault['input']!r}"
        ) from error
    return problem.model_copy(update={"forward": changed})


@trains(DesignRecipe)
def design_job(recipe: Recipe, out: Path, device: torch.device) -> Job:  # noqa: ARG001  # nothing is written before the end
    """Make the training of a generator of designs."""
    spec = recipe.spec
    assert isinstance(spec, DesignRecipe)
    training = design_training(spec, device=device)

    def write(folder: Path) -> None:
        header = _card_header(spec, training)
        prior = training.prior(name=recipe.name).to("cpu")
        prior.save(folder, recipe_sha256=recipe.sha256, header=header, text=_card_text(recipe, header))
        write_file(folder / "recipe.toml", recipe.text)
        write_file(folder / "samples.png", png(_plot_designs(prior, spec), dpi=100))

    return Job(training, write)


def _card_header(spec: DesignRecipe, training: DesignTraining) -> dict[str, str]:
    """Return what the card states."""
    quality = {name: f"{value:.4g}" for name, value in training.measure().items()}
    return {
        "title": spec.title,
        "data": f"none: trained on the physics and constraints of {spec.problem}",
        "licence": "Apache-2.0 (weights)",
        "n_latent": str(training.generator.settings["n_latent"]),
        "targets": ", ".join(_properties(training)),
        "generator_parameters": str(sum(p.numel() for p in training.generator.parameters())),
        "seed": str(spec.seed),
        "training_cpu_seconds": f"{training.cpu_seconds:.0f}",
        **quality,
    }


def _properties(training: DesignTraining) -> tuple[str, ...]:
    """Return the names of the properties that the generator takes targets of."""
    model = training.critic.physics
    return model.properties if isinstance(model, PropertyModel) else ()


def _card_text(recipe: Recipe, header: dict[str, str]) -> str:
    """Return the card's body."""
    spec = recipe.spec
    assert isinstance(spec, DesignRecipe)
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    return f"""
# {recipe.name}: {header["title"]}

![samples](samples.png)

A generator `x = G(z, c)` of designs within bounds; c stands for the target, z chooses among the designs that
have it. It is the starting point of `sciadv design {spec.problem}`, which refines its designs; used alone it
is off by `median_relative_error`, and a few designs break a constraint. It knows the one material and load of
its problem. Trained without data, against the problem's differentiable physics; the numbers below are
measured on fresh targets and latents.

| what | value |
|---|---|
{table}

`sciadv train {recipe.name}` trains it again; `sciadv bench {spec.problem}` measures it beside other methods.
"""


def _plot_designs(prior: Prior, spec: DesignRecipe) -> Figure:
    """Draw designs of some targets by their first two variables, with the bounds."""
    from matplotlib.figure import Figure

    generator = prior.generator
    assert isinstance(generator, DesignDecoder)
    low, high = spec.generator.settings()["targets"][0]
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for share in (0.05, 0.35, 0.65, 0.95):
        z = prior.sample_latent(60, seed=spec.seed)
        goal = low * (high / low) ** share
        z[:, -generator.n_targets] = generator.condition(torch.tensor([[goal]]))[0, 0]
        x = prior(z).detach()
        axes.scatter(x[:, 0], x[:, min(1, x.shape[1] - 1)], s=12, label=f"target {goal:.3g}")
    scales = ["log" if is_log else "linear" for is_log in generator.is_log.tolist()]
    axes.set(xscale=scales[0], yscale=scales[min(1, len(scales) - 1)])
    axes.set(xlabel="first design variable", ylabel="second design variable")
    figure.legend(loc="outside right upper", fontsize=8)
    return figure
