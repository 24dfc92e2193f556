"""The walks that the map shows: each verb on a small problem, from the command inwards."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import cast

from tools.modules import House
from tools.walks import Walk, walk

#: A small recipe on data that every machine has.
_RECIPE = """
title = "Small digits"
[data]
name = "digits-8"
[generator]
kind = "conv-decoder"
n_latent = 4
channels = 4
[encoder]
kind = "conv-encoder"
channels = 4
[discriminator]
kind = "dcgan-discriminator"
channels = 4
norm = "none"
[schedule]
elbo_steps = 5
game_steps = 5
batch = 16
"""


def journeys(house: House) -> list[Walk]:
    """Run every verb until the value that it is about is used, and return the walks."""
    from sciadv.likelihood import Gaussian, Tolerance
    from sciadv.trainings.autoencoder.prior_training import PriorTraining
    from sciadv.trainings.correction.correction_training import CorrectionTraining

    ends: dict[str, tuple[Callable[[], object], object]] = {
        "measurements through `solve`": (_solve, Gaussian.gradient),
        "a target through `design`": (_design, Tolerance.energy),
        "cells through `correct`": (_correct, CorrectionTraining.step),
        "a recipe through `train`": (_train, PriorTraining.step),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [walk(house, verb, run, cast(FunctionType, end)) for verb, (run, end) in ends.items()]


def _solve() -> object:
    from sciadv.cli.solve_command import Request, run_request

    with TemporaryDirectory() as folder:
        return run_request(Request("digits-superresolution", Path(folder) / "out", device="cpu", first=1))


def _design() -> object:
    import sciadv

    return sciadv.design("nanotexture-friction", target={"friction_coefficient": 0.0475}, n=20)


def _correct() -> object:
    import numpy as np

    import sciadv

    counts = np.random.default_rng(0).poisson(2.0, (120, 30)).astype(np.float32)
    batches = np.repeat(["a", "b"], 60)
    return sciadv.BatchCorrector(method="adversarial").correct(counts, batch=batches)


def _train() -> object:
    from sciadv.catalogue import load_recipe
    from sciadv.recipes import train_recipe

    with TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.toml"
        recipe.write_text(_RECIPE, encoding="utf-8")
        return train_recipe(load_recipe(recipe), Path(folder) / "out")
