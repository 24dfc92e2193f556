"""Likelihoods: gradients against autograd, energies against SciPy, noise against its own misfit."""

import hypothesis
import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import strategies as st

from sciadv import Gaussian, Poisson, StudentT, Tolerance
from sciadv.errors import InputError
from sciadv.likelihood import NegativeBinomial, as_data, real_view

LIKELIHOODS = {
    "gaussian": Gaussian(0.3),
    "gaussian-per-datum": Gaussian(torch.tensor([0.1, 0.5, 1.0, 2.0])),
    "gaussian-unknown": Gaussian(None),
    "poisson": Poisson(0.5),
    "negative-binomial": NegativeBinomial(torch.tensor([0.1, 0.5, 1.0, 2.0])),
    "tolerance": Tolerance(0.4),
    "student-t": StudentT(0.3, freedom=3.0),
}


def _data(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    prediction = 1 + 3 * torch.rand(3, 4, generator=generator, dtype=torch.float64)
    return prediction, torch.poisson(prediction, generator=generator)


@pytest.mark.parametrize("out_shape", [(4,), (2, 3, 5)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64])
def test_real_numbers_are_shaped_as_the_data_they_came_from(dtype, out_shape):
    y = torch.randn(3, *out_shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    back = as_data(real_view(y), out_shape)
    assert back.dtype == dtype
    assert torch.equal(back, y)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_gradient_is_that_of_the_energy(name):
    likelihood, (prediction, y) = LIKELIHOODS[name], _data(0)
    leaf = prediction.clone().requires_grad_(True)
    (expected,) = torch.autograd.grad(likelihood.energy(leaf, y).sum(), leaf)
    torch.testing.assert_close(likelihood.gradient(prediction, y), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_curvature_is_positive_and_of_the_prediction_shape(name):
    likelihood, (prediction, y) = LIKELIHOODS[name], _data(1)
    curvature = likelihood.curvature(prediction, y)
    assert curvature.shape == prediction.shape
    assert bool((curvature >= 0).all())


@pytest.mark.parametrize("name", ["gaussian", "gaussian-per-datum"])
def test_gaussian_energy_differs_from_scipy_by_a_constant(name):
    likelihood, (prediction, y) = LIKELIHOODS[name], _data(2)
    density = scipy.stats.norm(prediction.numpy(), likelihood.sigma.double().numpy()).logpdf(y.numpy()).sum(1)
    constant = likelihood.energy(prediction, y).numpy() + density
    np.testing.assert_allclose(constant, constant[0], rtol=1e-6)


def test_poisson_energy_is_half_the_deviance():
    (prediction, y), likelihood = _data(3), Poisson(0.5)
    rate = prediction.numpy() + 0.5
    log_density = scipy.stats.poisson(rate).logpmf(y.numpy()).sum(1)
    saturated = scipy.stats.poisson(np.maximum(y.numpy(), 1e-300)).logpmf(y.numpy()).sum(1)
    np.testing.assert_allclose(likelihood.energy(prediction, y).numpy(), saturated - log_density, rtol=1e-8)


def test_negative_binomial_energy_is_half_the_deviance():
    (prediction, y), likelihood = _data(3), LIKELIHOODS["negative-binomial"]
    r = 1 / likelihood.overdispersion.double().numpy()

    def log_density(mean):
        return scipy.stats.nbinom(r, r / (r + mean)).logpmf(y.numpy()).sum(1)

    expected = log_density(np.maximum(y.numpy(), 1e-12)) - log_density(prediction.numpy())
    np.testing.assert_allclose(likelihood.energy(prediction, y).numpy(), expected, rtol=1e-6)


def test_a_count_that_was_not_measured_says_nothing():
    (prediction, y), likelihood = _data(3), NegativeBinomial(0.5)
    without = likelihood.energy(prediction[:, 1:], y[:, 1:])
    y[:, 0] = -1
    likelihood.check_data(y)
    torch.testing.assert_close(likelihood.energy(prediction, y), without)
    assert bool((likelihood.gradient(prediction, y)[:, 0] == 0).all())
    assert bool((likelihood.curvature(prediction, y)[:, 0] == 0).all())
    torch.testing.assert_close(
        likelihood.misfit(prediction, y), likelihood.misfit(prediction[:, 1:], y[:, 1:])
    )
    with pytest.raises(InputError, match="negative at 3 of 12 data"):
        likelihood.check_data(y - 0.5 * (y == -1))


def test_unknown_sigma_is_the_known_one_at_its_estimate():
    prediction, y = _data(4)
    estimate = float((prediction[0] - y[0]).square().mean().sqrt())
    torch.testing.assert_close(
        Gaussian(None).gradient(prediction, y)[0],
        Gaussian(estimate).gradient(prediction, y)[0].double(),
        rtol=1e-5,
        atol=0,
    )


@hypothesis.given(st.floats(0.01, 10), st.booleans())
@hypothesis.settings(max_examples=20)
def test_simulated_gaussian_noise_has_misfit_one(sigma, is_complex):
    prediction = torch.zeros(2, 5000, dtype=torch.complex64 if is_complex else torch.float32)
    likelihood = Gaussian(sigma)
    y = likelihood.sample(prediction, generator=torch.Generator().manual_seed(0))
    assert y.dtype == prediction.dtype
    torch.testing.assert_close(likelihood.misfit(prediction, y), torch.ones(2), rtol=0.05, atol=0)


def test_simulated_counts_have_misfit_one():
    prediction = torch.full((2, 5000), 4.0)
    y = Poisson(1.0).sample(prediction, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Poisson(1.0).misfit(prediction, y), torch.ones(2), rtol=0.05, atol=0)


def test_tolerance_costs_nothing_inside_and_rises_outside():
    likelihood, y = Tolerance(0.5), torch.zeros(3, 1)
    prediction = torch.tensor([[0.44], [0.5], [-1.0]])
    energy = likelihood.energy(prediction, y)
    assert energy[0] == 0  # before the margin, the outer tenth of the tolerance
    torch.testing.assert_close(energy[1], torch.tensor(0.5))
    torch.testing.assert_close(likelihood.misfit(prediction, y), torch.tensor([0.88, 1.0, 2.0]))
    assert float(likelihood.gradient(prediction, y)[2]) < 0


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_sigma_is_refused_in_words(sigma):
    with pytest.raises(InputError, match="sigma must be a finite number > 0"):
        Gaussian(sigma)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="background must be a finite number >= 0"):
        Poisson(-1.0)
    with pytest.raises(InputError, match="width must be a finite number > 0"):
        Tolerance(0.0)
    with pytest.raises(InputError, match="unknown sigma"):
        Gaussian(None).sample(torch.zeros(1, 2), generator=torch.Generator())


def test_student_t_energy_is_scipys_and_its_noise_has_its_law():
    likelihood = StudentT(0.5, freedom=3.0)
    prediction, y = _data(3)
    log_density = scipy.stats.t.logpdf((y - prediction).numpy(), 3.0, scale=0.5)
    at_peak = scipy.stats.t.logpdf(0.0, 3.0, scale=0.5)
    expected = (at_peak - log_density).sum(1)
    np.testing.assert_allclose(likelihood.energy(prediction, y).numpy(), expected, rtol=1e-10)
    zero = torch.zeros(1, 20000, dtype=torch.float64)
    noise = likelihood.sample(zero, generator=torch.Generator().manual_seed(0))
    assert scipy.stats.kstest(noise[0].numpy(), scipy.stats.t(3.0, scale=0.5).cdf).pvalue > 0.01
    assert float(likelihood.misfit(zero, noise)) == pytest.approx(1.0, abs=0.02)


def test_student_t_of_complex_data_is_the_bivariate_law():
    likelihood = StudentT(0.5, freedom=3.0)
    zero = torch.zeros(1, 20000, dtype=torch.complex128)
    noise = likelihood.sample(zero, generator=torch.Generator().manual_seed(0))
    both = torch.view_as_real(noise)[0].numpy()
    law = scipy.stats.multivariate_t(shape=0.25 * np.eye(2), df=3.0)
    expected = (law.logpdf([0.0, 0.0]) - law.logpdf(both)).sum()
    assert float(likelihood.energy(zero, noise)) == pytest.approx(expected, rel=1e-10)
    assert float(likelihood.misfit(zero, noise)) == pytest.approx(1.0, abs=0.02)


def test_an_outlier_moves_student_t_less_than_gaussian():
    y = torch.tensor([[0.0, 0.0, 0.0, 50.0]])
    pull = {kind: kind(1.0).gradient(torch.zeros(1, 4), y)[0, 3].abs() for kind in (Gaussian, StudentT)}
    assert float(pull[StudentT]) < 0.01 * float(pull[Gaussian])
    with pytest.raises(InputError, match="freedom must be a finite number > 0"):
        StudentT(1.0, freedom=0.0)


def _as_rows(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64)


def test_curvatures_are_their_closed_forms():
    prediction, y = _as_rows(1.5, 3.5, 0.5), _as_rows(1.0, 2.0, 0.0)
    rate = prediction + 0.5
    torch.testing.assert_close(Poisson(0.5).curvature(prediction, y), 1 / rate)
    torch.testing.assert_close(Gaussian(0.5).curvature(prediction, y), torch.full_like(y, 4.0))
    heavy = StudentT(0.5, freedom=3.0).curvature(prediction, y)
    torch.testing.assert_close(heavy, 4.0 / (3 + (2 * (prediction - y)).square()) * 4)
    # widths 1 and softness 0.25: residuals 0.5 (inside), 1.5 (outside), 0.9 (in the margin)
    tolerance = Tolerance(1.0, softness=0.25)
    inside, outside, margin = tolerance.curvature(_as_rows(0.5, 1.5, 0.9), _as_rows(0, 0, 0))[0]
    assert (float(inside), float(outside), float(margin)) == (0.0, 16.0, 16.0)


def test_a_tolerance_has_the_curvature_of_its_energy_past_the_margin():
    tolerance = Tolerance(0.5, softness=0.2)
    leaf = _as_rows(0.45, 0.9, -2.0).requires_grad_(True)
    gradient = tolerance.gradient(leaf, torch.zeros_like(leaf))
    (second,) = torch.autograd.grad(gradient.sum(), leaf)
    torch.testing.assert_close(tolerance.curvature(leaf.detach(), torch.zeros_like(second)), second)


def test_misfits_are_their_closed_forms():
    prediction, y = _as_rows(2.0, 8.0), _as_rows(4.0, 4.0)
    assert float(Poisson().misfit(prediction, y)) == pytest.approx(((4 / 2 + 16 / 8) / 2) ** 0.5)
    assert float(Tolerance(2.0).misfit(prediction, y)) == 2.0  # the largest of 1 and 2
    assert float(Gaussian(2.0).misfit(prediction, y)) == pytest.approx((2.5) ** 0.5)
    assert float(Gaussian(2.0).energy(prediction, y)) == pytest.approx(2.5)
    assert float(Gaussian(None).misfit(prediction, y)) == pytest.approx(10**0.5)


def test_a_tolerance_costs_a_half_at_its_edge():
    assert float(Tolerance(2.0).energy(_as_rows(2.0), _as_rows(0.0))) == pytest.approx(0.5)
