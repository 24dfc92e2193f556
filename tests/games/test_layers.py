"""The layers that games need."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sciadv.errors import InputError
from sciadv.nets.layers import (
    GradientReversal,
    MinibatchDiscrimination,
    MinibatchStddev,
    SelfAttention,
    VirtualBatchNorm,
    reference_pass,
    spectrally_normalised,
)
from sciadv.nets.sizes import layers_of


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0, 2.5])
def test_gradient_reversal_multiplies_the_gradient_by_minus_lam(lam):
    x = torch.randn(4, 3, generator=seeded(), dtype=torch.float64, requires_grad=True)
    layer = GradientReversal(lam)
    assert torch.equal(layer(x), x)
    (reversed_gradient,) = torch.autograd.grad(layer(x).pow(3).sum(), x)
    (gradient,) = torch.autograd.grad(x.pow(3).sum(), x)
    assert torch.allclose(reversed_gradient, -lam * gradient, rtol=0, atol=1e-15)


def test_gradient_reversal_can_be_differentiated_twice():
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(GradientReversal(0.5)(x).pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert float(first.detach()) == pytest.approx(-0.5 * 12)
    assert float(second) == pytest.approx(0.25 * 12)  # the layer is passed once more on the way back


def test_spectral_normalisation_reaches_every_layer_with_a_matrix():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))
    assert spectrally_normalised(net) is net
    assert hasattr(net[0], "parametrizations")
    assert hasattr(net[3], "parametrizations")
    assert not hasattr(net[1], "parametrizations")


def test_spectral_normalisation_repeats_with_its_generator():
    outputs = []
    for _ in range(2):
        layer = nn.Conv2d(1, 6, 3)
        layer.weight.data = torch.randn(6, 1, 3, 3, generator=seeded(1))
        net = spectrally_normalised(layer, generator=seeded(2))
        outputs.append(net.weight.detach())
    assert torch.equal(*outputs)


def test_minibatch_stddev_is_the_groups_spread():
    x = torch.randn(8, 3, 4, 4, generator=seeded(), dtype=torch.float64)
    y = MinibatchStddev(4)(x)
    assert y.shape == (8, 4, 4, 4)
    assert torch.equal(y[:, :3], x)
    group = x[[1, 3, 5, 7]]  # samples of one remainder modulo the number of groups
    assert torch.allclose(y[1, 3], group.std(0, unbiased=False).mean().expand(4, 4), atol=1e-6)
    assert torch.equal(y[1, 3], y[7, 3])


def test_minibatch_stddev_takes_odd_batches_and_flat_features():
    assert MinibatchStddev(4)(torch.randn(6, 5, generator=seeded())).shape == (6, 6)
    with pytest.raises(InputError, match="group_size"):
        MinibatchStddev(1)


@pytest.mark.parametrize("kind", ["stddev", "discrimination"])
def test_minibatch_statistics_tell_every_collapsed_batch_from_every_diverse_one(kind):
    layer = MinibatchStddev(8) if kind == "stddev" else MinibatchDiscrimination(5, generator=seeded(9))
    scores = {True: [], False: []}
    for seed in range(20):
        x = torch.randn(8, 5, generator=seeded(seed))
        for collapsed in (True, False):
            batch = x[:1].expand(8, 5) + 0.01 * x if collapsed else x
            added = layer(batch)[:, 5:].mean().item()
            scores[collapsed].append(-added if kind == "stddev" else added)
    assert min(scores[True]) > max(scores[False])  # AUC 1


def test_minibatch_discrimination_sums_nearness_to_the_others():
    layer = MinibatchDiscrimination(3, n_kernels=2, kernel_size=4, generator=seeded())
    x = torch.randn(3, 3, generator=seeded(1))
    y = layer(x)
    assert y.shape == (3, 5)
    M = torch.einsum("if,fbk->ibk", x, layer.T)
    expected = sum(torch.exp(-(M[0, 1] - M[j, 1]).abs().sum()) for j in (1, 2))
    assert y[0, 4].item() == pytest.approx(expected.item(), rel=1e-5)


def test_virtual_batch_norm_does_not_let_samples_see_each_other():
    layer = VirtualBatchNorm(3).double()
    reference = 2 + 3 * torch.randn(64, 3, 5, 5, generator=seeded(), dtype=torch.float64)
    reference_pass(layer, reference)
    x = torch.randn(4, 3, 5, 5, generator=seeded(1), dtype=torch.float64)
    together, alone = layer(x), torch.cat([layer(x[i : i + 1]) for i in range(4)])
    assert torch.allclose(together, alone, rtol=0, atol=1e-14)


def test_virtual_batch_norm_normalises_its_reference():
    layer = VirtualBatchNorm(2).double()
    reference = 5 + 3 * torch.randn(400, 2, generator=seeded(), dtype=torch.float64)
    reference_pass(layer, reference)
    y = layer(reference)
    assert torch.allclose(y.mean(0), torch.zeros(2, dtype=torch.float64), atol=0.02)
    assert torch.allclose(y.std(0), torch.ones(2, dtype=torch.float64), atol=0.02)


def test_virtual_batch_norm_passes_a_reference_through_a_stack_and_saves_it():
    net = nn.Sequential(nn.Linear(2, 4), VirtualBatchNorm(4), nn.ReLU(), nn.Linear(4, 3), VirtualBatchNorm(3))
    with pytest.raises(InputError, match="reference_pass"):
        net(torch.zeros(2, 2))
    reference_pass(net, torch.randn(16, 2, generator=seeded()))
    x = torch.randn(5, 2, generator=seeded(1))
    other = nn.Sequential(
        nn.Linear(2, 4), VirtualBatchNorm(4), nn.ReLU(), nn.Linear(4, 3), VirtualBatchNorm(3)
    )
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(x), other(x))


def test_self_attention_is_the_papers_sum_and_has_no_place() -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(2, 8, 3, 4, generator=draws, dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = SelfAttention(layers_of((1, 8, 8)), 8).double()
    assert torch.equal(layer(x), x)  # gamma is 0 at first
    with torch.no_grad():
        layer.gamma.fill_(0.5)
    f, g, h, out = (part.weight[..., 0, 0] for part in (layer.f, layer.g, layer.h, layer.out))
    places = x.flatten(2)
    wanted = places.clone()
    for i in range(12):
        weights = torch.stack(
            [((f @ places[:, :, j, None]) * (g @ places[:, :, i, None])).sum((1, 2)) for j in range(12)]
        )
        seen = torch.einsum("jb,hc,bcj->bh", weights.softmax(0), h, places)
        wanted[:, :, i] += 0.5 * seen @ out.T
    torch.testing.assert_close(layer(x).flatten(2), wanted, rtol=1e-12, atol=1e-12)
    order = torch.randperm(12, generator=draws)
    moved = layer(places[..., order].unflatten(2, (3, 4))).flatten(2)
    torch.testing.assert_close(moved, wanted[..., order], rtol=1e-12, atol=1e-12)
