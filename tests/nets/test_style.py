"""The style-type generator: its modulation against the reference's formula, its spaces, its path length."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.forward import GaussianSensing
from sciadv.games.penalties import PathLength
from sciadv.likelihood import Gaussian
from sciadv.nets import build_seeded
from sciadv.nets.sizes import layers_of
from sciadv.nets.style.modulated import ModulatedConvolution
from sciadv.nets.style.style_generator import mixed
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import LevenbergMarquardt
from sciadv.trainings.autoencoder.prior_rules import prior_rules
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.autoencoder.prior_training import PriorTraining
from sciadv.trainings.game.game import Game
from sciadv.trainings.stacked import stack_games

SPEC = {"kind": "style-generator", "n_latent": 4, "image_shape": [1, 12, 10], "channels": 4, "n_style": 5}


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_modulated_convolution_is_a_convolution_with_each_samples_own_demodulated_weights() -> None:
    layer = ModulatedConvolution(layers_of((1, 8, 8)), 3, 6, n_style=4).double()
    x, w = draws(2, 3, 7, 5), draws(2, 4, seed=1)
    style = 1 + layer.affine(w)
    weights = layer.convolution.weight[None] * style[:, None, :, None, None]  # the paper's Eqs. 1 and 3
    weights = weights / (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    each = [functional.conv2d(x[i : i + 1], weights[i], padding=1) for i in range(2)]
    wanted = 2**0.5 * functional.leaky_relu(torch.cat(each), 0.2)
    torch.testing.assert_close(layer(x, w), wanted, rtol=1e-12, atol=1e-12)


def test_noise_is_new_in_training_and_fixed_in_evaluation() -> None:
    net = build_seeded(SPEC, 0)
    z = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for layer in net.synthesis.convolutions:
            layer.strength.fill_(1.0)
        assert not torch.equal(net(z), net(z))
        net.eval()
        assert torch.equal(net(z), net(z))


def test_mixing_takes_the_next_samples_styles_from_a_random_layer_on() -> None:
    w = torch.arange(6.0)[:, None, None].expand(6, 5, 2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert torch.equal(mixed(w, 0.0), w)
        made = mixed(w, 1.0)
    assert torch.equal(made[:, 0], w[:, 0])
    assert torch.equal(made[:, -1], w.roll(1, 0)[:, -1])
    assert (made[..., 0].diff(dim=1) != 0).sum() == 6  # one change a sample


@pytest.mark.parametrize(("space", "n_latent"), [("z", 4), ("w", 5), ("w+", 25)])
def test_a_search_in_each_space_recovers_the_spaces_own_samples(space, n_latent) -> None:
    prior = Prior.from_module(build_seeded(SPEC, 1).eval(), space=space, n_draws=500)
    assert prior.n_latent == n_latent
    truth = prior.sample(3, seed=5)
    A = GaussianSensing(prior.out_shape, 60, seed=0, scale=60**-0.5)
    problem = Problem(prior, A, Gaussian(1e-4), A(truth), truth=truth)
    found = LevenbergMarquardt(restarts=4).solve(problem, seed=0)
    assert float((found.x - truth).square().mean()) < 1e-3 * float(truth.var(0).mean())


def test_truncation_draws_styles_towards_their_mean() -> None:
    net = build_seeded(SPEC, 1).eval()
    spread = [
        float(
            Prior.from_module(net, space="w", truncation=psi, n_draws=500).sample(200, seed=0).std(0).mean()
        )
        for psi in (1.0, 0.5)
    ]
    assert spread[1] < 0.7 * spread[0]


def test_the_path_length_of_a_linear_map_is_its_closed_form() -> None:
    B = draws(3, 40)
    y = torch.randn(500, 40, generator=torch.Generator().manual_seed(3), dtype=torch.float64) / 40**0.5
    lengths = (y @ B.T).norm(dim=1)
    found = PathLength(lam=0.5, every=2).of_map(
        lambda z: z @ B, draws(500, 3), generator=torch.Generator().manual_seed(3)
    )
    assert float(found) == pytest.approx(float((lengths - lengths.mean()).square().mean()), rel=1e-9)
    assert float(PathLength().of_map(lambda z: 0 * z, draws(5, 3))) == 0.0


def test_a_game_with_path_length_makes_paths_alike() -> None:
    images = torch.rand(64, 1, 12, 10, generator=torch.Generator().manual_seed(0))
    varied = {}
    for penalties in (["r1"], ["r1", {"kind": "path-length", "lam": 100.0, "every": 1}]):
        game = Game(
            build_seeded(SPEC | {"mixing": 0.5}, 0),
            build_seeded({"kind": "residual-discriminator", "image_shape": [1, 12, 10], "channels": 4}, 1),
            penalties=penalties,
            batch=16,
            learning_rate=2e-3,
            ema=0.0,
        )
        for _ in range(15):
            game.step(images)
        draw = torch.Generator().manual_seed(0)
        z = torch.randn(256, 4, generator=draw)
        lengths = PathLength(lam=1.0, every=1).of_map(game.averaged.eval(), z, generator=draw)
        varied[len(penalties)] = lengths.item()
    assert varied[2] < 0.5 * varied[1]


def test_a_stack_and_the_game_of_an_autoencoder_refuse_the_path_length() -> None:
    nets = [torch.nn.Linear(2, 2) for _ in range(2)], [torch.nn.Linear(2, 1) for _ in range(2)]
    with pytest.raises(InputError, match="leave it out of a stack"):
        stack_games(*nets, penalties=["path-length"], n_latent=2)
    schedule = PriorSchedule(elbo_steps=1, game_steps=1, batch=2)
    sides = {"image_shape": [1, 8, 8], "channels": 2}
    parts = [{"kind": "conv-decoder", "n_latent": 2}, {"kind": "conv-encoder", "n_latent": 2}]
    three = [build_seeded(one | sides, 0) for one in [*parts, {"kind": "conv-discriminator"}]]
    rules = prior_rules(schedule, penalties=["path-length"])
    with pytest.raises(InputError, match="`smoothness` of the schedule"):
        PriorTraining(*three, torch.rand(4, 1, 8, 8), schedule=schedule, rules=rules)
