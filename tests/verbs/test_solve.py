"""The verb `solve`: a problem, a name or a path; the same solver with the same settings from each."""

import pytest
import torch

from sciadv import load_problem, solve
from sciadv.catalogue import entry_spec
from sciadv.cli import solve_command as command
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import entry_names, find_entry
from sciadv.problem import SolverSettings
from sciadv.schema import ProblemSpec
from sciadv.solvers import LevenbergMarquardt
from sciadv.testing import linear_problem
from sciadv.verbs.solve import choose_solver

SOLVABLE = [name for name in entry_names("problems") if isinstance(entry_spec(name), ProblemSpec)]


class Chosen(Exception):  # raised to stop before the search
    """The solver that was about to run."""


@pytest.fixture
def stopping(monkeypatch):
    """Make the solver chosen for a name raise itself instead of searching."""
    from sciadv import solvers

    made = solvers.make_solver

    def make(name, *, restarts=None):
        solver = made(name, restarts=restarts)

        def search(*_, **__):
            raise Chosen(type(solver), vars(solver))

        return type("Stopping", (), {"name": name, "solve": staticmethod(search)})()

    monkeypatch.setattr("sciadv.verbs.solve.make_solver", make)


@pytest.mark.parametrize("name", SOLVABLE)
def test_the_command_line_and_python_take_one_solver_with_one_setting(name, stopping, tmp_path):
    own = entry_spec(name).solver
    problem = load_problem(name)
    assert problem.solver == SolverSettings(own.kind, own.restarts)
    with pytest.raises(Chosen) as by_problem:
        solve(problem)
    with pytest.raises(Chosen) as by_command:
        command.run_request(command.Request(name, tmp_path / "out", device="cpu"))
    assert by_command.value.args == by_problem.value.args
    if own.restarts is not None:
        assert by_problem.value.args[1]["restarts"] == own.restarts


def test_a_name_a_path_and_a_problem_are_solved_alike(stopping):
    chosen = []
    for given in ("digits-superresolution", find_entry("problems", "digits-superresolution")):
        with pytest.raises(Chosen) as stopped:
            solve(given)
        chosen.append(stopped.value.args)
    assert chosen[0] == chosen[1]
    assert chosen[0][1]["restarts"] == 2


def test_the_problems_own_solver_travels_with_its_parts():
    problem = load_problem("digits-superresolution").subset(slice(3))
    for other in (problem.to("cpu"), problem.with_measurements(problem.measurements), problem.subset([0])):
        assert other.solver == SolverSettings("auto", 2)
    assert choose_solver(problem).restarts == 2
    assert choose_solver(problem, "auto").restarts == 2
    assert choose_solver(problem, restarts=5).restarts == 5
    assert choose_solver(problem, "levenberg-marquardt").restarts == LevenbergMarquardt().restarts


def test_a_problem_of_ones_own_takes_auto():
    problem = linear_problem()
    assert problem.solver == SolverSettings("auto")
    solution = solve(problem)
    assert "picked_by_auto" in solution.settings
    assert torch.equal(solution.x, solve(problem, "auto").x)


def test_wrong_names_and_restarts_are_refused_in_words():
    with pytest.raises(UnknownNameError, match="no problem is named 'digits-superres'"):
        solve("digits-superres")
    with pytest.raises(UnknownNameError, match="no solver is named 'csg'"):
        solve(linear_problem(), "csg")
    with pytest.raises(InputError, match="give restarts to the solver itself"):
        solve(linear_problem(), LevenbergMarquardt(), restarts=3)
