"""Images of one's own to a prior, a solve and a report: folders, arrays, colours, signals, volumes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import sciadv
from sciadv.catalogue import load_recipe
from sciadv.cli import app
from sciadv.data.image_data import own_data
from sciadv.errors import InputError
from sciadv.nets import RangedEncoder, RangedGenerator
from sciadv.nets.wrapping.latent_flow import FlowGenerator, LatentFlow
from sciadv.recipes.images import prior_folder
from sciadv.recipes.images.default_recipe import RecipeRule, choose_sizes
from sciadv.recipes.images.own import OwnOptions, own_recipe
from sciadv.solvers.beyond_range.output_activation import output_activation
from sciadv.testing import check_prior


@pytest.fixture(autouse=True)
def untried(monkeypatch):
    """Leave out how useful a prior is, which takes seconds; it has a test of its own."""
    monkeypatch.setattr(prior_folder, "try_prior", lambda *args, **kwargs: ())


def blobs(n: int, *sides: int, seed: int = 0) -> np.ndarray:
    """Return smooth bumps at random places and of random widths, in [0, 1]."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 1, side) for side in sides), indexing="ij")
    centre = rng.uniform(0.2, 0.8, (n, len(sides)))
    width = rng.uniform(0.1, 0.3, n)
    images = []
    for middle, size in zip(centre, width, strict=True):
        distance = sum((axis - m) ** 2 for axis, m in zip(axes, middle, strict=True))
        images.append(np.exp(-distance / (2 * size**2)))
    return np.array(images)


def grey(images: np.ndarray) -> np.ndarray:
    return (255 * images).round().astype(np.uint8)


def pictures(folder: Path) -> str:
    folder.mkdir()
    for i, image in enumerate(grey(blobs(60, 9, 8))):
        Image.fromarray(image).save(folder / f"{i}.png")
    return str(folder)


def colours(folder: Path) -> str:
    folder.mkdir()
    channels = [grey(blobs(60, 8, 8, seed=seed)) for seed in range(3)]
    for i, image in enumerate(np.stack(channels, -1)):
        Image.fromarray(image).save(folder / f"{i}.png")
    return str(folder)


def signals(file: Path) -> str:
    np.save(file.with_suffix(".npy"), 300 + 40 * blobs(60, 33))
    return str(file.with_suffix(".npy"))


def volumes(file: Path) -> str:
    np.save(file.with_suffix(".npy"), blobs(40, 8, 9, 8).astype(np.float32))
    return str(file.with_suffix(".npy"))


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize(
    ("make", "shape"),
    [(pictures, (1, 9, 8)), (colours, (3, 8, 8)), (signals, (1, 33)), (volumes, (1, 8, 9, 8))],
)
def test_two_commands_lead_from_images_to_a_report(make, shape, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path / "cache"))
    said = run("train", "--data", make(tmp_path / "data"), "--steps", "8", "--every", "10", "-o", "mine")
    assert "peak memory" in said
    assert "held" in said or "reference" in said
    run("solve", "./mine", "-o", "out", "--first", "2")
    assert (tmp_path / "out" / "report.html").is_file()
    prior = sciadv.Prior.load("./mine")
    assert prior.out_shape == shape
    assert prior.residual is not None
    assert "reference" in prior.card["split"]


