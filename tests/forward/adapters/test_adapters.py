"""What `as_forward` takes and refuses, whatever the library."""

import logging

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sciadv.errors import AdjointError, InputError
from sciadv.forward import BlockSum, Matrix, as_forward, to_dense
from sciadv.forward.adapters.checks import batch_error, dot_test, linearity_error
from sciadv.testing import check_forward


def test_forward_passes_through_untouched():
    A = BlockSum((1, 4, 4), 2)
    assert as_forward(A, (7,), dtype=torch.float64) is A


def test_array_becomes_a_matrix():
    A = as_forward(np.ones((3, 4)), (1, 2, 2), out_shape=(3, 1), dtype=torch.float64)
    assert isinstance(A, Matrix)
    assert (A.in_shape, A.out_shape, A.dtype) == ((1, 2, 2), (3, 1), torch.float64)


@pytest.mark.parametrize("obj", [3, "blur", [[1.0, 2.0]], None])
def test_what_is_no_operator_is_refused(obj: object):
    with pytest.raises(InputError, match="is no forward operator"):
        as_forward(obj, (4,))


@pytest.mark.parametrize("factor", [784.0, -1.0, 1.01])
def test_wrong_factor_of_the_adjoint_is_measured(factor: float):
    M = np.random.default_rng(0).standard_normal((5, 8))
    operator = LinearOperator(M.shape, matvec=lambda x: M @ x, rmatvec=lambda y: M.T @ y / factor)
    with pytest.raises(AdjointError, match=r"ratio is constant.*weighting") as raised:
        as_forward(operator)
    assert raised.value.ratio == pytest.approx(factor, rel=1e-4)


def test_other_adjoint_is_not_called_a_weighting():
    M = np.random.default_rng(0).standard_normal((8, 8))
    operator = LinearOperator(M.shape, matvec=lambda x: M @ x, rmatvec=lambda y: M @ y)
    with pytest.raises(AdjointError) as raised:
        as_forward(operator)
    assert "constant" not in str(raised.value)


def test_adjoint_that_is_zero_is_refused():
    operator = LinearOperator((3, 3), matvec=lambda x: x, rmatvec=lambda y: 0 * y)
    with pytest.raises(AdjointError) as raised:
        as_forward(operator)
    assert raised.value.ratio == float("inf")


def test_offset_is_not_linear():
    operator = LinearOperator((3, 3), matvec=lambda x: x + 1, rmatvec=lambda y: y)
    with pytest.raises(InputError, match="said to be linear"):
        as_forward(operator)


def test_operator_that_does_not_fit_the_candidates_is_refused():
    with pytest.raises(InputError, match=r"takes \(12,\), 12 numbers, but \(1, 4, 4\) with 16"):
        as_forward(aslinearoperator(np.ones((3, 12))), (1, 4, 4))
    with pytest.raises(InputError, match=r"gives \(3,\)"):
        as_forward(aslinearoperator(np.ones((3, 12))), out_shape=(4,))


def test_host_operator_on_a_device_says_that_it_copies(caplog: pytest.LogCaptureFixture):
    from sciadv.forward.adapters.host import host_linear
    from sciadv.forward.adapters.request import Request

    request = Request(None, None, torch.float32, torch.device("meta"))
    with caplog.at_level(logging.WARNING):
        host_linear(lambda x: x, lambda y: y, (3,), (3,), request, "theirs")
    assert "theirs computes on the host" in caplog.text


def test_checks_are_small_for_a_good_operator(generator: torch.Generator):
    A = BlockSum((1, 4, 4), 2, dtype=torch.float64)
    assert dot_test(A, generator=generator).error < 1e-14
    assert linearity_error(A, generator=generator) < 1e-14
    assert batch_error(A, generator=generator) < 1e-14


def test_zero_operator_has_an_adjoint():
    A = as_forward(np.zeros((2, 3)))
    check_forward(A)
    assert not to_dense(A).any()
