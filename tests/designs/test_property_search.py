"""The search for designs of one's own models: distinct designs, limits, objectives, yields, whole numbers."""

# ruff: noqa: RUF012  # models as a user writes them

import json

import numpy as np
import pytest
import torch

import sciadv
from sciadv import Variable
from sciadv.designs.distinct import count_distinct, farthest_points
from sciadv.errors import InputError, MissingPackageError, UnknownNameError


class Cantilever:
    """A steel cantilever with a load of 1 kN at its end."""

    variables = (
        Variable("length", "m", 0.5, 2.0),
        Variable("width", "m", 0.01, 0.1, is_log=True),
        Variable("height", "m", 0.01, 0.2, is_log=True, scatter=0.01),
    )
    properties = {"deflection": "m", "mass": "kg", "stress": "Pa"}
    limits = {"stress": "<= 250 MPa"}

    def predict(self, length, width, height):
        inertia = width * height**3 / 12
        return {
            "deflection": 1000 * length**3 / (3 * 210e9 * inertia),
            "mass": 7850 * length * width * height,
            "stress": 1000 * length * height / (2 * inertia),
        }


class Bowl:
    """A function of two signed variables that is 0 at (1, -2)."""

    variables = (Variable("a", low=-5, high=5), Variable("b", low=-5, high=5))
    properties = {"value": "", "slope": ""}

    def predict(self, a, b):
        return {"value": (a - 1) ** 2 + (b + 2) ** 2, "slope": a - b}


class Alloy:
    """A rod of a whole number of strands of one of three metals."""

    variables = (
        Variable("strands", low=1, high=20, is_whole=True),
        Variable("metal", choices=("steel", "copper", "aluminium")),
        Variable("radius", "m", 1e-4, 5e-3, is_log=True),
    )
    properties = {"resistance": "ohm", "mass": "kg"}

    def predict(self, strands, metal, radius):
        area = strands * torch.pi * radius**2
        resistivity = torch.tensor([1.4e-7, 1.7e-8, 2.7e-8]).to(radius)[metal.long()]
        density = torch.tensor([7850.0, 8960.0, 2700.0]).to(radius)[metal.long()]
        return {"resistance": resistivity / area, "mass": density * area}


def test_a_model_of_a_few_lines_is_designed_with_units_and_limits():
    found = sciadv.design(Cantilever(), {"deflection": "2 mm", "mass": "<= 30 kg"}, 20)
    assert found.n_good == 20
    assert found.facts["n_distinct"] == 20
    truth = Cantilever().predict(*found.x.T)
    assert float((truth["deflection"] / 2e-3 - 1).abs().max()) <= 0.01
    assert float(truth["mass"].max()) <= 30
    assert float(truth["stress"].max()) <= 250e6


def test_single_loose_targets_have_as_many_distinct_designs_as_asked():
    for target in ({"mass": (1, 100)}, {"deflection": "<= 1 mm"}, {"stress": ">= 1 MPa"}):
        found = sciadv.design(Cantilever(), target, 15, seed=1)
        assert (found.n_good, found.facts["n_distinct"]) == (15, 15)


def test_two_targets_that_fix_a_design_are_said_to():
    found = sciadv.design(Bowl(), {"value": 4.0, "slope": 5.0}, 10)
    assert found.n_good == 10
    assert found.facts["n_distinct"] == 2  # a line meets a circle twice
    assert any("10 hits, 2 distinct: 2 target(s) fix a design of 2 variable(s)" in m for m in found.messages)


def test_designs_across_zero_are_found_on_the_whole_circle():
    found = sciadv.design(Bowl(), {"value": 9.0}, 16)
    assert found.facts["n_distinct"] == 16
    angles = torch.atan2(found.x[:, 1] + 2, found.x[:, 0] - 1).sort().values
    assert float(torch.diff(angles).max()) < 1.0  # evenly 0.39


def test_minimum_of_one_objective_is_the_closed_form():
    found = sciadv.design(Bowl(), {"value": "minimise"}, 3)
    assert float(found.values["value"].min()) < 1e-6
    bounded = sciadv.design(Bowl(), {"value": "minimise", "slope": ">= 5"}, 3)
    assert float(bounded.values["value"].min()) == pytest.approx(
        2.0, rel=1e-3
    )  # distance of the line, squared


