"""What a user may name, what a wrong choice is told, and what a terminal shows."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.penalties import InstanceNoise, WeightClipping
from sciadv.games.replay import ReplayBuffer, TopK
from sciadv.games.updates import Alternating, OutputTrustRegion, bernoulli_divergence
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions


def mlp(n_in: int, n_out: int, seed: int) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(n_in, 8), nn.Tanh(), nn.Linear(8, n_out))
    generator = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        nn.init.normal_(p, std=0.5, generator=generator)
    return net


def game(**settings) -> Game:
    return Game(
        mlp(3, 2, 0),
        mlp(2, 1, 1),
        **{"n_latent": 3, "batch": 16, "learning_rate": 1e-2, "penalties": [], **settings},
    )


def points() -> Tensor:
    return torch.randn(64, 2, generator=torch.Generator().manual_seed(5))


def weights(played: Game) -> list[Tensor]:
    return [p.detach() for both in played.play.losses.players for p in both]


@pytest.mark.parametrize(
    ("named", "option"),
    [
        ({"kind": "instance-noise", "std": 0.5}, {"noise": InstanceNoise(0.5)}),
        ({"kind": "weight-clipping", "c": 0.1}, {"clip": WeightClipping(0.1)}),
        ({"kind": "replay", "capacity": 32}, {"replay": ReplayBuffer(32)}),
        ("top-k", {"top_k": TopK()}),
    ],
    ids=["instance-noise", "weight-clipping", "replay", "top-k"],
)
def test_a_regulariser_named_among_the_penalties_is_the_option_of_that_name(named, option) -> None:
    plain, by_name, by_option = game(), game(penalties=[named]), game(options=GameOptions(**option))
    for played in (plain, by_name, by_option):
        played.fit(points(), steps=4)
    pairs = zip(weights(by_name), weights(by_option), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    if named != "top-k":  # which begins with the whole batch
        assert any(not torch.equal(a, b) for a, b in zip(weights(plain), weights(by_name), strict=True))
    with pytest.raises(InputError, match="given twice"):
        game(penalties=[named], options=GameOptions(**option))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("spectral-norm", "a setting of discriminators in sciadv.nets"),
        ("ada", 'augment = "ada"'),
        ("elite", "feedback"),
        ("replay", r'give {"kind": "replay", "capacity": ...}'),
    ],
)
def test_a_regulariser_that_is_found_elsewhere_is_pointed_to(name: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        game(penalties=[name])
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("settings", "data", "words"),
    [
        ({"n_latent": 4}, points(), r"generator does not take latents \(16, 4\)"),
        ({}, torch.rand(64, 5), r"makes \(16, 2\) of latents \(16, 3\); the data are \(16, 5\)"),
        ({"discriminator": mlp(3, 1, 1)}, points(), r"discriminator does not take samples \(16, 2\)"),
    ],
    ids=["latents", "samples", "discriminator"],
)
def test_data_and_networks_that_do_not_fit_are_refused_before_a_step(settings, data, words) -> None:
    discriminator = settings.pop("discriminator", mlp(2, 1, 1))
    played = Game(mlp(3, 2, 0), discriminator, **{"n_latent": 3, "batch": 16, **settings})
    with pytest.raises(InputError, match=words):
        played.fit(data, steps=2)
    assert played.n_done == 0


def test_an_array_gets_a_sentence() -> None:
    with pytest.raises(InputError, match=r"these are a ndarray; for an array, torch.from_numpy"):
        game().fit(points().numpy(), steps=2)


def test_the_look_at_the_networks_leaves_no_trace() -> None:
    generator = nn.Sequential(mlp(3, 2, 0), nn.BatchNorm1d(2), nn.Dropout(0.5))
    discriminator = mlp(2, 1, 1).eval()
    state = torch.get_rng_state()
    kept = {name: t.clone() for name, t in generator.state_dict().items()}
    Game(generator, discriminator, n_latent=3, batch=16).play.show(points())
    assert all(torch.equal(t, kept[name]) for name, t in generator.state_dict().items())
    assert (generator.training, discriminator.training) == (True, False)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch": 0}, "batch must be a whole number, at least 1"),
        ({"learning_rate": -1.0}, "learning_rate must be a finite number >= 0"),
        ({"learning_rate": (1e-3, -1e-3)}, "learning_rate must be a finite number >= 0"),
        (
            {"options": GameOptions(optimizer=lambda p, rate: torch.optim.LBFGS(p, lr=rate))},
            "LBFGS evaluates the loss itself",
        ),
    ],
)
def test_settings_that_no_game_can_have_are_refused(settings, words: str) -> None:
    with pytest.raises(InputError, match=words):
        game(**settings)


def test_a_new_game_does_not_write_over_the_checkpoint_of_another(tmp_path: Path) -> None:
    checkpoint = str(tmp_path / "c.safetensors")
    first = game()
    first.fit(points(), steps=2, checkpoint=checkpoint)
    with pytest.raises(InputError, match="resume=True"):
        game().fit(points(), steps=4, checkpoint=checkpoint)
    assert first.fit(points(), steps=3, checkpoint=checkpoint).n_steps == 3  # its own
    assert game().fit(points(), steps=4, checkpoint=checkpoint, resume=True).n_steps == 4
    with pytest.raises(InputError, match="options"):
        game(options=GameOptions(final_rate=0.5)).load(checkpoint)
    with pytest.raises(InputError, match=r"WeightClipping\(c=0.1\)"):
        game(options=GameOptions(clip=WeightClipping(0.1))).load(checkpoint)


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_live_numbers_and_nothing_else_does(monkeypatch, capsys) -> None:
    game().fit(points(), steps=2)
    assert capsys.readouterr() == ("", "")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "300")
    game().fit(points(), steps=40)
    for words in ("40/40", "D(real)", "D(fake)", "|grad G|", "images/s"):
        assert words in shown.getvalue()
    shown.truncate(0)
    seen: list[int] = []
    game().fit(points(), steps=2, monitor=lambda progress: seen.append(progress.step))
    assert (seen, shown.getvalue()) == ([1, 2], "")


def test_a_trust_region_of_the_outputs_can_be_named_and_bounds_what_a_step_changes() -> None:
    radius = 1e-5
    held = game(update={"kind": "output-trust-region", "radius": radius, "inner": "alternating"})
    free = game(update=Alternating())
    changes: dict[str, float] = {}
    for name, played in (("held", held), ("free", free)):
        played.step(points())
        outputs = played.play.losses.watched()
        old = outputs().detach()
        played.step(points())
        changes[name] = float(bernoulli_divergence(old, outputs().detach()))
    assert changes["held"] < 3 * radius < changes["free"]  # on another minibatch than its own
    wide = game(update=OutputTrustRegion(radius=1e9))
    wide.fit(points(), steps=3)
    assert wide.play.losses.n_draws == 6  # one to watch, one to step with


def test_outputs_of_a_game_that_offers_none_are_asked_for_in_words() -> None:
    from sciadv.games.two_player import FunctionGame

    u, v = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    played = FunctionGame(([u], [v]), (lambda: u @ v, lambda: -u @ v))
    update, both = OutputTrustRegion(), (torch.optim.SGD([u], 0.1), torch.optim.SGD([v], 0.1))
    with pytest.raises(InputError, match="no outputs to watch"):
        update.step(played, both, update.init(played))
