from sciadv.prior import Prior
from sciadv.recipes import train_recipe
from sciadv.schema import Recipe, parse_recipe

TEXT = """
kind = "cells"
title = "periodic cells of discs"
prior = "pores"
[data]
name = "discs"
patch = [64, 64]
patches = 20
tested = 20
"""


def test_cells_of_a_medium_are_written_with_their_card(tmp_path):
    spec = parse_recipe(TEXT, file="recipe.toml")
    recipe = Recipe(name="cells", spec=spec, text=TEXT, folder=tmp_path)
    train_recipe(recipe, tmp_path / "out")
    prior = Prior.load(tmp_path / "out")
    assert prior.out_shape == (1, 64, 64)
    assert set(prior.sample(2, seed=0).unique().tolist()) == {0.0, 1.0}
    assert "porosity_real" in prior.card
