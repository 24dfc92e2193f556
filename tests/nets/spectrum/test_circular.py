"""Singular values by Fourier transforms against those of the dense matrix of the map."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.layers import spectrally_normalised
from sciadv.nets.spectrum.circular import circular_singular_values

CASES = [
    (nn.Conv2d, (3, 8, 6), {"kernel_size": 3, "padding": 1}),
    (nn.Conv2d, (4, 8, 8), {"kernel_size": 4, "padding": 1, "stride": 2}),
    (nn.Conv2d, (2, 9, 6), {"kernel_size": 5, "padding": 2, "stride": 3}),
    (nn.Conv2d, (4, 6, 6), {"kernel_size": 3, "padding": 1, "groups": 2}),
    (nn.Conv1d, (2, 12), {"kernel_size": 3, "padding": 2, "dilation": 2}),
    (nn.Conv3d, (2, 4, 4, 4), {"kernel_size": 3, "padding": 1}),
]


def dense(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Return the matrix of a linear map on inputs of a shape."""
    n = torch.Size(shape).numel()
    with torch.no_grad():
        return layer(torch.eye(n, dtype=torch.float64).reshape(n, *shape)).flatten(1).T


@pytest.mark.parametrize(("kind", "shape", "settings"), CASES)
def test_values_are_those_of_the_dense_matrix(kind, shape, settings) -> None:
    torch.manual_seed(0)
    layer = kind(shape[0], 4, bias=False, padding_mode="circular", **settings).double()
    names = ("stride", "dilation", "groups")
    found = circular_singular_values(
        layer.weight.detach(), shape[1:], **{name: getattr(layer, name) for name in names}
    )
    expected = torch.linalg.svdvals(dense(layer, shape))
    n = min(len(expected), found.numel())
    assert torch.allclose(found.flatten().sort(descending=True).values[:n], expected[:n], atol=1e-12)


@pytest.mark.parametrize(("kind", "shape", "settings"), CASES)
@pytest.mark.parametrize("mode", ["circular", "zeros"])
def test_layers_with_the_option_have_norm_one_or_less(kind, shape, settings, mode: str) -> None:
    torch.manual_seed(1)
    layer = kind(shape[0], 4, bias=False, padding_mode=mode, **settings).double()
    layer.weight.data *= 7
    spectrally_normalised(nn.Sequential(layer), example=torch.zeros(1, *shape, dtype=torch.float64))
    norm = float(torch.linalg.matrix_norm(dense(layer, shape), 2))
    if mode == "circular":
        assert norm == pytest.approx(1, abs=1e-12)
    else:
        assert 0.5 < norm <= 1 + 1e-12


def test_the_reshaped_kernels_norm_is_not_that_of_the_map() -> None:
    torch.manual_seed(2)
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False, padding_mode="circular").double()
    nn.init.ones_(layer.weight)
    spectrally_normalised(nn.Sequential(layer))
    assert float(torch.linalg.matrix_norm(dense(layer, (1, 6, 6)), 2)) == pytest.approx(3, abs=1e-6)


def test_gradients_reach_the_kernel_and_linear_layers_are_normalised_too() -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(32, 1))
    spectrally_normalised(net, example=torch.zeros(1, 1, 4, 4))
    net(torch.randn(2, 1, 4, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters() if p.requires_grad)
    assert hasattr(net[2], "parametrizations")


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="at least as long"):
        circular_singular_values(torch.zeros(1, 1, 3), (2,))
    with pytest.raises(InputError, match="does not take the example"):
        spectrally_normalised(nn.Sequential(nn.Conv2d(3, 1, 3)), example=torch.zeros(1, 1, 8, 8))
