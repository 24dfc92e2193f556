"""Bad data and networks that do not fit are named before the first step, with what to do."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.penalties import R1, strength_for
from sciadv.nets import ResidualDiscriminator, ResidualGenerator
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_source import Part
from sciadv.trainings.game.network_faults import output_range
from sciadv.trainings.game.sample_faults import samples_sha256


def images(n: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def decoder(*last: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), *last, nn.Unflatten(1, (1, 4, 4)))


def critic(*last: nn.Module, n: int = 1) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, n), *last)


def game(generator: nn.Module | None = None, discriminator: nn.Module | None = None, **settings) -> Game:
    generator = decoder(nn.Sigmoid()) if generator is None else generator
    discriminator = critic() if discriminator is None else discriminator
    return Game(generator, discriminator, **{"n_latent": 3, "batch": 16, **settings})


def with_nan() -> Tensor:
    found = images()
    found[17, 0, 2, 2] = float("nan")
    return found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_nan(), "the first in sample 17"),
        (255 * images(), "the generator makes values from 0 to 1; scale them to that range"),
        ((255 * images()).round(), "divide 8-bit grey values by 255, or give them as uint8"),
        (2 * images() - 1, r"give \(x \+ 1\) / 2, or end the generator in a tanh"),
        (images(2).repeat(32, 1, 1, 1), "64 samples, but only 2 are distinct"),
        (torch.full((64, 1, 4, 4), 0.5), "all 64 samples are the same one"),
        (torch.full((64, 1, 4, 4), 7, dtype=torch.uint8), "all 64 samples are the same one"),
    ],
    ids=["NaN", "0 to 255", "bytes as floats", "-1 to 1", "two repeated", "constant", "constant bytes"],
)
def test_samples_that_cannot_be_learnt_are_refused(data: Tensor, words: str) -> None:
    played = game()
    with pytest.raises(InputError, match=words):
        played.fit(data, steps=2)
    assert played.n_done == 0


def test_images_from_zero_to_one_are_refused_for_a_tanh() -> None:
    with pytest.raises(InputError, match=r"give 2 x - 1, or end the generator in a sigmoid"):
        game(decoder(nn.Tanh())).fit(images(), steps=1)
    assert game(decoder(nn.Tanh())).fit(2 * images() - 1, steps=1).n_steps == 1


@pytest.mark.parametrize(
    ("generator", "data"),
    [
        (decoder(nn.Sigmoid()), images()),
        (decoder(nn.Sigmoid()), (255 * images()).to(torch.uint8)),
        (decoder(), 30 * images() - 5),
        (decoder(nn.Sigmoid()), images() * 0.4),
    ],
    ids=["floats", "uint8", "no activation", "a part of the range"],
)
def test_samples_within_the_range_are_taken(generator: nn.Module, data: Tensor) -> None:
    played = game(generator)
    assert played.fit(data, steps=1).n_steps == 1
    assert played.play.notes == ()


class Shifted(nn.Module):
    """A tanh that was moved to [0, 1]: no activation's name says so."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.tanh() + 1) / 2


@pytest.mark.parametrize(
    ("last", "ends"),
    [(nn.Sigmoid(), (0, 1)), (nn.Tanh(), (-1, 1)), (Shifted(), (0, 1)), (nn.Identity(), None)],
)
def test_the_range_of_a_generator_is_seen_whatever_gives_it(last: nn.Module, ends) -> None:
    part = Part(images(16), torch.randn(16, 3, generator=torch.Generator().manual_seed(0)), 0, 0)
    assert output_range(decoder(last), part) == ends


@pytest.mark.parametrize(
    ("discriminator", "words"),
    [
        (critic(nn.Sigmoid()), "the discriminator ends in a sigmoid.*leave the sigmoid out"),
        (critic(nn.Sigmoid(), nn.Flatten(0)), "the discriminator ends in a sigmoid"),
        (critic(nn.Tanh()), "the discriminator ends in a tanh"),
        (critic(n=2), "gives 2 numbers for each sample"),
        (critic(nn.Unflatten(1, (2, 2, 2)), n=8), "gives 2 numbers for each sample"),
    ],
    ids=["sigmoid", "sigmoid, flattened", "tanh", "two outputs", "two maps"],
)
def test_a_discriminator_that_does_not_score_is_refused(discriminator: nn.Module, words: str) -> None:
    with pytest.raises(InputError, match=words):
        game(discriminator=discriminator).fit(images(), steps=1)


