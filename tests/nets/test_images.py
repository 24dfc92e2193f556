"""Networks of images: any size, any depth, settings that build them again, gradients of gradients."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sciadv.errors import InputError, UnknownNameError
from sciadv.games.penalties import R1
from sciadv.nets import NETS, build_net, build_seeded, net_spec
from sciadv.nets.layers import VirtualBatchNorm, reference_pass
from sciadv.prior import Prior

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 64, 64), (1, 125, 60)]
GENERATORS = [
    {"kind": "mlp-decoder", "n_latent": 5, "hidden": [8]},
    {"kind": "conv-decoder", "n_latent": 5, "channels": 4},
    {"kind": "conv-decoder", "n_latent": 5, "channels": 4, "halvings": 4},
    {"kind": "dcgan-generator", "n_latent": 5, "channels": 4},
    {"kind": "dcgan-generator", "n_latent": 5, "channels": 4, "halvings": 4, "norm": "none"},
    {"kind": "residual-generator", "n_latent": 5, "channels": 4, "halvings": 3},
    {"kind": "residual-generator", "n_latent": 5, "channels": 4, "n_classes": 3, "label": 1},
    {"kind": "residual-generator", "n_latent": 5, "channels": 4, "attention": True},
    {"kind": "style-generator", "n_latent": 5, "channels": 4, "halvings": 3, "n_style": 6},
]
DISCRIMINATORS = [
    {"kind": "conv-discriminator", "channels": 4},
    {"kind": "conv-discriminator", "channels": 4, "halvings": 3},
    {"kind": "dcgan-discriminator", "channels": 4},
    {"kind": "dcgan-discriminator", "channels": 4, "halvings": 4, "norm": "none", "spectral_norm": True},
    {"kind": "dcgan-discriminator", "channels": 4, "norm": "none", "minibatch": "stddev"},
    {"kind": "residual-discriminator", "channels": 4, "halvings": 3},
    {"kind": "residual-discriminator", "channels": 4, "spectral_norm": True},
    {"kind": "residual-discriminator", "channels": 4, "minibatch": "discrimination"},
    {"kind": "residual-discriminator", "channels": 4, "attention": True},
]


def ids(spec: dict[str, object]) -> str:
    return "-".join(str(v) for v in spec.values())


def images(shape, n: int = 4) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("spec", GENERATORS, ids=ids)
def test_a_generator_makes_images_of_any_size_in_its_range(spec, shape) -> None:
    net = build_seeded({**spec, "image_shape": list(shape)}, 0)
    x = net(torch.randn(2, 5, generator=torch.Generator().manual_seed(0)))
    assert x.shape == (2, *shape)
    assert float(x.detach().min()) >= 0
    assert float(x.detach().max()) <= 1
    assert float(x.detach().std(0).max()) > 0  # it depends on the latent


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("spec", DISCRIMINATORS, ids=ids)
def test_a_discriminator_scores_images_of_any_size(spec, shape) -> None:
    net = build_seeded({**spec, "image_shape": list(shape)}, 0)
    scores = net(images(shape))
    assert scores.shape == (4,)
    assert float(scores.detach().std()) > 0


@pytest.mark.parametrize("kind", ["conv-encoder", "mlp-encoder", "conv-classifier"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_encoders_and_classifiers_take_images_of_any_size(kind, shape) -> None:
    net = build_seeded({"kind": kind, "image_shape": list(shape)}, 0)
    assert net(images(shape)).shape == (4, 10 if kind == "conv-classifier" else 20)


@pytest.mark.parametrize("spec", [*GENERATORS, *DISCRIMINATORS], ids=ids)
def test_settings_build_the_same_network_again_from_a_file(tmp_path, spec) -> None:
    net = build_seeded({**spec, "image_shape": [1, 28, 28]}, 3)
    assert spec.items() <= net_spec(net).items()
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    again = build_net(net_spec(net))
    again.load_state_dict(load_file(tmp_path / "net.safetensors"))
    x = torch.randn(4, net_spec(net)["n_latent"]) if "n_latent" in net_spec(net) else images((1, 28, 28))
    with torch.no_grad():
        assert torch.equal(net.eval()(x), again.eval()(x))


def test_a_prior_of_a_batch_normalised_generator_saves_loads_and_ignores_the_batch(tmp_path) -> None:
    net = build_seeded({"kind": "dcgan-generator", "n_latent": 3, "image_shape": [1, 8, 8], "channels": 2}, 0)
    net(torch.randn(16, 3, generator=torch.Generator().manual_seed(0)))  # running statistics
    prior = Prior(net, 3)
    loaded = Prior.load(prior.save(tmp_path / "blobs"))
    z = prior.sample_latent(4, seed=0)
    with torch.no_grad():
        assert torch.equal(prior(z), loaded(z))
        assert torch.allclose(prior(z)[:1], prior(z[:1]), atol=1e-6)


@pytest.mark.parametrize("spec", DISCRIMINATORS, ids=ids)
def test_r1_trains_every_discriminator(spec) -> None:
    net = build_seeded({**spec, "image_shape": [1, 16, 16]} | {"halvings": 2}, 0)
    R1(1.0)(net, images((1, 16, 16)), images((1, 16, 16))).backward()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    assert all(bool(g.isfinite().all()) for g in gradients)
    assert any(float(g.abs().max()) > 0 for g in gradients)


def test_no_network_has_grouped_convolutions() -> None:
    for kind in (k for k in NETS if k.startswith(("conv-", "dcgan-", "residual-"))):
        needs = {"n_latent": 5} if kind.endswith(("-decoder", "-generator")) else {}
        layers = build_net({"kind": kind, **needs}).modules()
        assert all(m.groups == 1 for m in layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))


def test_spectral_norm_bounds_every_layer() -> None:
    net = build_seeded(
        {"kind": "residual-discriminator", "image_shape": [1, 16, 16], "channels": 4, "spectral_norm": True},
        0,
    )
    for _ in range(30):
        net(images((1, 16, 16)))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) < 1.02


def test_the_projection_discriminator_adds_the_class_vector_times_the_features() -> None:
    spec = {"kind": "residual-discriminator", "image_shape": [1, 8, 8], "channels": 2, "n_classes": 3}
    net = build_seeded(spec, 0)
    x, labels = images((1, 8, 8)), torch.tensor([0, 1, 2, 1])
    plain = net(x, labels)  # class vectors begin at zero
    with torch.no_grad():
        net.embedding.weight[1] = 1.0
    added = net(x, labels) - plain
    assert torch.allclose(added, net.body(x).sum(1) * torch.tensor([0, 1, 0, 1]), atol=1e-5)
    with pytest.raises(InputError, match="needs labels"):
        net(x)


def test_a_conditional_generator_makes_what_its_label_says() -> None:
    spec = {
        "kind": "residual-generator",
        "image_shape": [1, 8, 8],
        "channels": 2,
        "n_latent": 3,
        "n_classes": 4,
    }
    net, z = build_seeded(spec, 0), torch.randn(2, 3)
    of_two = build_net({**spec, "label": 2})
    of_two.load_state_dict(net.state_dict())
    assert torch.equal(of_two(z), net(z, torch.tensor([2, 2])))
    assert not torch.equal(of_two(z), net(z, torch.tensor([1, 1])))
    with pytest.raises(InputError, match="needs labels"):
        net(z)
    with pytest.raises(InputError, match="0 to 3"):
        build_net({**spec, "label": 4})


def test_virtual_batch_norm_in_a_generator_makes_samples_independent_of_their_batch() -> None:
    net = build_seeded(
        {
            "kind": "dcgan-generator",
            "image_shape": [1, 8, 8],
            "channels": 2,
            "n_latent": 3,
            "norm": "virtual",
        },
        0,
    )
    assert sum(isinstance(m, VirtualBatchNorm) for m in net.modules()) == 2
    reference_pass(net, torch.randn(16, 3, generator=torch.Generator().manual_seed(0)))
    z = torch.randn(4, 3)
    assert torch.allclose(net(z)[:1], net(z[:1]), atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ({"kind": "dcgan-generators"}, UnknownNameError, "did you mean 'dcgan-generator'"),
        ({"kind": "residual-discriminator", "halvings": 5}, InputError, "fewer halvings"),
        ({"kind": "dcgan-discriminator", "halving": 2}, InputError, "it takes: image_shape"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_words(spec, error, words) -> None:
    with pytest.raises(error, match=words):
        build_net(spec)
