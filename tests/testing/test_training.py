"""Every kind of recipe, and every training that is no recipe's, passes the public suite of trainings."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from small_recipes import SMALL_RECIPES, TAUGHT_RECIPES, needs_data

from sciadv.catalogue import load_recipe
from sciadv.domains.batch_correction.correction_game import AdversarialSettings, CorrectionGame
from sciadv.domains.batch_correction.networks import CorrectionNets
from sciadv.games.updates import Extragradient, Lookahead, Update
from sciadv.nets import build_seeded
from sciadv.recipes import make_job
from sciadv.schema import RECIPES
from sciadv.testing import check_training
from sciadv.trainings import Training
from sciadv.trainings.correction.correction_training import CorrectionSchedule, CorrectionTraining
from sciadv.trainings.fits.classifier_training import ClassifierSchedule, ClassifierTraining


def maker(text: str, folder: Path):
    (folder / "recipe.toml").write_text(text)
    recipe = load_recipe(folder)

    def make() -> Training:
        return make_job(recipe, folder / "out", torch.device("cpu")).training

    return make


def test_every_registered_kind_of_recipe_is_checked() -> None:
    assert {*SMALL_RECIPES, *TAUGHT_RECIPES} == set(RECIPES)


@pytest.mark.parametrize("kind", [*SMALL_RECIPES, *TAUGHT_RECIPES])
def test_every_kind_of_recipe_keeps_the_promises_of_trainings(kind: str, tmp_path: Path) -> None:
    needs_data(kind)
    text = (SMALL_RECIPES | TAUGHT_RECIPES)[kind]
    check_training(maker(text, tmp_path), n_before=3)


@pytest.mark.parametrize("kind", ["prior", "design"])
def test_an_update_that_draws_twice_keeps_them_too(kind: str, tmp_path: Path) -> None:
    check_training(maker(SMALL_RECIPES[kind] + 'update = "extragradient"\n', tmp_path), n_before=4)


@pytest.mark.parametrize("schedule", [ClassifierSchedule(batch=8), ClassifierSchedule(batch=8, augment=True)])
def test_the_training_of_a_classifier_keeps_the_promises(schedule: ClassifierSchedule) -> None:
    numbers = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=numbers)
    labels = torch.arange(20) % 3

    def make() -> Training:
        settings = {"kind": "conv-classifier", "image_shape": [1, 8, 8], "n_classes": 3, "channels": 2}
        net = build_seeded(settings, 0)
        return ClassifierTraining(net, images, labels, schedule=schedule, seed=1)

    check_training(make)


@pytest.mark.parametrize("update", [None, Lookahead(k=2), Extragradient()])
def test_the_training_of_a_correction_keeps_the_promises(update: Update | None) -> None:
    numbers = torch.Generator().manual_seed(0)
    x, batch = torch.randn(60, 5, generator=numbers), torch.arange(60) % 2
    settings = AdversarialSettings(n_latent=3, n_hidden=8, minibatch=16)

    def make() -> Training:
        nets = CorrectionNets.seeded(5, 2, 0, n_latent=3, n_hidden=8, seed=0)
        game = CorrectionGame(nets, x, batch, torch.full((60,), -1), settings=settings, seed=0)
        schedule = CorrectionSchedule(8, learning_rate=2e-3, divergence_weight=0.05)
        return CorrectionTraining(game, schedule, settings={"seed": 0}, update=update)

    check_training(make, n_before=3)


class Forgetful:
    """A training that breaks one promise: what it is told to break."""

    n_steps = 6
    phases = (6,)
    batch = 1

    def __init__(self, broken: str) -> None:
        self.broken, self.n_done, self.weight, self.hidden = broken, 0, torch.ones(2), 0.0

    def step(self) -> dict[str, float]:
        draw = float(torch.rand(())) if self.broken == "global" else 0.0
        self.hidden += 1.0
        if self.broken == "in-place":
            self.weight += 1.0
        else:
            self.weight = self.weight + 1.0
        self.n_done += 1
        return {"loss": float(self.weight[0]) + draw + (self.hidden if self.broken == "hidden" else 0.0)}

    def samples(self, n: int) -> torch.Tensor:
        return torch.full((n, 1), math.nan) if self.broken == "samples" else torch.ones(n, 1)

    def measure(self) -> dict[str, float]:
        return {}

    def diagnose(self) -> tuple[str, ...]:
        return ()

    def stop_reason(self) -> str | None:
        return None

    def settings(self) -> dict[str, object]:
        return {"broken": self.broken}

    def state(self):
        weight = self.weight if self.broken == "in-place" else self.weight.clone()
        return {"net.w": weight}, {"n_done": self.n_done}

    def restore(self, tensors, facts) -> None:
        self.weight, self.n_done = tensors["net.w"].clone(), facts["n_done"]


def test_a_training_that_keeps_all_promises_passes() -> None:
    check_training(lambda: Forgetful("nothing"))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("global", "global generator"),
        ("hidden", "steps after a restore"),
        ("in-place", "changed a state that was copied"),
        ("samples", "samples are not finite"),
    ],
)
def test_a_broken_promise_is_named(broken: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_training(lambda: Forgetful(broken))
