"""A game with any of its updates trains every kind of prior that a recipe can describe."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from small_recipes import SMALL_RECIPES, TAUGHT_RECIPES, needs_data

from sciadv.catalogue import load_recipe
from sciadv.errors import InputError
from sciadv.games.updates import UPDATES as UPDATES_BY_NAME
from sciadv.recipes import make_job
from sciadv.schema import RECIPES
from sciadv.trainings import Training

UPDATES = {
    "extragradient": '"extragradient"',
    "optimistic": '"optimistic"',
    "lookahead": '{kind = "lookahead", k = 2}',
}


def training_of(text: str, folder: Path) -> Training:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.toml").write_text(text)
    recipe = load_recipe(folder)
    return make_job(recipe, folder / "out", torch.device("cpu")).training


def test_there_is_a_small_recipe_of_every_kind() -> None:
    assert {*SMALL_RECIPES, *TAUGHT_RECIPES} == set(RECIPES)


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
@pytest.mark.parametrize("kind", SMALL_RECIPES)
def test_every_kind_of_recipe_is_trained_by_any_update(kind: str, update: str, tmp_path: Path) -> None:
    needs_data(kind)
    usual = training_of(SMALL_RECIPES[kind], tmp_path / "usual")
    other = training_of(f"{SMALL_RECIPES[kind]}\nupdate = {update}\n", tmp_path / "other")
    for _ in range(4):
        losses = usual.step(), other.step()
    assert all(math.isfinite(value) for value in losses[1].values())
    assert not torch.equal(first_weight(usual), first_weight(other))


def first_weight(training: Training) -> torch.Tensor:
    """Return the first weight of the generator, or of the encoder of a correction."""
    tensors = training.state()[0]
    names = [name for name in tensors if name.startswith(("net.generator.", "net.correction.encoder."))]
    return tensors[names[0]]


OTHERS = sorted({*UPDATES_BY_NAME} - {*UPDATES, "alternating", "one-pass"})


@pytest.mark.parametrize("update", OTHERS)
@pytest.mark.parametrize("kind", ["prior", "design"])
def test_the_games_of_autoencoders_and_of_designs_take_the_other_updates_too(
    kind: str, update: str, tmp_path: Path
) -> None:
    training = training_of(f'{SMALL_RECIPES[kind]}\nupdate = "{update}"\n', tmp_path)
    for _ in range(4):
        losses = training.step()
    assert all(math.isfinite(value) for value in losses.values())


@pytest.mark.parametrize(
    ("kind", "words"),
    [("prior", "one-pass update needs a gradient reversal"), ("design", "one-pass update needs")],
)
def test_the_one_pass_update_is_refused_in_words(kind: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        training_of(f'{SMALL_RECIPES[kind]}\nupdate = "one-pass"\n', tmp_path)


def test_a_prior_takes_other_objectives_and_penalties(tmp_path: Path) -> None:
    rules = 'objective = "hinge"\npenalties = ["wgan-gp", "historical-averaging"]\n'
    training = training_of(SMALL_RECIPES["prior"] + rules, tmp_path)
    for _ in range(5):
        losses = training.step()
    assert math.isfinite(losses["discriminator"])


def test_a_prior_refuses_what_is_no_term_of_a_loss(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes an objective, penalties of losses and an update"):
        training_of(SMALL_RECIPES["prior"] + 'penalties = ["instance-noise"]\n', tmp_path)
