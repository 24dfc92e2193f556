"""The seismic bench: its plain inversions fit the data, its counter counts, its rows are whole."""

from dataclasses import replace

import pytest
import torch

from benchmarks.contract import Settings
from benchmarks.scans import seismic_crosswell
from benchmarks.scans.seismic_crosswell import (
    Counted,
    Plan,
    adam,
    homogeneous_start,
    l_bfgs,
    run,
    smooth_start,
    table,
)
from sciadv import Gaussian, Prior, Problem
from sciadv.catalogue import load_problem
from sciadv.forward import AcousticCrosswell
from sciadv.nets import build_seeded

pytest.importorskip("deepwave", reason="acoustic-crosswell needs deepwave: pip install sciadv[seismic]")


def small_case(n_problems: int = 4) -> Problem:
    """Return two sources and three receivers in a section of 48 m x 32 m, and a small random generator."""
    shape = (1, 24, 16)
    net = build_seeded({"kind": "mlp-decoder", "n_latent": 3, "image_shape": list(shape), "hidden": [16]}, 0)
    for parameter in net.parameters():
        parameter.data.mul_(3)
    forward = AcousticCrosswell(shape, source_rows=[6, 17], receiver_rows=[3, 12, 20], n_samples=50)
    prior = Prior(net, 3)
    truth = prior.sample(n_problems, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        y = forward(truth)
        return Problem(
            prior,
            forward,
            Gaussian(0.005),
            y + 0.005 * torch.randn(y.shape, generator=generator),
            truth=truth,
        )


@pytest.mark.parametrize("invert", [adam, l_bfgs])
def test_plain_inversion_lowers_the_misfit(invert):
    problem = small_case(2)
    start = homogeneous_start(problem)
    x = invert(problem, start, 10)
    with torch.no_grad():
        before, after = (
            problem.likelihood.misfit(problem.forward(v), problem.measurements) for v in (start, x)
        )
    assert bool((after < 0.8 * before).all())
    assert bool(((x > 0) & (x < 1)).all())


def test_the_smooth_start_is_nearer_to_the_truth_than_a_homogeneous_one():
    problem = load_problem("seismic-crosswell")
    smooth, flat = smooth_start(problem), homogeneous_start(problem)
    distances = [(start - problem.truth).square().flatten(1).mean(1) for start in (smooth, flat)]
    assert bool((distances[0] < distances[1]).all())


def test_propagations_are_counted_per_candidate():
    problem = small_case(2)
    counted = Counted(problem.forward)
    x, y = problem.truth, problem.measurements
    counted(x)
    counted.jvp(x, x)
    counted.vjp(x, y)
    assert counted.n_solves == 2 * (1 + 2 + 2)


def test_the_shipped_measurements_have_the_noise_that_the_likelihood_says():
    problem = load_problem("seismic-crosswell")
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(problem.truth), problem.measurements)
    assert misfit.tolist() == pytest.approx([1.0] * 4, abs=0.03)


def test_every_method_has_a_row_for_both_kinds_of_models(monkeypatch):
    case = small_case()
    monkeypatch.setattr(seismic_crosswell, "load_problem", lambda name: replace(case, name=name))
    monkeypatch.setattr(seismic_crosswell, "QUICK", Plan(1, 2, with_auto=False))
    rows = run(Settings(quick=True))
    assert len(rows) == 5 * 2
    assert all(row["n_solves"] > 0 and row["velocity_error"] >= 0 for row in rows)
    assert table(rows).count("\n") == len(rows) + 1
