"""Error-controlled integration against SciPy and closed forms: order, tolerance, breaks, failures."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from sciadv.errors import InputError
from sciadv.physics.dynamics.adaptive import integrate
from sciadv.physics.dynamics.integration import Span, Tolerances
from sciadv.physics.dynamics.runge_kutta import tsitouras

TIGHT = Tolerances(rtol=1e-9, atol=1e-12)


def decays(rates: torch.Tensor):
    return lambda index: lambda x, t: -rates[index] * x


def van_der_pol(stiffness: torch.Tensor):
    def of(index):
        mu = stiffness[index]
        return lambda x, t: torch.stack([x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]])

    return of


def test_the_pair_fulfils_the_order_conditions():
    pair = tsitouras()
    c = np.array(pair.nodes)
    a = np.zeros((7, 7))
    for i, row in enumerate(pair.rows):
        a[i + 1, : len(row)] = row
    b = a[-1]
    np.testing.assert_allclose(a.sum(1), c, atol=1e-12)
    for power in range(5):
        assert b @ c**power == pytest.approx(1 / (power + 1), abs=1e-12)
    assert b @ a @ c == pytest.approx(1 / 6, abs=1e-12)
    assert b @ a @ a @ c == pytest.approx(1 / 24, abs=1e-12)
    assert b @ a @ a @ a @ c == pytest.approx(1 / 120, abs=1e-12)
    lower = b - np.array(pair.error)
    for power in range(4):
        assert lower @ c**power == pytest.approx(1 / (power + 1), abs=1e-9)


@given(theta=st.floats(0, 1))
def test_the_polynomial_between_steps_has_order_four(theta):
    pair = tsitouras()
    c = np.array(pair.nodes)
    weights = sum(theta ** (d + 1) * np.array(row) for d, row in enumerate(pair.dense))
    for power in range(4):
        assert weights @ c**power == pytest.approx(theta ** (power + 1) / (power + 1), abs=1e-9)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_errors_follow_the_tolerance(rtol):
    rates = torch.tensor([0.1, 1.0, 7.0], dtype=torch.float64)
    found = integrate(
        decays(rates), torch.ones(1, 3).double(), Span(3.0), tolerances=Tolerances(rtol, rtol / 100)
    )
    error = (found.levels[-1, :, 0] - (-3 * rates).exp()).abs()
    assert 1e-4 * rtol < float(error.max()) < 10 * rtol


def test_kept_states_are_those_of_scipy():
    stiffness = torch.tensor([0.5, 2.0, 8.0], dtype=torch.float64)
    start = torch.tensor([[2.0], [0.0]], dtype=torch.float64).expand(2, 3)
    found = integrate(van_der_pol(stiffness), start, Span(20.0, 37, keep_from=5.0), tolerances=TIGHT).check()
    times = 5 + 15 * np.arange(1, 38) / 37
    for k, mu in enumerate(stiffness.tolist()):
        exact = solve_ivp(
            lambda t, x, mu=mu: [x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]],
            (0, 20),
            [2.0, 0.0],
            method="DOP853",
            rtol=1e-11,
            atol=1e-12,
            t_eval=times,
        )
        np.testing.assert_allclose(found.levels[:, k].numpy(), exact.y.T, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), n_slots=st.integers(1, 9))
def test_slots_change_nothing(seed, n_slots):
    rates = torch.rand(9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 5
    start = torch.ones(1, 9).double()
    together = integrate(decays(rates), start, Span(4.0, 5))
    apart = integrate(decays(rates), start, Span(4.0, 5), n_slots=n_slots)
    torch.testing.assert_close(apart.levels, together.levels, rtol=1e-12, atol=1e-14)
    assert bool((apart.n_steps == together.n_steps).all())


def test_every_system_has_steps_of_its_own():
    rates = torch.tensor([0.1, 100.0], dtype=torch.float64)
    found = integrate(decays(rates), torch.ones(1, 2).double(), Span(10.0))
    assert int(found.n_steps[1]) > 20 * int(found.n_steps[0])


def test_rates_may_jump_where_a_break_is_stated():
    def rates(index):
        return lambda x, t: (t >= 1.3).to(x.dtype).expand_as(x)

    found = integrate(rates, torch.zeros(1, 2).double(), Span(3.0, 30, breaks=(1.3, 99.0)))
    times = 0.1 * torch.arange(1, 31, dtype=torch.float64)
    torch.testing.assert_close(found.levels[:, 0, 0], (times - 1.3).clamp_min(0), atol=1e-10, rtol=0)
    assert int(found.n_steps.max()) < 40


def test_a_ramp_is_integrated_by_its_time():
    found = integrate(
        lambda index: lambda x, t: t.cos().expand_as(x),
        torch.zeros(1, 1).double(),
        Span(2.0, start=1.0),
        tolerances=TIGHT,
    )
    assert float(found.levels) == pytest.approx(math.sin(2) - math.sin(1), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_dtype_is_that_of_the_states(dtype):
    found = integrate(decays(torch.ones(2, dtype=dtype)), torch.ones(1, 2, dtype=dtype), Span(1.0))
    assert found.levels.dtype == dtype
    assert float(found.levels[0, 0, 0]) == pytest.approx(math.exp(-1), rel=1e-4)


def test_a_stiff_system_is_flagged_and_the_others_are_right():
    rates = torch.tensor([1.0, 1e7], dtype=torch.float64)
    found = integrate(
        lambda index: lambda x, t: -rates[index] * (x - t.cos()),
        torch.ones(1, 2).double(),
        Span(10.0),
        tolerances=Tolerances(max_steps=500),
    )
    assert found.is_done.tolist() == [True, False]
    assert bool(found.levels[-1, 0].isfinite().all())
    assert bool(found.levels[-1, 1].isnan().all())
    with pytest.raises(InputError, match=r"1 of 2 systems .* system 1 stopped at .* after 5.. steps"):
        found.check()


def test_a_blow_up_is_flagged():
    found = integrate(lambda index: lambda x, t: x**2, torch.ones(1, 1).double(), Span(2.0))
    assert not bool(found.is_done)
    assert float(found.reached) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("t_start <= keep_from < t_end", {"end": -1.0}),
        ("keep_from < t_end", {"end": 1.0, "keep_from": 2.0}),
        ("t_end", {"end": math.inf}),
        ("n_kept >= 1", {"end": 1.0, "n_kept": 0}),
    ],
)
def test_bad_spans_are_refused_in_words(words, arguments):
    with pytest.raises(InputError, match=words):
        Span(**arguments)


def test_states_that_cannot_be_integrated_or_held_are_refused_in_words():
    with pytest.raises(InputError, match="NaN or Inf"):
        integrate(decays(torch.ones(1)), torch.full((1, 1), torch.inf), Span(1.0))
    with pytest.raises(InputError, match="keep fewer states"):
        integrate(decays(torch.ones(1)), torch.ones(1, 1), Span(1.0, n_kept=10**13))


@pytest.mark.parametrize("settings", [{"rtol": 0.0}, {"atol": 2.0}, {"max_steps": 0}])
def test_bad_tolerances_are_refused_in_words(settings):
    with pytest.raises(InputError, match="expected"):
        Tolerances(**settings)
