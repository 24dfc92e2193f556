"""The circuits' networks: equivariant and invariant under relabelling of genes, valid by construction."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.metrics.graph import are_connected, canonical_keys
from sciadv.nets import build_net, build_seeded, net_spec
from sciadv.nets.graph import CircuitDiscriminator, CircuitGenerator, signs_and_presence
from sciadv.physics.regulation.kinetics import check_circuits

SPEC = {"kind": "circuit-generator", "n_genes": 5, "smallest": 3, "width": 16}
ORDERS = st.permutations(range(5))


def generator() -> CircuitGenerator:
    net = build_seeded(SPEC, 0)
    assert isinstance(net, CircuitGenerator)
    return net


def latents(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, generator().n_latent, generator=torch.Generator().manual_seed(seed))


def parts(n: int, seed: int) -> list[torch.Tensor]:
    numbers = torch.Generator().manual_seed(seed)
    shapes = ((5, 6), (5, 2), (5, 5, 3), (5, 5, 3))
    return [torch.randn(n, *shape, generator=numbers) for shape in shapes]


@settings(max_examples=8)
@given(order=ORDERS, seed=st.integers(0, 100), n_present=st.integers(3, 5))
def test_generator_is_equivariant(order, seed, n_present):
    present = (torch.arange(5) < n_present).double().expand(3, 5)
    node, gene, gumbel, edge = (part.double() for part in parts(3, seed))  # signs must not tie
    made = generator().double()
    with torch.no_grad():
        x = made.assemble(present, made.heads(node, present), gene, gumbel, edge)
        permuted = made.assemble(
            present[:, order],
            made.heads(node[:, order], present[:, order]),
            gene[:, order],
            gumbel[:, order][:, :, order],
            edge[:, order][:, :, order],
        )
    torch.testing.assert_close(permuted, x[:, :, order][:, :, :, order])


@settings(max_examples=8)
@given(order=ORDERS, seed=st.integers(0, 100))
def test_discriminator_is_invariant(order, seed):
    with torch.no_grad():
        x = generator()(latents(4, seed))
        net = build_seeded({"kind": "circuit-discriminator", "width": 16}, 1)
        torch.testing.assert_close(net(x[:, :, order][:, :, :, order]), net(x), rtol=1e-4, atol=1e-4)


def test_discriminator_does_not_see_padding():
    net = build_seeded({"kind": "circuit-discriminator", "width": 16}, 1)
    with torch.no_grad():
        small_net = build_seeded({**SPEC, "n_genes": 3}, 0)
        z = torch.randn(4, int(small_net.n_latent), generator=torch.Generator().manual_seed(0))
        small = small_net(z)
        padded = torch.nn.functional.pad(small, (0, 2, 0, 2))
        torch.testing.assert_close(net(padded), net(small), rtol=1e-4, atol=1e-4)


def test_every_circuit_is_valid():
    with torch.no_grad():
        x = generator()(latents(2000))
    signs, presence = signs_and_presence(check_circuits(x))
    assert bool(are_connected(signs, presence).all())
    sizes = torch.bincount(presence.sum(1).long(), minlength=6)
    assert sizes[:3].sum() == 0
    assert bool((sizes[3:] > 500).all())  # each size about as often


def test_connection_adds_only_what_is_missing():
    present = torch.ones(1, 5)
    node, gene, gumbel, edge = parts(1, 0)
    net = generator()
    with torch.no_grad():
        net.edge.bias[1] = 50.0  # no edge is wanted at all
        x = net.assemble(present, net.heads(node, present), gene, gumbel, edge)
    assert int(x[:, 0].abs().sum()) == 4  # a tree


def test_the_last_latent_number_chooses_a_class_and_only_classes_differ():
    net = build_seeded({"kind": "circuit-generator", "n_genes": 3, "n_classes": 4}, 0)
    z = torch.randn(1, net.n_latent, generator=torch.Generator().manual_seed(0)).expand(4, -1).clone()
    z[:, -1] = torch.special.ndtri((torch.arange(4) + 0.5) / 4)
    assert net.classes(z[:, -1:]).tolist() == [0, 1, 2, 3]
    with torch.no_grad():
        net.asked.mul_(30)
        different = net(z)
        net.asked.zero_()
        same = net(z)
    assert bool((different != different[:1]).any())
    assert torch.equal(same, same[:1].expand_as(same))


def test_same_latent_same_circuit():
    z = latents(8)
    with torch.no_grad():
        assert torch.equal(generator()(z), generator()(z))
        assert torch.equal(generator()(z)[3:4], generator()(z[3:4]))


def test_signs_have_gradients_though_they_are_hard():
    z = latents(4).requires_grad_()
    x = generator()(z)
    assert set(x[:, 0].detach().unique().tolist()) == {-1.0, 0.0, 1.0}
    (gradient,) = torch.autograd.grad(x[:, 0].sum(), z)
    assert bool(gradient.isfinite().all())
    assert float(gradient.abs().sum()) > 0


def test_generator_has_forward_mode():
    z = latents(3)
    tangent = torch.func.jvp(generator(), (z,), (torch.ones_like(z),))[1]
    assert tangent.shape == (3, 7, 5, 5)


def test_networks_are_built_again_from_their_settings():
    for net in (generator(), CircuitDiscriminator(width=8)):
        assert net_spec(build_net(net_spec(net))) == net_spec(net)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("smallest", 6, "smallest <= n_genes"),
        ("temperature", 0.0, "temperature must be .* > 0"),
        ("n_latent", 7, "latents of .* numbers, not 7"),
    ],
)
def test_bad_settings_are_refused_in_words(setting, value, words):
    with pytest.raises(InputError, match=words):
        CircuitGenerator(**{"n_genes": 5, setting: value})


@settings(max_examples=10)
@given(order=ORDERS, seed=st.integers(0, 1000))
def test_key_does_not_depend_on_labels(order, seed):
    signs = torch.randint(-1, 2, (3, 5, 5), generator=torch.Generator().manual_seed(seed))
    assert canonical_keys(signs) == canonical_keys(signs[:, order][:, :, order])


def test_loading_a_prior_of_circuits_does_not_import_the_compiler():
    code = "import sys, sciadv; sciadv.Prior.load('gene-circuits'); print('torch._dynamo' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
