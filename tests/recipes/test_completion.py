"""One call makes a prior complete, whoever made its generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import nn

import sciadv
from sciadv.data.moments import moments_of, shrinkage
from sciadv.errors import InputError
from sciadv.nets import build_seeded
from sciadv.recipes.images import completion
from sciadv.recipes.images.completion import CompletionRule, complete


def images(n: int = 80) -> np.ndarray:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0.05, 0.95, 81).reshape(9, 9)
    return np.clip(ramp[None] ** rng.uniform(0.3, 3, (n, 1, 1)) + rng.normal(0, 0.01, (n, 9, 9)), 0, 1)


def network(last: nn.Module) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(2, 81), last, nn.Unflatten(1, (1, 9, 9)))
    for i, p in enumerate(net.parameters()):
        p.data = 0.5 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i))
    return net


def test_a_generator_and_images_make_a_complete_prior() -> None:
    prior = sciadv.Prior(network(nn.Sigmoid()), 2)
    whole = complete(prior, images(), rule=CompletionRule(encoder_steps=20))
    assert whole.encoder is not None
    assert whole.moments is not None
    assert whole.residual is not None
    assert len(whole.residual.reference) >= 8
    for fact in ("split", "representation_error_mean", "pca_frechet", "pca_frechet_floor", "residual"):
        assert fact in whole.card, fact
    assert torch.equal(whole.sample(2, seed=0), prior.sample(2, seed=0))


def test_a_game_gives_the_same_prior_as_completing_its_own(monkeypatch) -> None:
    untrained = build_seeded(
        {"kind": "mlp-encoder", "n_latent": 2, "image_shape": [1, 9, 9], "hidden": [4]}, 0
    )
    monkeypatch.setattr(completion, "own_encoder", lambda *args, **kwargs: untrained)
    discriminator = build_seeded({"kind": "conv-discriminator", "image_shape": [1, 9, 9], "channels": 2}, 0)
    game = sciadv.Game(network(nn.Sigmoid()), discriminator, n_latent=2, batch=16)
    game.fit(torch.tensor(images(), dtype=torch.float32)[:, None], steps=2)
    one, other = game.prior(images=images()), game.prior().complete(images())
    assert one.residual is not None
    assert other.residual is not None
    assert torch.equal(one.residual.image.covariance, other.residual.image.covariance)
    assert one.card == other.card


def test_images_of_another_shape_or_in_other_units_are_refused() -> None:
    with pytest.raises(InputError, match="1 x 9 x 9"):
        sciadv.Prior(network(nn.Sigmoid()), 2).complete(images()[:, :8])
    with pytest.raises(InputError, match="2 x - 1"):
        sciadv.Prior(network(nn.Tanh()), 2).complete(images())
    with pytest.raises(InputError, match="in its units"):
        sciadv.Prior(network(nn.Sigmoid()), 2).complete(100 * images())


def test_the_shrinkage_is_that_of_ledoit_and_wolf() -> None:
    samples = torch.tensor(images()).flatten(1)
    centred = samples - samples.mean(0)
    ours = shrinkage(centred, centred.T @ centred / len(centred))
    assert ours == pytest.approx(ledoit_wolf_shrinkage(samples.numpy()), rel=1e-6)
    shrunk = moments_of(samples.reshape(-1, 1, 9, 9), shrink=True).covariance
    assert float(torch.linalg.eigvalsh(shrunk.double()).min()) > 0
