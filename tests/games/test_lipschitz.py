"""Lipschitz bounds: clipping's 0.0655, the normalised product 0.9993, and layers against dense matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.diagnostics import clip_bound, layer_norms, lipschitz_bound, measured_slopes
from sciadv.nets.layers import spectrally_normalised


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chain() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(16, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1)
    ).double()


def test_clipping_bound_of_the_worked_example():
    assert clip_bound(chain().parameters(), 0.01) == pytest.approx(0.065536, abs=1e-12)
    # c^3 sqrt(n0 n1^2 n2^2 n3) is 0.0655 for n0 n1^2 n2^2 n3 = 2^32


@pytest.mark.parametrize("law", ["signs", "uniform"])
def test_clipped_critics_are_far_flatter_than_the_bound(law):
    net = chain()
    for p in net.parameters():
        draw = 2 * torch.rand(p.shape, generator=seeded(p.numel()), dtype=p.dtype) - 1
        p.data = 0.01 * (draw.sign() if law == "signs" else draw)
    bound = lipschitz_bound(net, torch.zeros(1, 16, dtype=torch.float64))
    assert bound == pytest.approx({"signs": 0.0037, "uniform": 0.00071}[law], rel=0.1)
    assert (
        measured_slopes(net, torch.randn(50, 16, generator=seeded(), dtype=torch.float64)).greatest <= bound
    )


def test_product_of_the_normalised_layers_norms():
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)).double()
    for layer, sigma in zip((net[0], net[2], net[4]), (0.98, 1.03, 0.99), strict=True):
        weight = torch.randn(8, 8, generator=seeded(), dtype=torch.float64)
        layer.weight.data = sigma * weight / torch.linalg.matrix_norm(weight, 2)
    example = torch.zeros(1, 8, dtype=torch.float64)
    assert lipschitz_bound(net, example) == pytest.approx(0.999306, abs=1e-9)
    assert list(layer_norms(net, example).values()) == pytest.approx([0.98, 1, 1.03, 1, 0.99], abs=1e-9)


def dense(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    n = torch.Size(shape).numel()
    basis = torch.eye(n, dtype=torch.float64).view(n, *shape)
    with torch.no_grad():
        zero = layer(torch.zeros(1, *shape, dtype=torch.float64))
        return (layer(basis) - zero).flatten(1)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(5, 7), (5,)),
        (nn.Conv2d(2, 3, 3, 1, 1), (2, 6, 5)),
        (nn.Conv2d(2, 3, 4, 2, 1), (2, 6, 6)),
        (nn.ConvTranspose2d(2, 3, 4, 2, 1), (2, 4, 4)),
        (nn.AvgPool2d(2), (1, 4, 4)),
        (nn.Upsample(scale_factor=2), (1, 3, 3)),
    ],
)
def test_norm_of_an_affine_layer_is_that_of_its_dense_matrix(layer, shape):
    layer = layer.double()
    (norm,) = layer_norms(layer, torch.zeros(1, *shape, dtype=torch.float64)).values()
    assert norm == pytest.approx(float(torch.linalg.matrix_norm(dense(layer, shape), 2)), rel=1e-6)


def test_bound_holds_for_a_convolutional_critic():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4, 8, 4, 2, 1),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(32, 1),
    ).double()
    bound = lipschitz_bound(net, torch.zeros(1, 1, 8, 8, dtype=torch.float64))
    slopes = measured_slopes(net, torch.randn(64, 1, 8, 8, generator=seeded(), dtype=torch.float64))
    assert slopes.mean <= slopes.greatest <= bound
    assert clip_bound(net.parameters(), max(float(p.detach().abs().max()) for p in net.parameters())) >= bound


@pytest.mark.parametrize(("n_iterations", "accuracy"), [(1, 0.6), (10, 0.95), (50, 0.998)])
def test_power_iteration_of_the_parametrization_approaches_the_norm(n_iterations, accuracy):
    layer = nn.Linear(128, 64).double()
    layer.weight.data = torch.randn(64, 128, generator=seeded(5), dtype=torch.float64)
    spectrally_normalised(layer)
    parametrization = layer.parametrizations.weight[0]
    v = torch.randn(128, generator=seeded(1), dtype=torch.float64)
    parametrization._v = v / v.norm()
    for _ in range(n_iterations):
        parametrization._power_method(layer.parametrizations.weight.original.detach(), 1)
    layer.eval()
    estimate = 1 / torch.linalg.matrix_norm(layer.weight.detach(), 2)  # over the true norm
    assert accuracy < float(estimate) <= 1 + 1e-12


def test_spectrally_normalised_layers_have_norm_one_after_training_passes():
    net = spectrally_normalised(chain(), generator=seeded())
    x = torch.randn(4, 16, generator=seeded(), dtype=torch.float64)
    for _ in range(60):
        net(x)
    norms = layer_norms(net, x[:1])
    assert [norms[name] for name in ("0", "2", "4")] == pytest.approx([1, 1, 1], abs=0.01)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Fork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.a(x)
        return self.b(x)


@pytest.mark.parametrize("module", [Residual(), Fork()])
def test_networks_that_are_no_chain_are_refused(module):
    with pytest.raises(InputError, match="chain"):
        lipschitz_bound(module, torch.zeros(1, 3))


def test_layers_of_unknown_slope_are_refused():
    with pytest.raises(InputError, match="Hardswish"):
        lipschitz_bound(nn.Sequential(nn.Linear(3, 3), nn.Hardswish()), torch.zeros(1, 3))
