"""A prior in half precision computes as before, and its files take half the room."""

import torch

from sciadv.data.moments import Moments
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.recipes.images.prior_folder import rounded_to_half


def tiny_prior():
    net = build_seeded({"kind": "conv-decoder", "n_latent": 3, "image_shape": [1, 8, 8], "channels": 4}, 0)
    draws = torch.randn(200, 64, generator=torch.Generator().manual_seed(0))
    covariance = draws.T @ draws / len(draws)
    return Prior(net, 3, moments=Moments(torch.zeros(1, 8, 8), covariance))


def test_weights_are_rounded_and_the_prior_that_was_given_is_not():
    prior = tiny_prior()
    before = {key: t.clone() for key, t in prior.generator.state_dict().items()}
    rounded = rounded_to_half(prior)
    for key, t in rounded.generator.state_dict().items():
        assert t.dtype == before[key].dtype
        torch.testing.assert_close(t, before[key].half().to(t.dtype), rtol=0, atol=0)
        torch.testing.assert_close(prior.generator.state_dict()[key], before[key], rtol=0, atol=0)
    images, others = (one.sample(50, seed=1) for one in (prior, rounded))
    assert 0 < float((images - others).abs().max()) < 0.005


def test_a_rounded_prior_is_read_as_it_was_written_from_half_the_bytes(tmp_path):
    prior = tiny_prior()
    rounded = rounded_to_half(prior)
    prior.save(tmp_path / "whole")
    rounded.save(tmp_path / "half")
    loaded = Prior.load(tmp_path / "half")
    torch.testing.assert_close(loaded.sample(4, seed=0), rounded.sample(4, seed=0), rtol=0, atol=0)
    torch.testing.assert_close(loaded.moments.covariance, rounded.moments.covariance, rtol=0, atol=0)
    whole, half = ((tmp_path / name / "weights.safetensors").stat().st_size for name in ("whole", "half"))
    assert half < 0.6 * whole
    torch.testing.assert_close(rounded.moments.covariance, prior.moments.covariance, rtol=0, atol=2e-3)
