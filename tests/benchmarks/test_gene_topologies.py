"""The bench of all topologies of three genes: the study's model, a judge that sees lasting oscillations."""

import os

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import Settings, judge_bars
from benchmarks.design.gene_topologies import (
    BENCH,
    Judge,
    Table,
    at_rest,
    circuits_at,
    correlations,
    hits_of,
    is_oscillation,
    parameter_sets,
    signs_of,
)
from sciadv.errors import InputError
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.steady import Relative, steady_states
from sciadv.physics.regulation.trajectories import simulate

NUMBERS = torch.tensor([1.0, 0.2, 0.5, 5.0, 3.0, 0.1, 0.05, 0.02], dtype=torch.float64)


def transcription(activators: list[float], repressors: list[float]) -> float:
    """The study's promoter by its states, in 1 / s: no site, one or two sites taken."""
    site, second, empty, active, repressed = 10.0, 0.2, 0.5, 5.0, 0.5 * 10**-3.0
    on, off = [p / site for p in activators], [p / site for p in repressors]
    weight, made = 1.0, empty
    for group, rate in ((on, active), (off, repressed)):
        twice = sum(u * u / (2 * second) for u in group)
        pairs = sum(group[i] * group[j] for i in range(len(group)) for j in range(i))
        weight += sum(group) + twice + pairs
        made += rate * (sum(group) + twice + pairs)
    mixed = sum(on) * sum(off)
    return (made + empty * mixed) / (weight + mixed)


def test_transcription_is_that_of_the_studys_promoter():
    signs = signs_of("*ABC::AAa_ABa_BAi_BBi_CAa_CBa_BCi")[None].double()
    kinetics = circuits_at(signs, NUMBERS[None])
    equations = HillEquations.of(kinetics)
    a, b, c = 30.0, 4.0, 11.0
    state = torch.tensor([[a, b, c, 0.0, 0.0, 0.0]], dtype=torch.float64).T
    made = equations(state)[3:, 0].tolist()
    assert made == pytest.approx(
        [transcription([a, c], [b]), transcription([a, c], [b]), transcription([], [b])], rel=1e-9
    )
    state[3:] = 2.0
    moved = equations(state)[:3, 0] - torch.tensor([0.1 * 2.0] * 3, dtype=torch.float64)
    assert moved.tolist() == pytest.approx([-0.02 * a, -0.02 * b, -0.02 * c])


def test_judge_sees_lasting_oscillations_only():
    t = torch.linspace(0, 60, 750)[:, None]
    series = [
        1 + 0.5 * torch.sin(t),
        1 + 0.01 * torch.sin(t),
        1 + t / 60,
        (-t / 20).exp(),
        torch.ones_like(t),
    ]
    assert is_oscillation(torch.cat(series, 1), Judge()).tolist() == [True, False, False, False, False]


def test_only_what_is_near_a_stable_state_is_at_rest():
    signs = signs_of("*AB::ABi_BAi")[None].double()
    kinetics = circuits_at(signs, NUMBERS[None])
    away = torch.tensor([[3.0, 1.0, 0.2, 0.1]], dtype=torch.float64)
    assert not bool(at_rest(kinetics, away, 1e-3))
    end = simulate(kinetics, away, t_end=3000.0)[-1]
    assert bool(at_rest(kinetics, end, 1e-3))
    equal, solved = steady_states(Relative.of(kinetics), torch.full((1, 2), 0.3, dtype=torch.float64))
    assert bool(solved)  # on the line between the two states: an unstable one
    between = HillEquations.of(kinetics).state((equal[0] * kinetics.largest).T).T
    assert not bool(at_rest(kinetics, between, 1e-3))


def test_topologies_without_a_hit_in_the_table_have_none_and_the_first_ones_have_some():
    if not os.environ.get("SCIADV_DATA"):
        pytest.skip("SCIADV_DATA is not set")
    table = Table.load()
    assert len(table.share) == 3325
    silent = torch.tensor([300, 1100, 2100])
    assert float(table.share[silent].max()) == 0
    rows = torch.cat([table.share.argsort(descending=True)[:3], silent])
    hits = hits_of(
        table.signs[rows], parameter_sets(5, seed=1)[3:], Settings(), Judge(t_end=20_000.0, n_kept=250)
    )
    assert bool(hits[:, :3].any())
    assert not bool(hits[:, 3:].any())


def test_no_data_is_said_in_words(monkeypatch):
    monkeypatch.delenv("SCIADV_DATA", raising=False)
    with pytest.raises(InputError, match="set SCIADV_DATA"):
        Table.load()


def test_correlation_of_a_map_with_itself_is_one_and_bars_name_the_rows():
    share = torch.tensor([0.0, 0.0, 0.1, 0.4, 0.2])
    assert correlations(share, share)["spearman"] == pytest.approx(1)
    assert correlations(share, -share + 1)["spearman"] == pytest.approx(-1)
    row = {"row": "map", "n_positive": 3, **correlations(share, share)}
    assert all(bar.holds for bar in judge_bars(BENCH.thresholds, [row]))
    assert "| map |" in BENCH.table([row])
    figure = Figure()
    BENCH.draw(figure, [row])
    assert len(figure.axes) == 1
