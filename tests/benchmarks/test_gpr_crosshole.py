"""The crosshole bench: its judges on cases with a known answer, and the peer on a known posterior."""

from dataclasses import replace

import pytest
import torch

from benchmarks.contract import Settings
from benchmarks.scans import gpr_crosshole
from benchmarks.scans.gpr_crosshole import (
    ONE_START,
    Plan,
    boundary_cells,
    draw_models,
    repeated,
    rmse,
    run,
    table,
)
from benchmarks.scans.peer_dream import run_dream
from sciadv import Gaussian, Prior, Problem
from sciadv.catalogue import problem_spec
from sciadv.forward import CrossholeTravelTime, FaciesSlowness
from sciadv.nets import build_seeded
from sciadv.testing import linear_problem
from sciadv.testing.posterior_suite import gaussian_posterior, moments_of_two_modes, two_modes


def small_case() -> Problem:
    """Return two boreholes 0.6 m apart with four sources and receivers, and a small random generator."""
    shape = (1, 12, 6)
    net = build_seeded({"kind": "mlp-decoder", "n_latent": 3, "image_shape": list(shape), "hidden": [16]}, 0)
    depths = [[0.01, 0.2 + 0.25 * i] for i in range(4)]
    rays = CrossholeTravelTime(shape, sources=depths, receivers=[[0.59, d] for _, d in depths])
    prior, forward = Prior(net, 3), rays @ FaciesSlowness(shape)
    truth = prior.sample(1, seed=1)
    with torch.no_grad():
        return Problem(prior, forward, Gaussian(0.05), forward(truth), truth=truth)


def test_boundaries_are_the_cells_beside_the_other_facies():
    facies = torch.zeros(1, 1, 5, 5)
    facies[0, 0, 2, 2] = 1
    edge = boundary_cells(facies)
    assert edge[0, 0].int().tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_drawn_models_have_the_noise_that_the_likelihood_says():
    drawn = draw_models(small_case(), 50, seed=0)
    assert float(rmse(drawn, drawn.truth).square().mean().sqrt()) == pytest.approx(0.05, rel=0.1)
    assert repeated(small_case(), 3).n_problems == 3


def test_the_peer_samples_a_gaussian_posterior():
    problem = linear_problem(n_problems=1)
    states = [s.z for s in run_dream(problem, n_chains=6, n_generations=3000, seed=0)]
    z = torch.stack(states[1000:]).flatten(0, 1).double()
    mean, covariance = gaussian_posterior(problem)
    spread = covariance.diagonal().sqrt()
    assert float(((z.mean(0) - mean[0]) / spread).abs().max()) < 0.3
    assert float((z.std(0) / spread - 1).abs().max()) < 0.25


def test_the_peer_samples_both_modes_of_a_posterior_by_their_probability():
    problem = two_modes(1.0)
    states = [s.z for s in run_dream(problem, n_chains=8, n_generations=4000, seed=0)]
    z = torch.stack(states[500:]).flatten().double()
    mean, spread, right = moments_of_two_modes(problem)
    assert abs(float((z > 0.15).double().mean()) - float(right[0])) < 0.06
    assert float(z.std()) == pytest.approx(float(spread[0]), rel=0.05)
    assert float(z.mean()) == pytest.approx(float(mean[0]), abs=0.1)


def test_a_finished_row_is_not_measured_again(monkeypatch, tmp_path):
    case = small_case()
    monkeypatch.setattr(gpr_crosshole, "load_problem", lambda name: replace(case, name=name))
    monkeypatch.setattr(gpr_crosshole, "is_available", lambda name: False)
    monkeypatch.setattr(gpr_crosshole, "QUICK", Plan(2, 2, 1, 2, 0, 5))
    first = run(Settings(quick=True, cache=tmp_path))
    told: list[str] = []
    assert run(Settings(quick=True, cache=tmp_path, report=told.append)) == first
    assert told == []


def test_every_bar_of_the_problem_finds_its_row(monkeypatch):
    case = small_case()
    monkeypatch.setattr(gpr_crosshole, "load_problem", lambda name: replace(case, name=name))
    monkeypatch.setattr(gpr_crosshole, "is_available", lambda name: False)
    monkeypatch.setattr(gpr_crosshole, "QUICK", Plan(3, 2, 1, 2, 0, 5))
    rows = {row["row"]: row for row in run(Settings(quick=True))}
    for bar in problem_spec("gpr-crosshole").bench.bars:
        assert "held-out crops" in bar.row or bar.metric in rows[bar.row]  # those need the training image
    assert 0 <= rows[ONE_START]["success"] <= 1
    assert rows["dream-zs, case 1"]["forward_runs"] <= 8 * 6
    assert table(list(rows.values())).count("\n") == len(rows) + 1
