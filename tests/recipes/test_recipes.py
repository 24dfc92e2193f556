"""Recipes through one path: one curve from Python and the command line, resume, guards, estimates."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from sciadv import recipes as training_module
from sciadv.catalogue import load_recipe
from sciadv.cli import app
from sciadv.data.datasets import load_images
from sciadv.errors import InputError
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.recipes import dry_run, train_recipe
from sciadv.recipes.game_recipe import build_game
from sciadv.recipes.images import completion as images_module
from sciadv.recipes.prior_quality import PriorQuality
from sciadv.schema import RECIPES, RecipeSpec
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.trainings.training_report import GameReport, GameStatus

GAN = """
kind = "gan"
title = "Small digits"
[data]
name = "digits-8"
[generator]
kind = "dcgan-generator"
n_latent = 4
channels = 4
[discriminator]
kind = "residual-discriminator"
channels = 4
[game]
steps = 8
batch = 16
"""
ENCODER = """
[encoder]
kind = "conv-encoder"
channels = 4
[inversion]
steps = 6
"""
PRIOR = """
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
DESIGN = """
kind = "design"
title = "Nanotextures"
problem = "nanotexture-friction"
[generator]
kind = "design-decoder"
n_latent = 3
lower = [2e-9, 2e-7]
upper = [2e-7, 1e-5]
targets = [[0.047, 0.202]]
hidden = [8]
[schedule]
steps = 9
targets = 4
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """Leave out the card's measurement, which takes seconds, and stay in a folder of the test's own."""
    monkeypatch.setattr(
        images_module, "measure_prior", lambda *args, **kwargs: PriorQuality(torch.tensor([0.25, 0.75]))
    )
    monkeypatch.chdir(tmp_path)


def recipe(text: str, name: str = "small"):
    Path(name).mkdir(exist_ok=True)
    (Path(name) / "recipe.toml").write_text(text)
    return load_recipe(f"./{name}")


def run(*arguments: str, code: int = 0):
    result = CliRunner().invoke(app, ["train", *arguments, "--device", "cpu"])
    assert result.exit_code == code, result.output
    return result


def rows(folder: str) -> list[dict[str, str]]:
    with (Path(folder) / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_kind_of_recipe_is_found_with_its_table() -> None:
    games = {"circuits", "correction", "design", "gan", "prior", "safe", "spatial"}
    assert set(RECIPES) == games | {"asked-circuits", "beams", "cells"}
    assert all(issubclass(RECIPES[kind].spec, RecipeSpec) for kind in RECIPES)


def test_the_curve_from_python_is_that_of_the_command_line() -> None:
    recipe(GAN)
    run("./small", "-o", "out")
    data = torch.from_numpy(load_images("digits-8").images.copy())[:, None]
    shape = [1, 8, 8]
    game = Game(
        build_seeded({"kind": "dcgan-generator", "n_latent": 4, "channels": 4, "image_shape": shape}, 0),
        build_seeded({"kind": "residual-discriminator", "channels": 4, "image_shape": shape}, 1),
        penalties=[{"kind": "r1", "every": 4}, {"kind": "r2", "every": 4}],
        batch=16,
        options=GameOptions(final_rate=0.1),
    )
    losses = []
    game.fit(data, steps=8, monitor=lambda progress: losses.append(progress.losses))
    ours = [{name: float(value) for name, value in row.items() if name != "step"} for row in rows("out")]
    assert ours == losses
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(Prior.load(Path("out"))(z), game.prior()(z))


@pytest.mark.parametrize(
    ("text", "n_steps"), [(GAN, 8), (GAN.replace("gan", "safe", 1) + ENCODER, 14), (PRIOR, 10), (DESIGN, 9)]
)
def test_an_interrupted_recipe_resumes_bit_for_bit_and_writes_what_the_unbroken_one_writes(
    text: str, n_steps: int
) -> None:
    small = recipe(text)
    whole = train_recipe(small, Path("whole"), every=3)
    asked = iter([False] * 6 + [True])
    broken = train_recipe(small, Path("broken"), every=3, is_interrupted=lambda: next(asked))
    assert broken.status is GameStatus.INTERRUPTED
    assert not (Path("broken") / "weights.safetensors").exists()
    with pytest.raises(InputError, match="--resume"):
        train_recipe(small, Path("broken"))
    run("./small", "--resume", "-o", "broken", "--every", "3")
    assert whole.n_steps == n_steps == len(rows("whole"))
    assert rows("whole") == rows("broken")
    for name in ("weights.safetensors", *(["moments.safetensors"] if "[data]" in text else [])):
        one, other = (load_file(Path(folder) / name) for folder in ("whole", "broken"))
        assert one.keys() == other.keys()
        assert all(torch.equal(t, other[key]) for key, t in one.items())
    assert Prior.load(Path("broken")).card.get("kind", "design") == small.spec.kind


def test_a_game_with_an_encoder_learns_to_invert_its_generator() -> None:
    generator = 'kind = "mlp-decoder"\nn_latent = 4\nhidden = [32]'
    text = GAN.replace('kind = "dcgan-generator"\nn_latent = 4\nchannels = 4', generator)
    encoder = ENCODER.replace("steps = 6", "steps = 150\nlearning_rate = 0.01")
    small = recipe(text.replace("steps = 8", "steps = 1") + encoder)
    train_recipe(small, Path("out"))
    losses = [float(row["inversion"]) for row in rows("out") if row["inversion"]]
    assert len(losses) == 150
    assert losses[-1] < 0.1 < 0.9 < losses[0]  # 1 is that of an encoder that always says zero
    prior = Prior.load(Path("out"))
    z = prior.sample_latent(50, seed=1)
    with torch.no_grad():
        assert float((prior.encode(prior(z)) - z).square().mean()) < 0.1


def test_a_classifier_measures_distance_and_modes_while_training() -> None:
    small = recipe(GAN + "[classifier]\nchannels = 4\nepochs = 1\n")
    seen = []
    report = train_recipe(small, Path("out"), every=4, monitor=seen.append)
    assert [step for step, _ in report.quality] == [4, 8]
    assert set(seen[-1].quality) == {"frechet", "modes"}
    assert seen[-1].batch == 16
    facts = json.loads((Path("out") / "metrics.json").read_text())
    assert facts["quality"][1]["frechet"] == report.quality[1][1]["frechet"]
    assert (Path("out") / "samples-0000008.png").is_file()
    again = train_recipe(small, Path("out"), every=4, resume=True)  # which loads the classifier
    assert again.n_steps == 8


def test_a_game_stops_when_the_distance_improves_no_more_and_then_inverts() -> None:
    game = "steps = 40\npatience = 1\nlearning_rate = 1e-12\nema = 0.0"
    text = GAN.replace("dcgan-generator", "conv-decoder").replace("steps = 8", game) + ENCODER
    small = recipe(text + "[classifier]\nchannels = 4\nepochs = 1\n")
    report = train_recipe(small, Path("out"), every=2)
    steps = [row for row in rows("out") if not row["inversion"]]
    assert len(steps) < 40
    assert report.n_steps == len(steps) + 6


@pytest.mark.parametrize(
    "game",
    [
        'objective = "wasserstein"\npenalties = ["wgan-gp"]\nupdate = {kind = "alternating", n_first = 2}\n'
        'optimizer = {kind = "adam", betas = [0.0, 0.9]}',
        'objective = "hinge"\npenalties = []\nlearning_rate = [1e-4, 4e-4]',
        'objective = "non-saturating"\npenalties = ["label-smoothing"]\n'
        'optimizer = {kind = "adam", betas = [0.5, 0.999]}',
        'objective = "wasserstein"\npenalties = []\nclip = {c = 0.01}\noptimizer = "rmsprop"',
        'augment = "ada"\nnoise = {std = 0.1, n_steps = 5}\nreplay = {capacity = 32}\ntop_k = {}',
        'penalties = ["historical-averaging", "consistency"]\nupdate = "extragradient"\naccumulate = 2',
    ],
    ids=["wgan-gp", "sn-hinge", "dcgan", "wgan", "small-data", "others"],
)
def test_a_recipe_can_name_every_rule_of_a_game(game: str) -> None:
    report = train_recipe(recipe(GAN.replace("steps = 8", "steps = 2") + game), Path("out"))
    assert report.status is GameStatus.FINISHED


def test_a_diverged_training_ends_with_one_sentence_and_its_last_good_state() -> None:
    recipe(GAN.replace("steps = 8", "steps = 8\nlearning_rate = 1e30"))
    said = run("./small", "-o", "out", "--every", "1", code=2)
    assert "became NaN or Inf at step" in said.stderr
    assert "lower the learning rate" in said.stderr
    assert "The training is back at step" in said.stderr
    assert not (Path("out") / "weights.safetensors").exists()
    assert json.loads((Path("out") / "metrics.json").read_text())["status"] == "diverged"


def test_a_dry_run_says_time_and_memory_of_the_whole_and_writes_nothing() -> None:
    recipe(PRIOR.replace("elbo_steps = 5", "elbo_steps = 20000"))
    said = run("./small", "--dry-run").stdout
    assert "20005 steps of" in said
    assert "MiB" in said
    assert sorted(p.name for p in Path().iterdir()) == ["small"]


def test_the_estimate_adds_the_phases_up() -> None:
    small = recipe(
        PRIOR.replace("elbo_steps = 5", "elbo_steps = 1000").replace("game_steps = 5", "game_steps = 0")
    )
    found = dry_run(small)
    assert found.n_steps == 1000
    assert found.seconds == pytest.approx(1000 * found.seconds_per_step[0])
    assert found.memory > 2**20
    assert set(found.losses) == {"negative_elbo", "elbo_gradient"}


def test_the_command_says_how_the_training_went() -> None:
    recipe(GAN)
    said = run("./small", "-o", "out").stdout
    assert "all 8 steps done" in said
    assert "rotation share" in said
    assert said.rstrip().endswith("wrote out")


def test_ctrl_c_writes_the_state_and_says_how_to_go_on(monkeypatch) -> None:
    import signal

    recipe(GAN)

    def press(recipe, out, *, monitor, is_interrupted, **settings) -> GameReport:
        def at_four(progress) -> None:
            monitor(progress)
            if progress.step == 4:
                signal.raise_signal(signal.SIGINT)

        return train_recipe(recipe, out, monitor=at_four, is_interrupted=is_interrupted, **settings)

    monkeypatch.setattr(training_module, "train_recipe", press)
    said = run("./small", "-o", "out", code=130)
    assert "interrupted at step 4 of 8; go on from there by: sciadv train ./small --resume" in said.stderr
    monkeypatch.setattr(training_module, "train_recipe", train_recipe)
    run("./small", "-o", "out", "--resume")
    assert len(rows("out")) == 8


EXAMPLES = Path(__file__).parents[2] / "examples" / "games" / "recipes"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_the_recipes_of_the_examples_say_what_can_be_built(file: Path) -> None:
    spec = load_recipe(file).spec
    shape = (1, 8, 8) if spec.data.name == "digits-8" else (1, 28, 28)
    nets = [build_seeded(net, i) for i, net in enumerate(spec.nets(shape).values())]
    game = build_game(spec, nets[0], nets[1])
    images = torch.rand(spec.game.batch, *shape, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(len(images)) % 10 if "one-class" in file.stem else None
    numbers = game.step(images, labels=labels)
    assert all(math.isfinite(value) for value in numbers.values())


CONDITIONAL = GAN.replace('"dcgan-generator"', '"residual-generator"\nn_classes = 10\nlabel = 3').replace(
    '"residual-discriminator"', '"residual-discriminator"\nn_classes = 10'
)


def test_a_conditional_recipe_gives_the_prior_of_its_class() -> None:
    train_recipe(recipe(CONDITIONAL), Path("out"))
    prior = Prior.load(Path("out"))
    assert prior.generator.label == 3
    assert prior.sample(2, seed=0).shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\nlabel = 3", "", "give generator.label"),
        ("\nn_classes = 10\nlabel = 3", "", "give both the same, or neither"),
    ],
)
def test_a_conditional_recipe_that_does_not_fit_gets_a_sentence(old: str, new: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        recipe(CONDITIONAL.replace(old, new, 1))


@pytest.mark.slow
def test_two_processes_of_the_command_are_one_with_the_same_batches() -> None:
    recipe(PRIOR)
    train_recipe(load_recipe("./small"), Path("one"), every=100)
    command = [sys.executable, "-m", "sciadv", "train", "./small", "--devices", "2", "--device", "cpu"]
    ended = subprocess.run(
        [*command, "-o", "two"],
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("wrote two") == 1
    for one, two in zip(rows("one"), rows("two"), strict=True):
        assert {k: float(v or 0) for k, v in two.items()} == pytest.approx(
            {k: float(v or 0) for k, v in one.items()}, rel=1e-3, abs=1e-4
        )
