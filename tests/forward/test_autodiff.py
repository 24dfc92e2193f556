"""Torch differentiates what it cannot see into, by the operator's own derivatives."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sciadv.forward.autodiff import apply_linear, apply_nonlinear, as_dtype

M = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 4)))


def hidden(matrix: Tensor):
    """A product that torch cannot differentiate: it goes through NumPy."""
    return lambda x: torch.from_numpy(x.detach().numpy() @ matrix.numpy().T)


def linear(x: Tensor) -> Tensor:
    return apply_linear(hidden(M), hidden(M.T), x)


def square(x: Tensor) -> Tensor:
    """(M x)^2."""
    at = hidden(M)
    return apply_nonlinear(
        lambda x: at(x) ** 2,
        lambda x, t: 2 * at(x) * at(t),
        lambda x, c: hidden(M.T)(2 * at(x) * c.detach()),
        x,
    )


@pytest.fixture
def x(generator: torch.Generator) -> Tensor:
    return torch.rand(2, 4, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("function", [linear, square])
def test_forward_and_reverse_mode_are_right(function, x: Tensor):
    assert torch.autograd.gradcheck(function, (x.requires_grad_(),), check_forward_ad=True)


def test_linear_map_can_be_differentiated_twice(x: Tensor):
    assert torch.autograd.gradgradcheck(lambda x: linear(x).square(), (x.requires_grad_(),))


@pytest.mark.parametrize("in_dims", [0, 1, 2])
@pytest.mark.parametrize("out_dims", [0, 2])
def test_mapping_over_any_dimension_is_a_loop(in_dims: int, out_dims: int, generator: torch.Generator):
    many = torch.rand(5, 2, 4, generator=generator, dtype=torch.float64)
    mapped = torch.vmap(linear, in_dims=in_dims, out_dims=out_dims)(many.movedim(0, in_dims))
    torch.testing.assert_close(mapped.movedim(out_dims, 0), many @ M.T)


def test_nested_maps(generator: torch.Generator):
    many = torch.rand(3, 5, 2, 4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(torch.vmap(torch.vmap(linear))(many), many @ M.T)


def test_derivatives_compose_with_transforms(x: Tensor):
    torch.testing.assert_close(torch.func.jacfwd(lambda x: linear(x[None])[0])(x[0]), M)
    torch.testing.assert_close(torch.func.jacrev(lambda x: linear(x[None])[0])(x[0]), M)
    energy = lambda x: linear(x[None]).square().sum()  # noqa: E731
    torch.testing.assert_close(torch.func.jacfwd(torch.func.jacrev(energy))(x[0]), 2 * M.T @ M)


def test_casting_to_real_keeps_the_real_part():
    x = torch.tensor([1 + 2j])
    assert torch.equal(as_dtype(x, torch.float64), torch.tensor([1.0], dtype=torch.float64))
    assert as_dtype(x, torch.complex128).dtype == torch.complex128
    assert as_dtype(x.real, torch.complex64).dtype == torch.complex64
