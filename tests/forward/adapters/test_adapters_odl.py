"""ODL's operators, whose adjoints are those of weighted inner products."""

import warnings

import numpy as np
import pytest
import torch

from sciadv.errors import AdjointError, InputError
from sciadv.forward import as_forward, to_dense
from sciadv.testing import check_forward

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its imports, not of ours
    odl = pytest.importorskip("odl")


def weighted_space(n: int = 6, *, dtype: str = "float64"):
    """Functions on the unit square: inner products carry the cell's area."""
    return odl.uniform_discr([0, 0], [1, 1], [n, n], dtype=dtype)


class Sampling(odl.Operator):
    """The first values of a function: from a weighted space to an unweighted one."""

    def __init__(self, space, n: int = 5) -> None:
        super().__init__(space, odl.rn(n, dtype=space.dtype_identifier), linear=True)
        self.n = n

    def _call(self, x):
        return x.asarray().ravel()[: self.n]

    @property
    def adjoint(self):
        return Spreading(self.range, self.domain)


class Spreading(odl.Operator):
    def __init__(self, domain, space) -> None:
        super().__init__(domain, space, linear=True)

    def _call(self, y):
        x = np.zeros(self.range.size)
        x[: y.size] = y.asarray() / self.range.cell_volume
        return x.reshape(self.range.shape)

    @property
    def adjoint(self):
        return Sampling(self.range, self.domain.size)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ODL's own deprecations
        yield


def test_weighted_adjoint_becomes_euclidean():
    A = as_forward(Sampling(weighted_space()), (1, 6, 6), dtype=torch.float64)
    torch.testing.assert_close(to_dense(A), torch.eye(5, 36, dtype=torch.float64))
    check_forward(A)


def test_adjoint_without_its_weight_is_found_out():
    class Forgetful(Sampling):
        @property
        def adjoint(self):
            return self.domain.cell_volume * Spreading(self.range, self.domain)

    with pytest.raises(AdjointError, match="constant") as raised:
        as_forward(Forgetful(weighted_space()))
    assert raised.value.ratio == pytest.approx(36, rel=1e-4)


def test_scipy_export_of_odl_is_found_to_be_weighted():
    with pytest.raises(AdjointError, match="weighting"):
        as_forward(odl.as_scipy_operator(Sampling(weighted_space())))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_into_a_product_space(dtype: str):
    A = as_forward(odl.Gradient(weighted_space(dtype=dtype)), dtype=getattr(torch, dtype))
    assert (A.in_shape, A.out_shape) == ((6, 6), (2, 6, 6))
    check_forward(A, has_double=dtype == "float64")


def test_weights_of_every_point_and_factor_are_undone():
    points = odl.rn(3, weighting=np.array([1.0, 2.0, 5.0]))
    product = odl.ProductSpace(points, odl.rn(2), weighting=[0.5, 3.0])
    M = np.random.default_rng(0).standard_normal((5, 3))

    class Map(odl.Operator):
        def __init__(self) -> None:
            super().__init__(points, product, linear=True)

        def _call(self, x):
            y = M @ x.asarray()
            return self.range.element([y[:3], y[3:]])

        @property
        def adjoint(self):
            return Back()

    class Back(odl.Operator):
        def __init__(self) -> None:
            super().__init__(product, points, linear=True)

        def _call(self, y):
            weighted = [0.5 * np.array([1.0, 2.0, 5.0]) * y[0].asarray(), 3.0 * y[1].asarray()]
            return M.T @ np.concatenate(weighted) / np.array([1.0, 2.0, 5.0])

    A = as_forward(Map(), dtype=torch.float64)
    assert A.out_shape == (5,)
    np.testing.assert_allclose(to_dense(A), M)


def test_nonlinear_operator_has_its_derivative():
    F = odl.PowerOperator(weighted_space(), 2)
    A = as_forward(F, (1, 6, 6), out_shape=(1, 6, 6), dtype=torch.float64)
    assert not A.is_linear
    check_forward(A)
    x = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(A.jvp(x, torch.ones_like(x)), 2 * x)


def test_functional_is_refused():
    with pytest.raises(InputError, match="functional"):
        as_forward(odl.functionals.L2NormSquared(odl.rn(3)))


def test_operator_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="36 numbers"):
        as_forward(Sampling(weighted_space()), (1, 5, 5))
