"""The verb `design`: a problem as a name, a path or an object; arguments checked before the search."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sciadv
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import find_entry

NAME = "nanotexture-friction"
TARGET = {"friction_coefficient": 0.1}


def test_a_name_a_path_and_a_problem_give_the_same_designs():
    expected = sciadv.design(NAME, target=TARGET, n=3).x
    for problem in (find_entry("problems", NAME), sciadv.load_problem(NAME)):
        assert torch.equal(sciadv.design(problem, target=TARGET, n=3).x, expected)


def test_numbers_of_other_libraries_are_numbers():
    expected = sciadv.design(NAME, target=TARGET, n=2, seed=4).x
    target = {"friction_coefficient": np.float64(0.1)}
    found = sciadv.design(NAME, target=target, n=np.int64(2), seed=torch.tensor(4))
    assert torch.equal(found.x, expected)


@pytest.mark.parametrize(
    ("problem", "settings", "words"),
    [
        (NAME, {"n": -3}, "n must be a whole number, at least 1, but it is -3"),
        (NAME, {"n": 1.5}, "n must be a whole number"),
        (NAME, {"n": "5"}, "n must be a whole number"),
        (NAME, {"n": True}, "n must be a whole number"),
        (NAME, {"n": 10**12}, r"a search for 1000000000000 designs would take about .* of memory"),
        ("gene-oscillator", {"n": 10**12, "target": None}, r"a search for 1000000000000 designs would take"),
        (NAME, {"seed": -1}, "seed must be a whole number from 0"),
        (NAME, {"device": 7}, "device must be a name"),
        (
            NAME,
            {"target": {"friction_coefficient": "much"}},
            "the target friction_coefficient must be a finite",
        ),
        (NAME, {"target": {"friction_coefficient": float("nan")}}, "must be a finite number"),
        (NAME, {"target": {"friction_coefficient": None}}, "must be a finite number"),
        (NAME, {"target": [0.1]}, "target must be values by property"),
        (NAME, {"target": 0.1}, "target must be values by property"),
        (NAME, {"target": {"friction_coefficient": 10**400}}, "must be a finite number"),
        (NAME, {"target": {3: 0.1}}, "no property of nanotexture-friction is named '3'"),
        (5, {}, "problem must be a Problem, a name, a path or an object with"),
    ],
)
def test_bad_requests_are_refused_in_words(problem, settings, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        sciadv.design(problem, **{"target": TARGET, "n": 2, **settings})


def test_an_interrupted_design_keeps_what_it_has_found():
    def stop(progress):
        raise KeyboardInterrupt

    found = sciadv.design(NAME, target={"friction_coefficient": 0.198}, n=40, monitor=stop)
    assert len(found) == 40
    assert found.was_interrupted == ("interrupted" in " ".join(found.messages))