def test_a_sigmoid_is_taken_where_scores_are_compared_with_labels() -> None:
    played = game(discriminator=critic(nn.Sigmoid()), objective="least-squares")
    assert played.fit(images(), steps=1).n_steps == 1


def test_batch_normalisation_under_a_penalty_is_named_before_and_in_the_report(caplog) -> None:
    discriminator = critic(nn.BatchNorm1d(4), nn.Linear(4, 1), n=4)
    with caplog.at_level(logging.WARNING):
        report = game(discriminator=discriminator).fit(images(), steps=1)
    assert "batch normalisation under a gradient penalty" in caplog.text
    assert "batch normalisation under a gradient penalty" in report.diagnosis[0]
    plain = game(discriminator=critic(nn.BatchNorm1d(4), nn.Linear(4, 1), n=4), penalties=[])
    assert "batch normalisation" not in plain.fit(images(), steps=1).diagnosis[0]


def test_copies_among_the_samples_are_counted_in_the_report() -> None:
    data = torch.cat([images(60), images(60)[7:11]])
    report = game().fit(data, steps=1)
    assert "4 of 64 samples repeat an earlier one exactly (the first is sample 60)" in report.diagnosis[0]


def test_vectors_of_few_categories_are_taken() -> None:
    categories = torch.eye(3).repeat(20, 1)
    played = Game(nn.Linear(2, 3), nn.Linear(3, 1), n_latent=2, batch=16)
    assert played.fit(categories, steps=1).n_steps == 1
    assert "57 of 60 samples repeat" in played.play.notes[0]


def test_classes_without_samples_are_named() -> None:
    generator = ResidualGenerator(n_latent=3, image_shape=(1, 8, 8), channels=4, n_classes=3)
    discriminator = ResidualDiscriminator(image_shape=(1, 8, 8), channels=4, n_classes=3)
    played = Game(generator, discriminator, batch=8)
    data = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    played.step(data, labels=torch.ones(16, dtype=torch.int64))
    assert "all 16 samples are of class 1 of 3" in played.play.notes[0]


def test_a_checkpoint_goes_on_with_its_own_data_only(tmp_path) -> None:
    file = tmp_path / "run" / "game.safetensors"
    game().fit(images(), steps=2, checkpoint=file)
    assert game().fit(images(), steps=3, checkpoint=file, resume=True).n_steps == 3
    with pytest.raises(InputError, match=r"with data '64 samples \(1, 4, 4\), sha256 .*same data, or start"):
        game().fit(images(seed=1), steps=4, checkpoint=file, resume=True)
    moved_on = game()
    moved_on.load(file)  # the way out that the sentence names
    assert moved_on.fit(images(seed=1), steps=4).n_steps == 4


def test_the_hash_of_data_knows_values_type_shape_and_classes() -> None:
    data = images()
    classes = torch.arange(64) % 2
    hashes = {
        samples_sha256(data),
        samples_sha256(data.double()),
        samples_sha256(data.reshape(64, 16)),
        samples_sha256(data.flip(0)),
        samples_sha256(data, classes),
        samples_sha256(data, 1 - classes),
    }
    assert len(hashes) == 6
    assert samples_sha256(data) == samples_sha256(data.clone())


def test_the_strength_of_r1_follows_the_pixels() -> None:
    def slope(x: Tensor) -> Tensor:
        return x.flatten(1).sum(1)

    for side, gamma in ((8, 0.1), (28, 0.1), (56, 0.4)):
        x = torch.zeros(2, 1, side, side)
        assert strength_for(x) == pytest.approx(gamma)
        assert float(R1()(slope, x, x)) == pytest.approx(gamma / 2 * side * side)
    assert float(R1(0.1)(slope, x, x)) == pytest.approx(0.05 * 56 * 56)
