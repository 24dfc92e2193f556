"""Plain functions of a batch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sciadv.errors import AdjointError, InputError
from sciadv.forward import LinearForward, Matrix, as_forward, to_dense
from sciadv.forward.adapters.functions import NonlinearFunction
from sciadv.testing import check_forward

SHAPE = (1, 4, 6)


def weights(m: int = 3, n: int = 24) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((m, n))


def sample(x: Tensor) -> Tensor:
    """Bilinear samples at fixed points: torch has no forward-mode derivative of it."""
    points = torch.tensor([[[-0.3, 0.2], [0.5, 0.1], [0.0, -0.9]]], dtype=x.dtype).expand(len(x), 1, 3, 2)
    return F.grid_sample(x, points, align_corners=False)


LINEAR = {
    "sum": lambda x: x.sum((2, 3)),
    "fourier": torch.fft.rfft2,
    "roll": lambda x: x.roll(1, 3) - x,
    "samples": sample,
    "module": nn.AvgPool2d(2),
}
NONLINEAR = {
    "affine": lambda x: x.flatten(1) + 1,
    "intensity": lambda x: torch.fft.fft2(x).abs().square(),
    "samples": lambda x: sample(x).exp(),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_function_is_found_to_be_linear_and_transposed(name: str):
    A = as_forward(LINEAR[name], SHAPE)
    assert isinstance(A, LinearForward)
    check_forward(A)


@pytest.mark.parametrize("name", NONLINEAR)
def test_nonlinear_function_is_found_to_be_nonlinear_and_differentiated(name: str):
    A = as_forward(NONLINEAR[name], SHAPE)
    assert not A.is_linear
    check_forward(A)


def test_missing_forward_mode_is_replaced_by_transposing_the_reverse():
    A = as_forward(NONLINEAR["samples"], SHAPE, dtype=torch.float64)
    assert isinstance(A, NonlinearFunction)
    assert A.has_forward_mode == _torch_has_forward_mode_of_sampling()


def _torch_has_forward_mode_of_sampling() -> bool:
    x = torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(0))
    try:
        torch.func.jvp(sample, (x,), (x,))
    except (NotImplementedError, RuntimeError):
        return False
    return True


def test_network_moves_with_the_operator():
    torch.manual_seed(0)
    A = as_forward(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Softplus()).requires_grad_(requires_grad=False), SHAPE
    )
    check_forward(A)
    assert A.to(torch.float64)(torch.zeros(1, *SHAPE).double()).dtype == torch.float64


def test_own_adjoint_is_used():
    calls = []

    def adjoint(y: Tensor) -> Tensor:
        calls.append(len(y))
        return y.reshape(-1, 1, 1, 1).expand(-1, *SHAPE)

    A = as_forward(lambda x: x.sum((1, 2, 3))[:, None], SHAPE, adjoint=adjoint)
    assert calls
    check_forward(A)
    with pytest.raises(AdjointError, match=r"0\.5, 0\.5, 0\.5 in 3 trials"):
        as_forward(lambda x: x.sum((1, 2, 3))[:, None], SHAPE, adjoint=lambda y: 2 * adjoint(y))


def test_linearity_can_be_said():
    almost = lambda x: x + 1e-7 * x**2  # noqa: E731
    assert as_forward(almost, SHAPE).is_linear
    assert not as_forward(almost, SHAPE, is_linear=False).is_linear
    with pytest.raises(InputError, match="said to be linear"):
        as_forward(torch.exp, SHAPE, is_linear=True)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.reshape(len(x), -1) @ weights().T,
        lambda x: torch.from_numpy(
            x.detach().numpy().reshape(len(x), -1) @ weights().astype(x.numpy().dtype).T
        ),
        lambda x: np.asarray(x).reshape(len(x), -1) @ weights().T,
    ],
    ids=["array", "tensor-through-array", "any-to-array"],
)
def test_numpy_function_without_an_adjoint_is_written_out(function: object):
    A = as_forward(function, SHAPE)
    assert isinstance(A, Matrix)
    np.testing.assert_allclose(to_dense(A), weights(), rtol=1e-5)


def test_numpy_function_with_an_adjoint_is_applied():
    M = weights()
    function = lambda x: (x.reshape(len(x), -1) @ M.T).reshape(-1, 3, 1)  # noqa: E731
    A = as_forward(function, SHAPE, adjoint=lambda y: y.reshape(len(y), -1) @ M, largest_matrix=0)
    assert A.out_shape == (3, 1)
    check_forward(A)
    with pytest.raises(InputError, match="adjoint="):
        as_forward(function, SHAPE, largest_matrix=0)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.exp(np.asarray(x)), "is not linear"),
        (lambda x: x.detach().exp(), "torch cannot differentiate it"),
        (lambda x: x.sum(), "keep the first dimension"),
        (lambda x: x[:1], "keep the first dimension"),
        (lambda x: x - x.mean(0), "mixes the members of a batch"),
        (lambda x: x @ torch.ones(5, 2), "but: RuntimeError"),
        (lambda x: "text", "array of an array"),
    ],
    ids=["nonlinear-numpy", "detached", "scalar", "one-of-batch", "mixing", "failing", "text"],
)
def test_unusable_function_is_refused(function: object, message: str):
    with pytest.raises(InputError, match=message):
        as_forward(function, SHAPE)


def test_function_needs_the_shape_of_a_candidate():
    with pytest.raises(InputError, match="give in_shape"):
        as_forward(torch.exp)


def test_function_with_another_output_is_refused():
    with pytest.raises(InputError, match="not the out_shape"):
        as_forward(torch.exp, SHAPE, out_shape=(24,))
