"""A spatial prior from its recipe: trained on patches, loaded, and used at another size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sciadv.catalogue import load_recipe
from sciadv.errors import InputError
from sciadv.prior import Prior
from sciadv.recipes import spatial_recipe, train_recipe

RECIPE = """
kind = "spatial"
title = "a toy medium"

[data]
name = "berea"
patch = {patch}
patches = 40
tested = 8

[generator]
kind = "spatial-decoder"
maps = 2
channels = 2
halvings = 2

[encoder]
kind = "spatial-encoder"
maps = 2
channels = 2
halvings = 2

[discriminator]
kind = "patch-discriminator"
channels = 2
halvings = 2

[measure]
sides = {measured}
samples = 4
longest = 5

[schedule]
elbo_steps = 3
game_steps = 2
batch = 8
"""


def toy_medium(name: str, split: str) -> np.ndarray:
    """Return blobs in a volume, 0 and 255."""
    rng = np.random.default_rng(len(split))
    smooth = gaussian_filter(rng.standard_normal((26, 40, 40)), 2, mode="wrap")
    return (smooth > 0.02).astype(np.uint8) * np.uint8(255)


@pytest.mark.parametrize(
    ("patch", "measured", "wide"),
    [([20, 20], [24, 40], (1, 52, 23)), ([20, 20, 20], [20, 22, 26], (1, 20, 16, 18))],
)
def test_a_recipe_trains_a_prior_of_any_size(tmp_path, monkeypatch, patch, measured, wide) -> None:
    monkeypatch.setattr(spatial_recipe, "read_medium", toy_medium)
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.format(patch=patch, measured=measured))
    out = tmp_path / "toy"
    train_recipe(load_recipe(file), out)
    prior = Prior.load(out)
    assert prior.out_shape == (1, *patch)
    assert prior.stationary is not None
    assert float(prior.card["porosity_real"]) == pytest.approx(0.5, abs=0.2)
    assert "two_point_gap" in prior.card
    larger = prior.at_size(wide)
    assert larger.sample(2, seed=0).shape == (2, *wide)
    assert larger.stationary is not None
    assert (Path(out) / "samples.png").is_file()


def test_patches_larger_than_the_medium_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(spatial_recipe, "read_medium", toy_medium)
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.format(patch=[64, 64], measured=[20, 20]))
    with pytest.raises(InputError, match="give smaller ones"):
        train_recipe(load_recipe(file), tmp_path / "toy")