def test_pareto_front_of_two_objectives_is_that_of_brute_force():
    found = sciadv.design(Cantilever(), {"mass": "minimise", "deflection": "minimise"}, 12).pareto()
    assert len(found) >= 8
    line = [torch.linspace(one.low, one.high, 60, dtype=torch.float64) for one in Cantilever.variables]
    grid = torch.cartesian_prod(*line)
    truth = Cantilever().predict(*grid.T)
    keeps = truth["stress"] <= 250e6
    for mass, deflection in zip(found.values["mass"], found.values["deflection"], strict=True):
        better = (truth["mass"] < 0.99 * mass) & (truth["deflection"] < 0.99 * deflection) & keeps
        assert not bool(better.any())


def test_whole_numbers_and_choices_stay_what_they_are():
    found = sciadv.design(Alloy(), {"resistance": "1 mohm"}, 12)
    assert found.n_good == 12
    assert bool((found.x[:, 0] == found.x[:, 0].round()).all())
    assert {row["metal"] for row in found.table} <= {"steel", "copper", "aluminium"}
    assert isinstance(found.table[0]["strands"], int)
    assert len({row["metal"] for row in found.table}) > 1


def test_yield_is_that_of_an_independent_count_and_can_be_a_target():
    loose = sciadv.design(Cantilever(), {"deflection": (1.9e-3, 2.1e-3)}, 4)
    generator = np.random.default_rng(0)
    for row, x in zip(loose.table, loose.x.numpy(), strict=True):
        length, width, height = x
        heights = height * (1 + 0.01 * generator.standard_normal(4000))
        deflection = 1000 * length**3 / (3 * 210e9 * width * heights**3 / 12)
        stress = 1000 * length * 6 / (width * heights**2)
        share = ((deflection >= 1.9e-3) & (deflection <= 2.1e-3) & (stress <= 250e6)).mean()
        assert row["yield"] == pytest.approx(share, abs=0.12)
        assert row["yield (linearised)"] == pytest.approx(share, abs=0.05)
    robust = sciadv.design(Cantilever(), {"deflection": (1.8e-3, 2.2e-3), "yield": ">= 0.95"}, 4)
    assert min(row["yield"] for row in robust.table) >= 0.95


def test_margins_of_robust_designs_are_to_the_limits_that_were_stated():
    target = {"deflection": (1.8e-3, 2.2e-3), "stress": ">= 100 MPa", "yield": ">= 0.9"}
    robust = sciadv.design(Cantilever(), target, 8)
    stress = Cantilever().predict(*robust.x.T)["stress"]
    torch.testing.assert_close(robust.margins[:, 0], 1 - stress / 250e6, rtol=1e-6, atol=1e-9)


def test_unreachable_is_said_with_the_constraint_that_stops_it():
    found = sciadv.design(
        Cantilever(), {"mass": "<= 1 kg", "deflection": "<= 0.1 mm", "stress": ">= 1 kPa"}, 3
    )
    assert found.n_good == 0
    assert found.reason
    heavy = sciadv.design(Cantilever(), {"mass": 900.0}, 3)
    assert "feasible designs reach from" in heavy.reason
    assert heavy.reachable["mass"] == pytest.approx(7850 * 2 * 0.1 * 0.2, rel=1e-3)


def test_same_seed_same_designs():
    first, again = (sciadv.design(Bowl(), {"value": 4.0}, 5, seed=3) for _ in range(2))
    assert torch.equal(first.x, again.x)


