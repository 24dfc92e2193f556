"""The baseline of a design: random designs beside those of the search, in words and as a table."""

import pytest
import torch

import sciadv
from sciadv import Variable
from sciadv.designs.aim import take_aim
from sciadv.designs.from_script import problem_of
from sciadv.designs.shown.random_designs import RandomDesigns


class Line:
    """Its variable, and the double of it."""

    variables = (Variable("x", low=0, high=1),)
    properties = {"place": "", "double": ""}  # noqa: RUF012  # as a user writes it
    n_library = 64

    def predict(self, x):
        return {"place": x, "double": 2 * x}


@pytest.fixture
def problem():
    return problem_of(Line())


def evaluated(problem, target, places):
    aim = take_aim(problem, target, tolerance=0.01)
    return RandomDesigns.of(aim, aim.at(torch.tensor(places, dtype=torch.float64)[:, None]))


def test_random_designs_that_do_it_are_counted(problem):
    found = evaluated(problem, {"place": 0.5}, [0.1, 0.499, 0.504, 0.9])
    assert (found.n, found.n_hit) == (4, 2)
    assert found.words(3) == "baseline: 2 of 4 random designs do it without a search"
    assert found.words(2).endswith("so that none was needed")


def test_the_nearest_of_random_designs_that_miss_is_said(problem):
    found = evaluated(problem, {"place": 0.5}, [0.1, 0.6])
    assert found.words(1).endswith("the nearest is 19 tolerances off")  # .1 off less .005 allowed, of .005


def test_the_best_random_design_stands_beside_an_objective(problem):
    found = evaluated(problem, {"double": "maximise", "place": "<= 0.5"}, [0.1, 0.4, 0.9])
    assert found.best == {"double": pytest.approx(0.8)}
    words = "baseline: of 3 random designs 2 keep the limits, with double = 0.8 at best"
    assert found.words(1) == words


@pytest.mark.parametrize("target", [{"place": 0.5}, {"double": "minimise"}])
def test_every_set_of_designs_says_what_random_ones_do(target, tmp_path):
    found = sciadv.design(Line(), target, 4)
    mine, random = found.beside
    assert mine["do what was asked"] == ("4 of 4" if "place" in target else "1 of 4")
    assert random["evaluated"] == Line.n_library
    assert any(sentence.startswith("baseline: ") for sentence in found.messages)
    page = (found.save(tmp_path / "designs") / "report.html").read_text(encoding="utf-8")
    assert "Beside a baseline" in page
    assert random["method"] in page
