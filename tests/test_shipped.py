"""What ships: every problem of the catalogue loads and solves, and the demo's claim holds on a part of it."""

from dataclasses import replace

import pytest
import torch

import sciadv
from sciadv.catalogue import entry_spec
from sciadv.files.folders import entry_names, find_entry
from sciadv.metrics import accuracy, load_classifier
from sciadv.schema import ProblemSpec
from sciadv.solvers import Auto
from sciadv.solvers.automatic.combination import CombinationSettings
from sciadv.solvers.automatic.reference_errors import CalibrationSettings

#: Solved elsewhere, in a small section: tests/bench/test_seismic_crosswell.py.
#: The flow's operator is tested in tests/forward/flow; a search takes more than half a CPU minute.
#: A beam is solved 20 ms each in double precision; its operator and its bench are tested on small ones.
#: Textures take four contacts a step: they are designed in tests/benchmarks/test_texture_2d.py.
SLOW = {"compliance-beam", "navier-stokes-start", "seismic-crosswell", "texture-2d"}
#: The problem whose measurements are compared with reference images, of which a part is searched here.
COMPARED, N_COMPARED = "deblurring", 40
SOLVABLE = [
    name for name in entry_names("problems") if name not in SLOW and isinstance(entry_spec(name), ProblemSpec)
]


@pytest.mark.parametrize("name", SOLVABLE)
@pytest.mark.slow
def test_every_problem_loads_and_solves(name):
    problem = sciadv.load_problem(name).subset(slice(0, 2))
    extent = "quick"
    if name == COMPARED:
        extent = "full"
        residual = problem.prior.residual
        few = replace(residual, reference=residual.reference[:N_COMPARED])
        problem = replace(problem, prior=replace(problem.prior, residual=few))
    solution = sciadv.solve(problem, "levenberg-marquardt", restarts=1, diagnose=extent)
    assert solution.x.shape == (problem.n_problems, *problem.prior.out_shape)
    assert bool(solution.x.isfinite().all())
    assert len(solution.messages) == problem.n_problems
    assert (find_entry("problems", name) / "README.md").is_file()


def test_promised_problems_are_there():
    assert {"digits-superresolution", "compressed-sensing"} <= set(entry_names("problems"))


def test_digits_are_read_better_at_32_than_enlarged():
    problem = sciadv.load_problem("digits-superresolution").subset(slice(None, None, 45))  # 40 of the digits
    solution = sciadv.solve(problem, restarts=1)
    classifier = load_classifier(find_entry("priors", "digits-32"))
    assert accuracy(classifier, solution.x, problem.labels) >= 0.9
    residual = (solution.prediction - problem.measurements).square().mean().sqrt()
    assert float(residual) < 1.17  # counts
    assert float((solution.misfit < 1.25).float().mean()) > 0.8


def test_same_seed_same_answer_whatever_the_batch():
    problem = sciadv.load_problem("compressed-sensing")
    quick = CombinationSettings(calibration=CalibrationSettings(n_reference=8))
    solver = Auto(restarts=2, combination=quick)
    together = sciadv.solve(problem.subset(slice(0, 3)), solver, diagnose="quick")
    alone = sciadv.solve(problem.subset([2]), solver, diagnose="quick")
    torch.testing.assert_close(alone.x[0], together.x[2], atol=2e-2, rtol=0)
