"""Magnitudes of linear measurements: values, derivatives, and images found from magnitudes alone."""

import pytest
import torch

from sciadv import Gaussian, Prior, Problem, Status, solve
from sciadv.errors import InputError
from sciadv.forward import FaciesSlowness, GaussianSensing, Magnitude, MaskedFourier
from sciadv.nets import build_seeded
from sciadv.testing import check_forward


def fourier():
    return MaskedFourier((1, 6, 6), torch.ones(6, 6, dtype=torch.bool))


def test_complex_magnitudes_keep_the_promises_of_all_operators():
    check_forward(Magnitude(fourier()))


def test_real_magnitudes_have_the_derivative_of_finite_differences():
    A = Magnitude(GaussianSensing((1, 6, 6), 20, seed=0)).to(torch.float64)
    draw = torch.Generator().manual_seed(0)
    x, t = (torch.randn(3, 1, 6, 6, generator=draw, dtype=torch.float64) for _ in range(2))
    step = 1e-7
    assert torch.allclose(A.jvp(x, t), (A(x + step * t) - A(x - step * t)) / (2 * step), atol=1e-6)
    c = torch.randn(3, 20, generator=draw, dtype=torch.float64)
    assert torch.allclose((A.jvp(x, t) * c).sum(), (t * A.vjp(x, c)).sum())


def test_a_sign_or_a_shift_does_not_change_what_is_seen():
    x = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(Magnitude(fourier())(-x), Magnitude(fourier())(x), atol=1e-5)
    assert torch.allclose(Magnitude(fourier())(x.roll((1, 2), (2, 3))), Magnitude(fourier())(x), atol=1e-4)


def test_an_image_is_found_from_magnitudes_alone():
    net = build_seeded({"kind": "mlp-decoder", "n_latent": 4, "image_shape": [1, 6, 6], "hidden": [16]}, 0)
    prior, A = Prior(net, 4), Magnitude(GaussianSensing((1, 6, 6), 24, seed=1))
    truth = prior.sample(5, seed=3)
    with torch.no_grad():
        y = A(truth)
    solution = solve(Problem(prior, A, Gaussian(0.01), y))
    assert all(status is Status.EXPLAINED for status in solution.status)
    assert torch.allclose(solution.x, truth, atol=0.02)


def test_magnitudes_of_a_nonlinear_operator_are_refused():
    with pytest.raises(InputError, match="not"):
        Magnitude(FaciesSlowness((1, 6, 6)))
