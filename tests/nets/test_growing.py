"""Progressive growing: a resolution begins as the one before it, repeated; a game goes on through it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.nets import build_seeded
from sciadv.nets.growing.growing_networks import GrowingDiscriminator, GrowingGenerator
from sciadv.trainings.game.game import Game

SIZE = {"image_shape": [2, 12, 8], "channels": 4, "halvings": 2}
DRAWS = torch.Generator().manual_seed(0)


def generator() -> GrowingGenerator:
    net = build_seeded({"kind": "growing-generator", "n_latent": 3, **SIZE}, 0)
    assert isinstance(net, GrowingGenerator)
    return net


def discriminator() -> GrowingDiscriminator:
    net = build_seeded({"kind": "growing-discriminator", **SIZE}, 1)
    assert isinstance(net, GrowingDiscriminator)
    return net


@given(level=st.integers(0, 2))
def test_images_have_the_resolution_that_was_grown_to(level: int) -> None:
    net = generator()
    net.grow_to(level)
    x = net(torch.randn(3, 3, generator=DRAWS))
    side = 2 ** (2 - level)
    repeated = functional.interpolate(functional.avg_pool2d(x, side), scale_factor=side)
    torch.testing.assert_close(x, repeated)
    assert side == 1 or torch.equal(x[..., ::2], x[..., 1::2])
    assert level == 0 or not torch.equal(x[..., :: 2 * side], x[..., side :: 2 * side])


@given(level=st.integers(0, 1))
def test_a_finer_resolution_is_faded_in_without_a_leap(level: int) -> None:
    made, seen = generator(), discriminator()
    z, x = torch.randn(3, 3, generator=DRAWS), torch.rand(3, 2, 12, 8, generator=DRAWS)
    found = []
    for progress in (level, level + 1e-6, level + 0.5):
        made.grow_to(progress)
        seen.grow_to(progress)
        found.append((made(z), seen(x)))
    for before, after, half in zip(*found, strict=True):
        torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(before, half, rtol=1e-4, atol=1e-5)


def test_a_discriminator_sees_no_more_than_its_resolution() -> None:
    net = discriminator()
    x = torch.rand(3, 2, 12, 8, generator=DRAWS)
    coarse = functional.interpolate(functional.avg_pool2d(x, 4), scale_factor=4)
    torch.testing.assert_close(net(x), net(coarse))
    net.grow_to(2)
    assert not torch.allclose(net(x), net(coarse))


def test_a_game_goes_on_while_its_players_grow_and_its_average_grows_with_them() -> None:
    players = generator(), discriminator()
    game = Game(*players, n_latent=3, batch=4, seed=0)
    images = torch.rand(8, 2, 12, 8, generator=DRAWS)
    for progress, steps in ((0.0, 2), (0.5, 4), (2.0, 6)):
        for net in players:
            net.grow_to(progress)
        game.fit(images, steps=steps)
        assert float(game.averaged.progress) == progress
    assert game.n_done == 6


def test_bad_sizes_and_progress_are_refused() -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        GrowingDiscriminator(image_shape=(1, 10, 8), halvings=2)
    with pytest.raises(InputError, match="progress must be"):
        generator().grow_to(2.5)
