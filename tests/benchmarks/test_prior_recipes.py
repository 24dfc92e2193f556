"""Tests of the bench of prior recipes: budgets, parts on disk, ranks, tables."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.contract import Row, Settings
from benchmarks.parts import PENDING
from benchmarks.priors import prior_recipes
from benchmarks.priors.prior_recipes import Adversarial, Cell, Elbo, Plan, recipes
from benchmarks.priors.prior_recipes_table import ranked, summary_rows, table
from sciadv.nets import build_seeded
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.autoencoder.prior_training import PriorTraining
from sciadv.trainings.game.game import Game

SMALL = {"channels": 2}
ELBO = Elbo(
    {"kind": "conv-decoder", **SMALL},
    {"kind": "conv-encoder", **SMALL},
    PriorSchedule(elbo_steps=30, game_steps=10, batch=8),
    {"kind": "conv-discriminator", **SMALL},
)
GAME = Adversarial({"kind": "conv-decoder", **SMALL}, {"kind": "conv-discriminator", **SMALL}, "hinge")


def digits(n: int = 80) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=generator)


def a_row(recipe: str, seed: int = 0, data: str = "mnist", **numbers: float) -> Row:
    values = {
        "frechet": 20.0,
        "representation_error_mean": 0.004,
        "sensing_error_25": 0.02,
        "sensing_error_100": 0.01,
    }
    facts = {"recipe": recipe, "data": data, "seed": seed, "n_steps": 10, "cpu_seconds": 1.0, "trouble": ""}
    return {"row": f"{recipe}, {data}, {seed}", **facts, **values, **numbers}


@pytest.mark.parametrize(("recipe", "kind"), [(ELBO, PriorTraining), (GAME, Game)])
def test_a_training_spends_its_budget(
    recipe: Elbo | Adversarial, kind: type[PriorTraining | Game], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, step = [0.0], kind.step

    def one_step_in_ten_milliseconds(self: Any, *args: Any, **settings: Any) -> object:
        clock[0] += 0.01
        return step(self, *args, **settings)

    monkeypatch.setattr(kind, "step", one_step_in_ten_milliseconds)
    monkeypatch.setattr(prior_recipes, "time", SimpleNamespace(process_time=lambda: clock[0]))
    trained = recipe.train(digits(), 0.6, 0)
    assert trained.cpu_seconds == pytest.approx(0.6, abs=0.011)  # whole steps
    assert trained.n_steps == pytest.approx(60, abs=1)
    assert trained.prior.sample(2, seed=0).shape == (2, 1, 8, 8)


def test_phases_keep_their_ratio_of_steps() -> None:
    training = ELBO._training(digits(), 0, elbo_steps=3, game_steps=1)
    assert ["discriminator" in training.step() for _ in range(training.n_steps)] == [False] * 3 + [True]


def test_a_diverged_training_is_a_sentence_not_an_error() -> None:
    trained = replace(GAME, learning_rate=1e30).train(digits(), 0.05, 0)
    assert "NaN" in trained.trouble


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 64, 64)])
def test_every_recipe_has_networks_for_the_images(shape: tuple[int, int, int]) -> None:
    for recipe in recipes(shape).values():
        nets = (recipe.generator, recipe.discriminator)
        kinds = [net["kind"] for net in nets if net is not None]
        assert all(kinds)
        generator = build_seeded(recipe.generator | {"image_shape": list(shape), "n_latent": 20}, 0)
        assert generator(torch.zeros(2, 20)).shape == (2, *shape)


def test_the_table_has_the_eight_recipes_of_the_issue() -> None:
    assert set(recipes((1, 28, 28))) == {
        "csgm-vae",
        "conv-vae",
        "prior",
        "gan",
        "safe",
        "sn-hinge",
        "wgan-gp",
        "dcgan",
    }


def test_finished_parts_are_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Cell] = []

    def fake_measure(cell: Cell, recipe: object, plan: Plan) -> Row:
        asked.append(cell)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return a_row(cell.recipe, cell.seed, cell.data)

    monkeypatch.setattr(prior_recipes, "measure", fake_measure)
    monkeypatch.setattr(prior_recipes, "load_split", lambda data, split: digits())
    settings = Settings(quick=True, cache=tmp_path)
    first = prior_recipes.run(settings)
    assert len([row for row in first if "trouble" in row]) == 3
    text = table(first)
    assert text.count("| not measured yet | - |") == 5
    assert "Not all are measured yet" in text
    second = prior_recipes.run(settings)
    assert len([row for row in second if "trouble" in row]) == 8
    assert len(asked) == 4 + 5
    assert "not measured yet" not in table(second)


def test_a_summary_is_the_mean_and_spread_over_seeds() -> None:
    rows = [a_row("gan", seed, frechet=value) for seed, value in enumerate((10.0, 20.0, 30.0))]
    (summary,) = summary_rows(rows)
    assert summary["frechet"] == 20
    assert math.isclose(summary["frechet_sd"], 10)
    assert summary["seeds"] == "0 1 2"


def test_a_seed_that_is_not_measured_yet_is_named_beside_the_mean_of_the_others() -> None:
    row = a_row("gan", 1)
    waiting = {"row": "gan, 2", "recipe": "gan", "data": "mnist", "seed": 2, PENDING: True}
    (summary,) = summary_rows([row, waiting])
    assert (summary["seeds"], summary["pending"], summary["frechet"]) == ("1", "2", 20.0)
    assert "| gan | 1 (not yet: 2) |" in table([row, waiting, summary])


def test_ranks_weigh_what_a_prior_does_in_a_solve() -> None:
    pretty = a_row("pretty", frechet=1.0, sensing_error_25=0.3, sensing_error_100=0.3)
    useful = a_row("useful", frechet=50.0, representation_error_mean=0.001)
    assert ranked(summary_rows([pretty, useful])) == ["useful", "pretty"]


def test_the_table_says_seeds_and_what_was_not_measured() -> None:
    rows = [a_row("gan"), a_row("gan", 1), a_row("dcgan", data="head-ct")]
    rows[2].pop("frechet")
    text = table(rows + summary_rows(rows))
    assert "| gan | 0 1 |" in text
    assert "**head-ct**" in text
    assert "| dcgan | 0 | 10 | 1 | - |" in text


def test_the_table_says_what_diverged() -> None:
    rows = [a_row("wgan-gp")]
    rows[0]["trouble"] = "the loss became NaN at step 7"
    assert "- wgan-gp, mnist, 0: the loss became NaN at step 7" in table(rows + summary_rows(rows))
