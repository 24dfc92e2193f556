"""`check_forward` finds each broken promise, and says by how much."""

import pytest
import torch
from torch import Tensor

from sciadv.errors import AdjointError
from sciadv.forward import BlockSum, FaciesSlowness, Forward, LinearForward
from sciadv.forward.autodiff import apply_linear
from sciadv.testing import check_forward


class Good(LinearForward):
    """Doubles; each test breaks one thing."""

    def __init__(self) -> None:
        super().__init__((3,), (3,))
        self.n_calls = 0

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x

    def adjoint(self, y: Tensor) -> Tensor:
        return 2 * y


class WrongAdjoint(Good):
    def adjoint(self, y: Tensor) -> Tensor:
        return 4 * y


class SlightlyWrongAdjoint(Good):
    def adjoint(self, y: Tensor) -> Tensor:
        return (2 + 1e-8) * y


class Affine(Good):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x + 1


class MixesBatch(Good):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - x.mean(0)


class WrongShape(Good):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x[:, None]


class WrongDtype(Good):
    def forward(self, x: Tensor) -> Tensor:
        return (2 * x).double()


class ChangesInput(Good):
    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2)


class Random(Good):
    def forward(self, x: Tensor) -> Tensor:
        self.n_calls += 1
        return 2 * x + 1e-2 * self.n_calls


class Divides(Good):
    def forward(self, x: Tensor) -> Tensor:
        return x / 0


class Detached(Good):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x.detach()


class WrongGradient(Good):
    def forward(self, x: Tensor) -> Tensor:
        return apply_linear(lambda x: 2 * x, lambda y: 3 * y, x)


class ClaimsNonlinear(Good):
    is_linear = False


class Square(Forward):
    is_linear = False

    def __init__(self) -> None:
        super().__init__((3,), (3,))

    def forward(self, x: Tensor) -> Tensor:
        return x**2

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        return 2 * x * tangent

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        return 2 * x * cotangent


class WrongDerivative(Square):
    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        return 3 * x * tangent

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        return 3 * x * cotangent


@pytest.mark.parametrize(
    "make", [Good, Square, lambda: BlockSum((1, 4, 4), 2), lambda: FaciesSlowness((1, 2, 2))]
)
def test_good_operator_passes(make):
    check_forward(make())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Affine, r"differs from A\(a\) \+ 2 A\(b\)"),
        (MixesBatch, "batch differs from its members"),
        (WrongShape, r"forward gives shape \(3, 1, 3\), not \(3, 3\)"),
        (WrongDtype, "gives torch.float64, not torch.float32"),
        (ChangesInput, "changes its input in place"),
        (Random, "two calls on the same candidates differ"),
        (Divides, "NaN or Inf"),
        (Detached, "torch does not see the operator"),
        (WrongGradient, "torch's gradient differs from vjp"),
        (ClaimsNonlinear, "is_linear is False, but the class is a LinearForward"),
        (WrongDerivative, "jvp differs from central differences"),
    ],
)
def test_broken_promise_is_named(make: type[Forward], message: str):
    with pytest.raises(AssertionError, match=message):
        check_forward(make())


def test_wrong_adjoint_is_measured():
    with pytest.raises(AdjointError, match="ratio is constant") as raised:
        check_forward(WrongAdjoint())
    assert raised.value.ratio == pytest.approx(0.5)


def test_double_precision_finds_what_single_does_not():
    check_forward(SlightlyWrongAdjoint(), has_double=False)
    with pytest.raises(AdjointError, match="float64"):
        check_forward(SlightlyWrongAdjoint())


def test_operator_is_left_as_it_was():
    A = BlockSum((1, 4, 4), 2)
    check_forward(A)
    assert A.dtype == torch.float32


def test_same_seed_is_the_same_check():
    messages = []
    for _ in range(2):
        with pytest.raises(AssertionError) as raised:
            check_forward(Affine(), seed=3)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]
