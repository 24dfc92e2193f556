"""``sciadv report``: runs in, a page that compares them out, and what is refused."""

import base64
import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from solution_of_everything import full_solution
from typer.testing import CliRunner

from sciadv.cli import app
from sciadv.files.page import to_json

MOVED = 0.5


def save(folder, solution, **facts):
    solution.save(folder)
    (folder / "summary.json").write_text(to_json({**solution.summary(), **facts}))


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Save runs of one problem: the misfits of "other" are a tenth, almost the same, the same and double."""
    monkeypatch.chdir(tmp_path)
    solution = full_solution()
    factors = solution.misfit.new_tensor([0.1, 1.001, 1, 2])
    other = replace(solution, x=solution.x + MOVED, misfit=solution.misfit * factors)
    save(tmp_path / "first", solution, problem="mine")
    save(tmp_path / "other", other, problem="mine")
    return solution, other


def report(*arguments, code=0):
    result = CliRunner().invoke(app, ["report", *map(str, arguments)], env={"COLUMNS": "500"})
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return " ".join(result.output.split())


def test_two_runs_are_compared_measurement_by_measurement(runs, tmp_path):
    solution, other = runs
    assert "wrote x.html" in report("first", "other", "-o", "x.html")
    page = (tmp_path / "x.html").read_text()
    assert (
        "other has a lower misfit than first by over 1% for 1 of 4 measurements, a higher one for 1" in page
    )
    assert "sciadv report first other -o x.html" in page
    held = re.search(r'download="comparison.csv" href="data:text/csv;base64,([^"]*)"', page)
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(held[1]).decode())))
    moved = [float(row["difference of x, other (RMS)"]) for row in rows]
    assert np.allclose(moved, MOVED, atol=1e-5)
    change = [float(row["misfit of other - first"]) for row in rows]
    assert np.allclose(change, (other.misfit - solution.misfit).tolist(), atol=1e-6)


def test_three_runs_are_compared_with_the_first(runs, tmp_path):
    save(tmp_path / "third", runs[0], problem="mine")
    report("first", "other", "third")
    page = (tmp_path / "comparison.html").read_text()
    assert "other has a lower misfit than first" in page
    assert (
        "third has a lower misfit than first by over 1% for 0 of 4 measurements, a higher one for 0" in page
    )


def test_facts_that_differ_come_first_and_are_marked(runs, tmp_path):
    save(tmp_path / "third", runs[0], problem="mine", seed=3)
    report("first", "third")
    page = (tmp_path / "comparison.html").read_text()
    marked = re.findall(r'<tr class="marked">\s*<th scope="row">([^<]*)</th>', page)
    assert marked == ["seed"]


@pytest.mark.parametrize(
    ("n", "facts", "words"),
    [
        (4, {"problem": "another"}, "The runs differ in problem"),
        (4, {"problem": "mine", "measurements_sha256": "1"}, "The runs differ in measurements sha256"),
        (3, {"problem": "mine"}, "different shapes, (4, 1, 3, 5) and (3, 1, 3, 5)"),
    ],
)
def test_runs_of_different_problems_are_compared_by_their_facts_alone(runs, tmp_path, n, facts, words):
    save(tmp_path / "third", full_solution(n), **facts)
    report("first", "third")
    page = (tmp_path / "comparison.html").read_text()
    assert words in page
    assert "What differs" in page
    assert "comparison.csv" not in page


def test_a_design_and_a_solve_are_compared_by_their_facts_alone(runs, tmp_path):
    (tmp_path / "design").mkdir()
    (tmp_path / "design" / "summary.json").write_text('{"name": "texture"}')
    report("first", "design")
    assert "Not all runs are solves" in (tmp_path / "comparison.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["first"], "one run alone cannot be compared; give two folders or more"),
        (["first", "./first"], "a run cannot be compared with itself; give different folders"),
        (["first", "none"], "none/summary.json does not exist; give a folder that sciadv solve"),
        (["first", "empty"], "empty/summary.json does not exist; give a folder that sciadv solve"),
        (["first", "list"], "list/summary.json holds no table of facts; give a folder"),
        (["first", "cut"], "cut/summary.json cannot be read as JSON"),
        (["first", "lacks"], "lacks/solution.npz has no status_code, x; give a folder of sciadv solve"),
        (["first", "torn"], "torn/solution.npz"),
        (["first", "other", "-o", "x.txt"], "x.txt has to end in .html"),
        (["first", "other", "-o", "no/x.html"], "no/x.html cannot be written"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(runs, tmp_path, arguments, words):
    for name, text in {"empty": None, "list": "[]", "cut": "{", "lacks": "{}", "torn": "{}"}.items():
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "summary.json").write_text(text)
    np.savez(tmp_path / "lacks" / "solution.npz", misfit=np.zeros(3))
    (tmp_path / "torn" / "solution.npz").write_bytes(b"no archive")
    assert words in report(*arguments, code=2)
    assert not list(tmp_path.glob("*.html"))
