"""Stochastic simulators against the Poisson distribution of birth and death, and one another."""

import pytest
import torch
from scipy import stats

from sciadv.errors import InputError
from sciadv.physics.dynamics.integration import Span
from sciadv.physics.dynamics.stochastic import (
    Reactions,
    simulate_exactly,
    simulate_langevin,
    simulate_leaping,
)

N = 4000


def birth_death(birth: float, death: float = 1.0) -> Reactions:
    return Reactions(
        lambda x: torch.cat([torch.full_like(x, birth), death * x]),
        torch.tensor([[1.0, -1.0]], dtype=torch.float64),
    )


def nothing(n: int = N) -> torch.Tensor:
    return torch.zeros(1, n, dtype=torch.float64)


@pytest.mark.parametrize("simulate", [simulate_exactly, simulate_leaping])
@pytest.mark.parametrize("mean", [0.5, 6.0])
def test_birth_and_death_are_poisson_at_rest(simulate, mean):
    ends = simulate(birth_death(mean), nothing(), Span(12.0), seed=3)[0, :, 0]
    counts = torch.bincount(ends.long(), minlength=40).numpy()[: int(mean + 12)]
    expected = N * stats.poisson(mean).pmf(range(len(counts)))
    pooled = expected > 5
    chi = ((counts - expected)[pooled] ** 2 / expected[pooled]).sum()
    assert chi < stats.chi2(pooled.sum()).ppf(0.999)


def test_the_mean_of_exact_events_follows_its_differential_equation():
    span = Span(3.0, n_kept=6)
    levels = simulate_exactly(birth_death(20.0, 2.0), nothing(), span, seed=1)[..., 0]
    mean = 10 * (1 - (-2 * span.times()).exp())
    assert bool(((levels.mean(1) - mean).abs() < 4 * (mean / N).sqrt()).all())
    assert bool(((levels.var(1) / mean - 1).abs() < 0.1).all())  # Poisson at every time


@pytest.mark.parametrize(
    ("simulate", "settings"),
    [(simulate_leaping, {}), (simulate_leaping, {"epsilon": 0.01}), (simulate_langevin, {"dt": 0.1})],
)
def test_moments_of_many_copies_are_those_of_poisson(simulate, settings):
    ends = simulate(birth_death(2000.0), nothing() + 1900, Span(8.0), seed=2, **settings)[0, :, 0]
    assert float(ends.mean()) == pytest.approx(2000, rel=0.003)
    assert float(ends.var()) == pytest.approx(2000, rel=0.1)


def test_leaps_are_fewer_than_events():
    with pytest.raises(InputError, match=r"after 500 steps .* allow more"):
        simulate_exactly(birth_death(2000.0), nothing(2), Span(8.0), seed=0, max_events=500)
    simulate_leaping(birth_death(2000.0), nothing(2) + 2000, Span(8.0), seed=0, max_leaps=1500)


@pytest.mark.parametrize(
    "simulate", [simulate_exactly, simulate_leaping, lambda *a, **k: simulate_langevin(*a, dt=0.1, **k)]
)
def test_levels_stay_non_negative_and_a_seed_repeats_them(simulate):
    dying = Reactions(lambda x: 3 * x, torch.tensor([[-2.0]], dtype=torch.float64))
    start = nothing(50) + 40
    first = simulate(dying, start, Span(4.0, n_kept=9), seed=5)
    assert float(first.min()) >= 0
    assert first.shape == (9, 50, 1)
    assert torch.equal(first, simulate(dying, start, Span(4.0, n_kept=9), seed=5))
    assert not torch.equal(first, simulate(dying, start, Span(4.0, n_kept=9), seed=6))


def test_where_nothing_can_happen_nothing_does():
    still = Reactions(lambda x: 0 * x, torch.tensor([[1.0]], dtype=torch.float64))
    for simulate in (simulate_exactly, simulate_leaping):
        assert simulate(still, nothing(3) + 2, Span(5.0, n_kept=2), seed=0).tolist() == [[[2.0]] * 3] * 2


@pytest.mark.parametrize(
    ("start", "span", "words"),
    [
        (-1.0, Span(1.0), "finite and >= 0"),
        (0.5, Span(1.0), "whole; round levels"),
        (1.0, Span(1.0, breaks=(0.5,)), "know no breaks"),
        (1.0, Span(1.0, n_kept=10**13), "keep fewer states"),
    ],
)
def test_bad_input_is_refused_in_words(start, span, words):
    with pytest.raises(InputError, match=words):
        simulate_exactly(birth_death(1.0), nothing(2) + start, span, seed=0)


def test_bad_settings_are_refused_in_words():
    with pytest.raises(InputError, match="epsilon"):
        simulate_leaping(birth_death(1.0), nothing(2), Span(1.0), seed=0, epsilon=2.0)
    with pytest.raises(InputError, match="dt > 0"):
        simulate_langevin(birth_death(1.0), nothing(2), Span(1.0), seed=0, dt=0.0)
