"""deepinv's physics: a stand-in with its interface always, the library where it is installed."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.forward import FaciesSlowness, GaussianSensing, as_forward, to_deepinv, to_dense
from sciadv.forward.adapters.deepinv import DeepinvLinear
from sciadv.testing import check_forward


class Pieces(list):
    """As deepinv's `TensorList`: a list of tensors that is no tensor."""


class Physics(nn.Module):
    """As deepinv's: calling it adds noise, and it never casts."""

    def __init__(self, *, is_stack: bool = False, img_size: tuple | None = (1, 4, 4)) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("weights", torch.randn(3, 16, generator=generator))
        self.noise_model, self.is_stack, self.img_size = (lambda y: y + 1), is_stack, img_size

    def forward(self, x: Tensor) -> Tensor:
        return self.noise_model(self.A(x))

    def A(self, x: Tensor) -> Tensor | Pieces:
        y = x.flatten(1) @ self.weights.T
        return Pieces([y, x[:, :, :2]]) if self.is_stack else y

    def A_vjp(self, x: Tensor, v: Tensor) -> Tensor:
        return self.A_adjoint(v)


class LinearPhysics(Physics):
    def A_adjoint(self, y: Tensor | Pieces) -> Tensor:
        if not self.is_stack:
            return (y @ self.weights).reshape(-1, 1, 4, 4)
        return (y[0] @ self.weights).reshape(-1, 1, 4, 4) + nn.functional.pad(y[1], (0, 0, 0, 2))


class Intensity(Physics):
    """Nonlinear, although it has an adjoint of something, as deepinv's phase retrieval."""

    def A(self, x: Tensor) -> Tensor:
        return super().A(x) ** 2

    def A_adjoint(self, y: Tensor) -> Tensor:
        return y

    def A_vjp(self, x: Tensor, v: Tensor) -> Tensor:
        return ((2 * super().A(x) * v) @ self.weights).reshape(-1, 1, 4, 4)


def test_measurements_are_those_without_noise():
    physics = LinearPhysics()
    A = as_forward(physics)
    x = torch.ones(2, 1, 4, 4)
    torch.testing.assert_close(A(x), physics.A(x))
    check_forward(A, has_double=False)


def test_physics_keeps_its_precision_and_the_candidates_theirs():
    physics = LinearPhysics()
    A = as_forward(physics, dtype=torch.float64)
    y = A.to(torch.float64)(torch.ones(1, 1, 4, 4, dtype=torch.float64))
    assert physics.weights.dtype == torch.float32
    assert y.dtype == A.adjoint(y).dtype == torch.float64
    check_forward(as_forward(LinearPhysics().double()))


def test_stacked_measurements_are_flattened_and_joined():
    A = as_forward(LinearPhysics(is_stack=True))
    assert A.out_shape == (3 + 8,)
    check_forward(A, has_double=False)
    assert torch.equal(to_dense(A)[3:], torch.eye(8, 16))


def test_nonlinear_physics_gives_its_own_derivative():
    A = as_forward(Intensity())
    assert not A.is_linear
    check_forward(A)


def test_physics_in_another_precision_is_refused_if_nonlinear():
    with pytest.raises(InputError, match=r"computes in torch\.float32"):
        as_forward(Intensity(), dtype=torch.float64)


def test_stacked_nonlinear_physics_is_refused():
    class Stacked(Intensity):
        def A(self, x: Tensor) -> Pieces:
            return Pieces([super().A(x)])

    with pytest.raises(InputError, match=r"sciadv\.forward\.stack"):
        as_forward(Stacked())


def test_unknown_image_size_must_be_given():
    with pytest.raises(InputError, match="give in_shape"):
        as_forward(LinearPhysics(img_size=None))
    assert as_forward(LinearPhysics(img_size=None), (1, 4, 4)).in_shape == (1, 4, 4)


def test_physics_that_fails_on_the_shape_is_refused():
    with pytest.raises(InputError, match=r"A on a candidate of shape \(1, 1, 5, 5\)"):
        as_forward(LinearPhysics(), (1, 5, 5))


def test_wrapped_physics_can_be_copied():
    A = as_forward(LinearPhysics())
    B = copy.deepcopy(A)
    assert isinstance(B, DeepinvLinear)
    assert B.physics.weights is not A.physics.weights


@pytest.fixture(scope="module")
def deepinv():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports
        return pytest.importorskip("deepinv")


PHYSICS = {
    "compressed-sensing": (
        lambda p: p.CompressedSensing(m=20, img_size=(1, 8, 8), device="cpu"),
        1,
        torch.float32,
    ),
    "compressed-sensing-complex": (
        lambda p: p.CompressedSensing(m=20, img_size=(1, 8, 8), device="cpu", dtype=torch.cfloat),
        1,
        torch.complex64,
    ),
    "inpainting": (lambda p: p.Inpainting(img_size=(1, 8, 8), mask=0.5, device="cpu"), 1, torch.float32),
    "downsampling": (
        lambda p: p.Downsampling(img_size=(1, 8, 8), factor=2, filter="gaussian", device="cpu"),
        1,
        torch.float32,
    ),
    "blur": (
        lambda p: p.Blur(filter=torch.ones(1, 1, 3, 3) / 9, padding="circular", device="cpu"),
        1,
        torch.float32,
    ),
    "tomography": (lambda p: p.Tomography(angles=10, img_width=8, device="cpu"), 1, torch.float32),
    "mri": (
        lambda p: p.MRI(mask=torch.eye(8)[None, None], img_size=(2, 8, 8), device="cpu"),
        2,
        torch.float32,
    ),
    "stacked": (
        lambda p: p.Blur(filter=torch.ones(1, 1, 3, 3) / 9, padding="circular").stack(
            p.Downsampling(img_size=(1, 8, 8), factor=2, filter="gaussian")
        ),
        1,
        torch.float32,
    ),
    "noisy": (
        lambda p: p.Inpainting(
            img_size=(1, 8, 8),
            mask=0.5,
            noise_model=p.GaussianNoise(0.1, rng=torch.Generator().manual_seed(0)),
        ),
        1,
        torch.float32,
    ),
    "phase-retrieval": (
        lambda p: p.RandomPhaseRetrieval(m=40, img_size=(1, 8, 8), device="cpu"),
        1,
        torch.complex64,
    ),
}


@pytest.mark.parametrize("name", PHYSICS)
@pytest.mark.filterwarnings("ignore")
def test_deepinv_physics_keeps_every_promise(name: str, deepinv):
    make, channels, dtype = PHYSICS[name]
    A = as_forward(make(deepinv.physics), (channels, 8, 8), dtype=dtype)
    check_forward(A, has_double=False)


@pytest.mark.filterwarnings("ignore")
def test_export_to_deepinv_and_back(deepinv):
    A = GaussianSensing((1, 4, 4), 6, seed=0)
    physics = to_deepinv(A)
    assert isinstance(physics, deepinv.physics.LinearPhysics)
    x = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(physics(x), A(x))
    assert abs(physics.adjointness_test(x)) < 1e-4
    torch.testing.assert_close(to_dense(as_forward(physics)), to_dense(A))


@pytest.mark.filterwarnings("ignore")
def test_nonlinear_export_to_deepinv_differentiates(deepinv):
    F = FaciesSlowness((1, 3, 3))
    x = torch.rand(1, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(to_deepinv(F).A_vjp(x, torch.ones_like(x)), F.vjp(x, torch.ones_like(x)))
