"""Recipes of kind ``correction``: a corrector with a card, trained by the loop of every recipe."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.catalogue import load_recipe
from sciadv.domains.batch_correction import AdversarialSettings, BatchCorrector, simulate_counts
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.cards import read_card
from sciadv.recipes import dry_run, train_recipe

TEXT = """
kind = "correction"
title = "Simulated cells of three batches"
seed = 3

[data]
kind = "simulated"
n_cells = 150
n_genes = 40

[settings]
n_components = 20
n_latent = 8
n_hidden = 32
least_steps = 30
epochs = 1
minibatch = 64
"""


@pytest.fixture
def recipe(tmp_path):
    def write(text=TEXT):
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "recipe.toml").write_text(text)
        return load_recipe(folder)

    return write


def test_it_trains_the_corrector_that_a_fit_gives_and_writes_its_card(recipe, tmp_path):
    out = tmp_path / "out"
    report = train_recipe(recipe(), out)
    assert report.message == "all 30 steps done"
    cells = simulate_counts(150, 40)
    settings = AdversarialSettings(20, 8, 32, least_steps=30, epochs=1, minibatch=64)
    expected = BatchCorrector(method="adversarial", settings=settings, seed=3)
    expected.fit(cells.counts, batch=cells.batch)
    found = BatchCorrector.load(out)
    np.testing.assert_array_equal(found.embed(cells.counts), expected.embed(cells.counts))
    card = read_card(out)
    assert card["data"] == "SIMULATED counts"
    assert card["recipe_sha256"] == recipe().sha256
    assert 0 < float(card["batch_found_by_a_probe"]) <= 1
    assert (out / "recipe.toml").read_text() == TEXT


def test_it_resumes_from_its_checkpoint_bit_for_bit(recipe, tmp_path):
    whole = tmp_path / "whole"
    train_recipe(recipe(), whole)
    stopped = tmp_path / "stopped"
    steps = []
    train_recipe(recipe(), stopped, every=10, monitor=steps.append, is_interrupted=lambda: len(steps) == 12)
    train_recipe(recipe(), stopped, resume=True)
    one, other = (BatchCorrector.load(folder).fitted().state()[0] for folder in (whole, stopped))
    for name, value in one.items():
        assert value.equal(other[name]), name


def test_cells_of_a_file_are_read(recipe, tmp_path):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    cells = simulate_counts(90, 30)
    names = [f"cell {i}" for i in range(90)]
    obs = pandas.DataFrame({"lab": cells.batch}, index=names, dtype="category")
    var = pandas.DataFrame(index=list(cells.genes))
    path = tmp_path / "cells.h5ad"
    anndata.AnnData(cells.counts, obs=obs, var=var).write_h5ad(path)
    source = f'kind = "h5ad"\npath = "{path}"\nbatch = "lab"'
    text = TEXT.replace('kind = "simulated"\nn_cells = 150\nn_genes = 40', source)
    assert dry_run(recipe(text)).n_steps == 30


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("n_latent = 8", "n_latents = 8", "'n_latents' is no setting of a correction"),
        ("n_latent = 8", "n_latent = 0", "n_latent must be a whole number, at least 1"),
        ('kind = "simulated"', 'kind = "measured"', "data"),
        ("n_cells = 150", "n_cell = 150", "n_cell"),
        ("n_cells = 150", "n_cells = 3", "a simulation needs 2 batches"),
        ("[settings]", "[setings]", "setings"),
    ],
)
def test_bad_recipes_are_refused_in_words(recipe, tmp_path, old, new, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        train_recipe(recipe(TEXT.replace(old, new)), tmp_path / "out")