@pytest.fixture(scope="module")
def small() -> sciadv.Prior:
    """A prior of signals around 320, from a training of a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prior_folder, "try_prior", lambda *args, **kwargs: ())
        return sciadv.train(300 + 40 * blobs(80, 33), options=OwnOptions(steps=6), every=100)


def test_a_prior_of_floats_gives_and_takes_the_units_of_the_data(small) -> None:
    check_prior(small)
    assert isinstance(small.generator, RangedGenerator)
    assert isinstance(small.encoder, RangedEncoder)
    draws = small.sample(20, seed=0)
    assert 290 < float(draws.min()) < float(draws.max()) < 350
    assert small.card["value_range"].startswith("300 to 34")
    assert small.moments is not None
    assert float(small.moments.mean.min()) > 300


def test_the_activation_of_a_ranged_generator_is_a_sigmoid_between_its_ends(small) -> None:
    output = output_activation(small)
    z = small.sample_latent(4, seed=0)
    x = small(z).flatten(1)
    logits = output.logits(small, z)
    assert output.name == "sigmoid"
    assert torch.allclose(output.apply(logits), x, atol=1e-3)
    assert torch.allclose(output.apply(output.invert(x)), x, atol=1e-2)
    step = 1e-2
    slope = (output.apply(logits.double() + step) - output.apply(logits.double() - step)) / (2 * step)
    assert torch.allclose(slope, output.slope(output.apply(logits.double())), rtol=1e-3)
    assert torch.equal(output.clamp(torch.full((1, 1, 33), 1e6)), torch.full((1, 1, 33), output.high))


def test_channels_of_other_units_have_an_activation_of_their_own() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 18), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (2, 9)))
    prior = sciadv.Prior(RangedGenerator(inner=net, low=[0.0, 100.0], high=[1.0, 400.0]), 2)
    output = output_activation(prior)
    x = prior.sample(5, seed=0)
    assert float(x[:, 1].min()) >= 100
    assert float(x[:, 0].max()) <= 1
    assert torch.allclose(output.apply(output.invert(x.flatten(1))), x.flatten(1), rtol=1e-3)
    assert torch.equal(output.clamp(x), x)


def test_a_prior_comes_back_from_its_folder(small, tmp_path: Path) -> None:
    small.save(tmp_path / "prior")
    again = sciadv.Prior.load(tmp_path / "prior")
    assert torch.equal(again.sample(3, seed=0), small.sample(3, seed=0))
    x = small.sample(2, seed=1)
    assert torch.equal(again.encode(x), small.encode(x))
    assert again.card["split"] == small.card["split"]


def test_the_reference_images_were_not_trained_on(small) -> None:
    data = own_data(300 + 40 * blobs(80, 33))
    kept = {tuple(row.tolist()) for row in data.train.flatten(1)}
    assert small.residual is not None
    assert not kept & {tuple(row.tolist()) for row in data.reference.flatten(1)}
    assert torch.allclose(small.residual.reference, data.reference, atol=0.2)  # kept in 256 levels


def test_data_that_no_longer_lie_there_leave_the_prior_usable(small, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = own_recipe(300 + 40 * blobs(80, 33), OwnOptions(steps=2))
    (tmp_path / "given.toml").write_text(recipe.text)
    with pytest.raises(InputError, match="given in Python"):
        sciadv.train(recipe=tmp_path / "given.toml", every=10)


def test_init_writes_two_files_that_run_as_they_are(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path / "cache"))
    pictures(tmp_path / "slices")
    said = run("init")
    assert "60 of 60 files" in said
    recipe = load_recipe("./mine")
    assert recipe.spec.data.path == str(tmp_path / "slices")
    run("init", code=2)  # nothing is written over
    text = (tmp_path / "mine" / "recipe.toml").read_text()
    shorter = text.replace(f"elbo_steps = {recipe.spec.schedule.elbo_steps}", "elbo_steps = 4")
    shorter = shorter.replace(f"estimate_steps = {recipe.spec.schedule.estimate_steps}", "estimate_steps = 0")
    (tmp_path / "mine" / "recipe.toml").write_text(shorter)
    run("train", "./mine", "-o", "mine/prior", "--device", "cpu")
    run("solve", "./mine", "-o", "mine/answer", "--first", "2")
    assert (tmp_path / "mine" / "answer" / "report.html").is_file()


def test_sizes_follow_the_data() -> None:
    few = own_data(grey(blobs(100, 16, 16)))
    many = own_data(grey(blobs(600, 16, 16)))
    of_few, of_many = choose_sizes(few), choose_sizes(many)
    assert of_few.batch <= len(few.train)
    assert of_few.n_latent <= of_many.n_latent <= 64
    assert choose_sizes(many, RecipeRule(minutes=0.5)).elbo_steps < of_many.elbo_steps + 1


@pytest.mark.parametrize("arguments", [[], ["mnist", "--data", "x"], ["--data", "nothing-here"]])
def test_what_cannot_be_trained_is_said_in_words(arguments, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == 2


def test_a_flow_of_the_latents_is_tried_by_solves_of_held_out_images():
    prior = sciadv.train(blobs(80, 33), options=OwnOptions(steps=3))
    said = prior.card["latent_flow"]
    tried = r"; error from \d+ data \S+ for \S+"
    assert re.search(f"nats likelier({tried})*$", said)
    is_searched = not said.startswith(("not kept", "for draws alone"))
    assert said.count("error from") == 2 or not is_searched
    assert isinstance(prior.generator.inner, FlowGenerator) == is_searched
    assert isinstance(prior.sampler, LatentFlow) == said.startswith("for draws alone")