def test_report_of_a_model_with_choices_and_objectives_is_written(tmp_path):
    found = sciadv.design(Alloy(), {"resistance": "minimise", "mass": "minimise"}, 6)
    found.save(tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["asked"] == "resistance small, mass small"
    assert sciadv.design(Alloy(), {"mass": "<= 1 g"}, 2).n_good == 2


class Verified(Bowl):
    @staticmethod
    def verify(x):
        return {"value": (x[:, 0] - 1) ** 2 + (x[:, 1] + 2) ** 2}


class Unverified(Bowl):
    @staticmethod
    def verify(x):
        raise MissingPackageError("the solver is not installed; pip install sciadv[design]")


def test_designs_carry_the_values_of_an_independent_solver_where_it_is_there():
    found = sciadv.design(Verified(), {"value": 4.0}, 3)
    assert found.facts["certificate"]["n_verified"] == 3
    assert "value (verified)" in found.table[0]
    without = sciadv.design(Unverified(), {"value": 4.0}, 3)
    assert without.n_good == 3
    assert any("pip install sciadv[design]" in message for message in without.messages)


class Strange(Bowl):
    def predict(self, a, b):
        return {"value": a}


class Numpy(Bowl):
    def predict(self, a, b):
        return {"value": np.ones(len(a)), "slope": a}


class Wrong(Bowl):
    def predict(self, a):
        return {"value": a}


class NoBounds:
    variables = ("a", "b")
    properties = {"value": ""}

    def predict(self, a, b):
        return {"value": a + b}


class NotANumber(Bowl):
    def predict(self, a, b):
        return {"value": (a - 10).sqrt(), "slope": a}


class Twice:
    variables = (Variable("a"), Variable("a"))
    properties = {"value": ""}

    def predict(self, a):
        return {"value": a}


class Detached(Bowl):
    def predict(self, a, b):
        return {"value": torch.tensor(a.detach().numpy() ** 2), "slope": b}


class Fails(Bowl):
    def predict(self, a, b):
        if bool((a > 4.9).any()):
            raise ValueError("too large")
        return {"value": a, "slope": b}


class Constant(Bowl):
    def predict(self, a, b):
        return {"value": torch.ones_like(a), "slope": b}


def test_a_property_that_never_changes_is_met_or_said_to_be_out_of_reach():
    assert sciadv.design(Constant(), {"value": 1.0}, 3).n_good == 3
    assert sciadv.design(Constant(), {"value": "minimise"}, 3).n_good == 3
    assert "reach from 1 to 1" in sciadv.design(Constant(), {"value": 2.0}, 3).reason


class LimitOnNothing(Bowl):
    limits = {"mass": "<= 3"}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Strange, "must return value, slope"),
        (Numpy, "made by torch's operations"),
        (Wrong, "predict of Wrong fails: TypeError"),
        (NoBounds, "must be a tuple of sciadv.Variable"),
        (NotANumber, "NaN or Inf"),
        (Twice, "need names of their own"),
        (Detached, "value of Detached has lost its derivatives"),
        (Fails, "predict of Fails fails: ValueError: too large"),
    ],
)
def test_models_that_cannot_be_used_are_refused_in_words(model, words):
    with pytest.raises(InputError, match=words):
        sciadv.design(model(), {"value": 1.0}, 2)


def test_a_limit_on_nothing_and_a_problem_that_is_none_are_refused():
    with pytest.raises(UnknownNameError, match="mass"):
        sciadv.design(LimitOnNothing(), {"value": 1.0}, 2)
    with pytest.raises(InputError, match="must be a Problem, a name, a path or an object"):
        sciadv.design(3, {"value": 1.0}, 2)
    with pytest.raises(InputError, match="nothing was to be optimised"):
        sciadv.design(Bowl(), {"value": 1.0}, 2).pareto()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"low": 1.0, "high": 1.0}, "high of variable 'a' must be a finite number > 1"),
        ({"low": 0.0, "high": 1.0, "is_log": True}, "low of variable 'a' must be a finite number > 0"),
        ({"choices": ("one",)}, "two names or more"),
        ({"low": 0.5, "high": 3, "is_whole": True}, "must be whole numbers"),
        ({"low": 0, "high": 3, "is_whole": True, "scatter": 0.1}, "scatter of variable 'a' must be 0"),
        ({"scatter": -1.0}, "scatter of variable 'a'"),
    ],
)
def test_variables_that_cannot_be_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Variable("a", **settings)


def test_counts_and_spread_of_points():
    where = torch.tensor([[0.0, 0.0], [0.005, 0.0], [0.5, 0.0], [0.5, 0.5], [1.0, 1.0]])
    assert count_distinct(where, 0.01) == 4
    assert farthest_points(where, 3).tolist()[:2] == [0, 4]
