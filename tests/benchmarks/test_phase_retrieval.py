"""The bench of phase retrieval: what is measured, what counts as a success, and its table."""

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import Settings
from benchmarks.scans import phase_retrieval as bench
from sciadv import Prior
from sciadv.solvers import LevenbergMarquardt


@pytest.fixture(scope="module")
def prior():
    return Prior.load("mnist-vae")


@pytest.mark.parametrize("n", [100, 784, 3136])
def test_frequencies_come_in_pairs(n):
    mask = torch.fft.ifftshift(bench.seen_frequencies(n, 56, seed=3))
    turned = -torch.arange(56) % 56
    assert int(mask.sum()) == n
    assert int((mask != mask[turned][:, turned]).sum()) <= 2  # the last pair may be cut


@pytest.mark.parametrize("operator", bench.OPERATORS)
def test_data_are_magnitudes_with_the_noise_that_is_said(prior, operator):
    truth = bench.truths_of(prior, "draws", 4, seed=0)
    problem = bench.pose(prior, operator, truth, 0.5, seed=0)
    clean = problem.forward(truth)
    assert problem.n_measurements == 392
    assert bool((clean >= 0).all())
    noise = (problem.measurements - clean).std() / clean.square().mean().sqrt()
    assert float(noise) == pytest.approx(bench.NOISE, rel=0.1)


def test_a_shifted_image_is_a_success_only_where_shifts_are_open(prior):
    class Shifted:
        name = "shifted"

        def solve(self, problem, *, seed=0, monitor=None):
            found = LevenbergMarquardt(restarts=1, n_iterations=1).solve(problem)
            return type(found)(**{**found.__dict__, "x": problem.truth.roll(1, 2)})

    truth = bench.truths_of(prior, "draws", 3, seed=0)
    truth[..., :2, :] = truth[..., -2:, :] = 0
    problem = bench.pose(prior, "fourier", truth, 0.5, seed=0)
    row = bench.judge(Shifted(), [problem], up_to_shift=True)
    assert (row["success"], row["success_as_it_is"], row["n_images"]) == (1.0, 0.0, 3)
    assert bench.judge(Shifted(), [problem], up_to_shift=False)["success"] == 0


def test_draws_from_the_prior_are_found_from_few_magnitudes(prior):
    truth = bench.truths_of(prior, "draws", 2, seed=0)
    problem = bench.pose(prior, "gaussian", truth, 0.25, seed=0)
    assert bench.judge(LevenbergMarquardt(), [problem], up_to_shift=False)["success"] == 1


def test_table_and_picture_show_what_was_measured(monkeypatch, prior):
    monkeypatch.setattr(bench, "QUICK", bench.Plan((0.1, 0.2), 1, 1))
    quick = LevenbergMarquardt(restarts=1, n_iterations=1)
    monkeypatch.setattr(bench, "METHODS", {("gaussian", "draws"): (quick,), ("fourier", "draws"): (quick,)})
    rows = bench.run(Settings(quick=True))
    assert [row["ratio"] for row in rows] == [0.1, 0.1, 0.2, 0.2]
    text = bench.table(rows)
    assert "| fourier, draws, levenberg-marquardt | 1 |" in text
    figure = Figure()
    bench.draw(figure, rows)
    assert [len(axes.lines) for axes in figure.axes] == [1, 1]
