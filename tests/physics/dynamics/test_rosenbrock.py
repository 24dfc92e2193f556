"""Implicit integration: order, agreement with Radau on stiff systems, what is kept, what is given up."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from sciadv.physics.dynamics.integration import Span, Tolerances
from sciadv.physics.dynamics.rosenbrock import integrate_stiff

START = torch.tensor([[2.0], [0.0]], dtype=torch.float64)


def van_der_pol(stiffness: torch.Tensor):
    def of(index):
        mu = stiffness[index]
        return lambda x: torch.stack([x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]])

    return of


def radau(mu: float, times: np.ndarray) -> np.ndarray:
    def rate(_, x):
        return [x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]]

    return solve_ivp(rate, (0, times[-1]), [2.0, 0.0], "Radau", times, rtol=1e-11, atol=1e-12).y.T


def test_stiff_and_easy_systems_agree_with_radau_at_every_kept_time():
    stiffness = torch.tensor([1.0, 100.0, 1e4], dtype=torch.float64)
    span = Span(2.0, n_kept=8, keep_from=0.5)
    tight = Tolerances(rtol=1e-8, atol=1e-10)
    found = integrate_stiff(van_der_pol(stiffness), START.expand(2, 3), span, tolerances=tight)
    assert bool(found.is_done.all())
    assert int(found.n_steps.max()) < 1000
    for i, mu in enumerate(stiffness.tolist()):
        expected = radau(mu, span.times().numpy())
        np.testing.assert_allclose(found.levels[:, i].numpy(), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_errors_follow_the_tolerance(rtol):
    rule = Tolerances(rtol=rtol, atol=rtol / 100)
    found = integrate_stiff(van_der_pol(torch.tensor([50.0])), START, Span(20.0), tolerances=rule)
    error = np.abs(found.levels[-1, 0].numpy() - radau(50.0, np.array([20.0]))[0])
    assert error.max() < 50 * rtol


def test_a_system_without_a_finite_rate_is_given_up_and_the_others_are_not():
    def rates(index):
        return lambda x: torch.where(index == 1, torch.nan, -x)

    found = integrate_stiff(rates, torch.ones(1, 2, dtype=torch.float64), Span(1.0))
    assert found.is_done.tolist() == [True, False]
    assert bool(found.levels[:, 1].isnan().all())
    assert float(found.levels[-1, 0, 0]) == pytest.approx(np.exp(-1), rel=1e-5)
