"""Priors: the file format round trip, every way it can be broken, and the promises of all priors."""

import pytest
import torch

from sciadv import Prior
from sciadv.catalogue import load_recipe
from sciadv.errors import InputError, UnknownNameError, WeightsError
from sciadv.files.folders import entry_names
from sciadv.nets import MLPDecoder, MLPEncoder, build_seeded
from sciadv.prior import CARD, WEIGHTS, Moments
from sciadv.schema import DesignRecipe, ImageRecipe
from sciadv.testing import check_prior


@pytest.fixture
def prior() -> Prior:
    shape = {"n_latent": 3, "image_shape": [1, 5, 4], "hidden": [8]}
    generator = build_seeded({"kind": "mlp-decoder", **shape}, 0)
    encoder = build_seeded({"kind": "mlp-encoder", **shape}, 1)
    covariance = torch.eye(20) + 0.1
    return Prior(
        generator,
        3,
        encoder,
        name="small",
        moments=Moments(torch.rand(1, 5, 4, generator=torch.Generator().manual_seed(0)), covariance),
    )


def test_a_prior_survives_its_folder(prior, tmp_path):
    loaded = Prior.load(prior.save(tmp_path / "small", header={"data": "none"}))
    assert loaded.name == "small"
    assert loaded.card["data"] == "none"
    assert torch.equal(loaded.sample(4, seed=0), prior.sample(4, seed=0))
    assert torch.equal(loaded.encode(prior.sample(2, seed=0)), prior.encode(prior.sample(2, seed=0)))
    assert torch.equal(loaded.moments.covariance, prior.moments.covariance)
    check_prior(loaded)


@pytest.mark.parametrize("name", entry_names("priors"))
def test_every_shipped_prior_keeps_its_promises(name):
    prior = Prior.load(name)
    check_prior(prior)
    assert {"recipe_sha256", "weights_sha256", "training_cpu_seconds"} <= set(prior.card)
    spec = load_recipe(name).spec
    if not isinstance(spec, DesignRecipe):
        assert {"data", "data_licence"} <= set(prior.card)
    if isinstance(spec, ImageRecipe):
        assert prior.moments is not None
        assert float(prior.card["representation_error_mean"]) < 0.02


def test_shipped_priors_are_the_promised_ones():
    assert {"digits-32", "mnist", "mnist-vae"} <= set(entry_names("priors"))


def test_unknown_prior_lists_the_known():
    with pytest.raises(
        UnknownNameError, match=r"no prior is named 'mnits' \(did you mean 'mnist'.*there are: .*digits-32"
    ):
        Prior.load("mnits")


def test_truncated_weights_are_refused(prior, tmp_path):
    folder = prior.save(tmp_path / "small")
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:-100])
    with pytest.raises(WeightsError, match=r"not the file its card describes .*truncated"):
        Prior.load(folder)
    (folder / CARD).unlink()
    with pytest.raises(WeightsError, match="is not a sciadv prior"):
        Prior.load(folder)


def test_one_changed_byte_is_noticed(prior, tmp_path):
    folder = prior.save(tmp_path / "small")
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(WeightsError, match="sha256 expected"):
        Prior.load(folder)


def test_missing_weights_and_folder_are_named(prior, tmp_path):
    folder = prior.save(tmp_path / "small")
    (folder / WEIGHTS).unlink()
    with pytest.raises(WeightsError, match=f"has no {WEIGHTS}"):
        Prior.load(folder)
    with pytest.raises(InputError, match="does not exist"):
        Prior.load(tmp_path / "nowhere")


def test_own_generator_is_wrapped_frozen_and_restored(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.Dropout(0.5), torch.nn.Unflatten(1, (1, 3, 4)))
    net.train()
    prior = Prior(net, latent_shape=(6,))
    check_prior(prior)
    assert net[1].training
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    prior.save(tmp_path / "mine")  # its weights alone
    with pytest.raises(InputError, match="generator="):
        Prior.load(tmp_path / "mine")
    again = Prior.load(tmp_path / "mine", generator=net)
    assert torch.equal(again.sample(2, seed=0), prior.sample(2, seed=0))


def test_latents_of_any_shape_are_flat_outside():
    net = torch.nn.Sequential(torch.nn.ConvTranspose2d(5, 1, 4), torch.nn.Sigmoid())
    prior = Prior(net, latent_shape=(5, 1, 1))
    assert prior.n_latent == 5
    assert prior.out_shape == (1, 4, 4)
    check_prior(prior)


def test_prior_without_encoder_says_so():
    with pytest.raises(InputError, match="has no encoder"):
        Prior(MLPDecoder(n_latent=2, image_shape=(1, 2, 2), hidden=(4,)), 2).encode(torch.zeros(1, 1, 2, 2))


def test_encoder_posterior_has_the_shape_of_the_latent():
    mean, log_variance = MLPEncoder(n_latent=2, image_shape=(1, 2, 2), hidden=(4,)).posterior(
        torch.zeros(3, 1, 2, 2)
    )
    assert mean.shape == log_variance.shape == (3, 2)
