"""A prior of a user's own images in one call: read, choose a recipe, train, and load what was learnt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy.typing as npt
from torch import Tensor

from sciadv.arguments.values import as_seed
from sciadv.catalogue import load_recipe
from sciadv.data.datasets import LICENCES, load_images
from sciadv.data.image_data import ImageData, named_data, own_data
from sciadv.data.own_images import Reading
from sciadv.errors import InputError
from sciadv.files.folders import as_path
from sciadv.prior import Prior
from sciadv.recipes import train_recipe
from sciadv.recipes.image_recipe import GIVEN
from sciadv.recipes.images.default_recipe import RecipeRule, recipe_text
from sciadv.schema import Recipe, parse_recipe
from sciadv.trainings.protocol import TrainingMonitor

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class OwnOptions:
    """How images are read and how long a prior of them is trained.

    Parameters
    ----------
    reading
        How files and arrays are read.
    limits
        Lowest and highest value that there may be; None to learn them.
    drop
        Whether constant and repeated images are left out instead of refused.
    licence
        Of the data, for the card.
    minutes
        CPU minutes of one core that the training may take.
    steps
        Steps of the autoencoder, instead of those that fit into the time.
    most_reference
        Training images of a named data set that are held out for reference, at most a tenth of them.
    """

    reading: Reading = field(default_factory=Reading)
    limits: tuple[float, float] | None = None
    drop: bool = False
    licence: str = "not stated"
    minutes: float = 15.0
    steps: int | None = None
    most_reference: int = 1000


def own_recipe(
    source: str | Path | Array,
    options: OwnOptions = OwnOptions(),
    *,
    name: str | None = None,
    seed: int = 0,
) -> Recipe:
    """Read images and write the recipe that suits them.

    Parameters
    ----------
    source
        A folder, a file, the name of a data set, or an array.
    options
        How they are read, and how long is trained.
    name
        The prior's name; that of the source if left out.
    seed
        Seed of everything random.

    Raises
    ------
    InputError
        The images cannot be read, or no prior can be learnt from them.
    """
    data, lines = _data(source, options, seed)
    is_array = not isinstance(source, str | Path)
    own_name = name or ("images" if is_array else Path(str(source)).stem)
    title = f"{own_name}: {' x '.join(map(str, data.image_shape))}, convolutional variational autoencoder"
    rule = RecipeRule(minutes=options.minutes)
    text = recipe_text(data, lines, title=title, seed=seed, rule=rule, steps=options.steps)
    return Recipe(own_name, text, parse_recipe(text, file="the recipe"), Path(), data)


def _data(source: str | Path | Array, options: OwnOptions, seed: int) -> tuple[ImageData, dict[str, object]]:
    """Return the images, and the lines of ``[data]`` by which they are read again."""
    if isinstance(source, str) and source in LICENCES:
        n_reference = min(options.most_reference, len(load_images(source, "train").images) // 10)
        lines: dict[str, object] = {"name": source, "reference": n_reference}
        return named_data(source, n_reference=n_reference, seed=seed), lines
    data = own_data(
        source,
        options.reading,
        limits=options.limits,
        drop=options.drop,
        licence=options.licence,
        seed=seed,
    )
    place = str(as_path(source).resolve()) if isinstance(source, str | Path) else GIVEN
    return data, {"path": place} | _said(options)


def _said(options: OwnOptions) -> dict[str, object]:
    """Return what a recipe says of how images are read, beside their path."""
    reading = options.reading
    said = {
        "axes": reading.axes,
        "key": reading.key,
        "crop": None if reading.crop is None else list(reading.crop),
        "range": None if options.limits is None else list(options.limits),
        "drop": options.drop or None,
        "licence": None if options.licence == "not stated" else options.licence,
    }
    return {key: value for key, value in said.items() if value is not None}


def train(  # noqa: PLR0913  # one keyword a choice of the user
    data: str | Path | Array | Tensor | None = None,
    recipe: Recipe | str | Path | None = None,
    *,
    out: str | Path | None = None,
    options: OwnOptions | None = None,
    seed: int = 0,
    device: str = "cpu",
    every: int | None = None,
    resume: bool = False,
    monitor: TrainingMonitor | None = None,
) -> Prior:
    """Train a prior of images: a generator, its encoder, statistics, held-out reference images and a card.

    Parameters
    ----------
    data
        Images, signals or volumes: a folder of files, a file (``.npy``, ``.npz``, ``.h5``, ``.tif``,
        ``.nii``), the name of a data set, or an array such as ``(n, height, width)`` or
        ``(n, channels, height, width)``. uint8 stands for 0 to 1; other numbers keep their units.
    recipe
        How to train; if left out, a recipe that suits the data.
    out
        Folder for weights, card, samples and the checkpoint; none is kept if left out.
    options
        How the data are read, and how long is trained; only without a recipe.
    seed
        Seed of everything random; only without a recipe.
    device
        "auto", "cpu", "cuda", …
    every
        Steps between two checkpoints, held-out solves and sample grids; an eighth of all if left out.
    resume
        Whether to go on from the folder's checkpoint.
    monitor
        Called after each step.

    Raises
    ------
    InputError
        Neither data nor recipe are given, the images cannot be read, or no prior can be learnt from them.
    GameError
        A number became NaN or infinite.
    KeyboardInterrupt
        Ctrl-C came; the folder's checkpoint goes on from there.

    Examples
    --------
    >>> import numpy as np
    >>> signals = np.random.default_rng(0).normal(size=(60, 1)) * np.sin(np.arange(32) / 3)
    >>> prior = train(signals + np.arange(60)[:, None] / 600, options=OwnOptions(steps=4))
    >>> prior.out_shape
    (1, 32)
    """
    made = _recipe(data, recipe, options, as_seed(seed))
    if out is None:
        with TemporaryDirectory() as folder:
            return _trained(
                made, Path(folder) / made.name, resume=False, device=device, every=every, monitor=monitor
            )
    return _trained(made, Path(out), resume=resume, device=device, every=every, monitor=monitor)


def _recipe(
    data: str | Path | Array | Tensor | None,
    recipe: Recipe | str | Path | None,
    options: OwnOptions | None,
    seed: int,
) -> Recipe:
    source = data.detach().cpu().numpy() if isinstance(data, Tensor) else data
    if recipe is None:
        if source is None:
            raise InputError("give data to train on, or a recipe")
        return own_recipe(source, options or OwnOptions(), seed=seed)
    found = load_recipe(recipe) if isinstance(recipe, str | Path) else recipe
    if options is not None:
        raise InputError("options are for data without a recipe: a recipe says how its data are read")
    if source is None:
        return found
    return replace(found, images=_data(source, OwnOptions(), found.spec.seed)[0])


def _trained(  # as of `train`
    recipe: Recipe,
    out: Path,
    *,
    resume: bool,
    device: str,
    every: int | None,
    monitor: TrainingMonitor | None,
) -> Prior:
    report = train_recipe(
        recipe, out, resume=resume, device=device, every=every or eighth(recipe), monitor=monitor
    )
    report.check_finished()
    return Prior.load(out)


def eighth(recipe: Recipe, *, parts: int = 8) -> int:
    """Return the steps between two measurements: an eighth of the autoencoder's, where it says how many."""
    schedule = getattr(recipe.spec, "schedule", None)
    steps = getattr(schedule, "elbo_steps", 0) if schedule is not None else 0
    return max(1, steps // parts) if steps else 500
