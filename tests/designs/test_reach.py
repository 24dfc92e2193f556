"""What is said where demands cannot be met together, or one of them not at all."""

import pytest

import sciadv
from sciadv import Variable
from sciadv.errors import InputError


class Gear:
    """A gear wheel with a whole number of teeth; its noise has several minima over the angle."""

    variables = (
        Variable("teeth", low=12, high=60, is_whole=True),
        Variable("width", "m", 5e-3, 5e-2),
        Variable("angle", low=-3, high=3),
    )
    properties = {"stress": "Pa", "noise": ""}  # noqa: RUF012  # as a user writes it
    limits = {"stress": "<= 300 MPa"}  # noqa: RUF012  # as a user writes it

    def predict(self, teeth, width, angle):
        return {"stress": 1e7 / (teeth * width), "noise": 1.5 + (2.5 * angle).sin() + 0.05 * angle**2}


def test_a_demand_that_cannot_be_had_by_itself_is_named():
    found = sciadv.design(Gear(), {"noise": 1.0, "stress": "<= 1 MPa"}, 3)  # 1e7 / (60 * 0.05) is 3.3 MPa
    assert "stress at most 1e+06 Pa cannot be had by itself" in found.reason
    assert "3.333e+06" in found.reason


def test_demands_that_can_be_had_one_by_one_are_said_not_to_go_together():
    class Both(Gear):
        properties = {"stress": "Pa", "width_again": "m"}  # noqa: RUF012  # as a user writes it

        def predict(self, teeth, width, angle):
            return {"stress": 1e7 / (teeth * width) + 0 * angle, "width_again": width}

    found = sciadv.design(Both(), {"stress": "<= 10 MPa", "width_again": "<= 10 mm"}, 3)  # 16.7 MPa at least
    assert found.n_good == 0
    assert "these values together" in found.reason


@pytest.mark.parametrize("n", [20, 50])
def test_designs_lie_on_every_branch_of_a_target(n):
    found = sciadv.design(Gear(), {"noise": 1.2}, n)
    assert (found.n_good, found.facts["n_distinct"]) == (n, n)
    angles = found.x[:, 2]
    assert int((angles.sort().values.diff() > 0.1).sum()) >= 3  # four or more branches


class Buckling:
    """A column whose stiffness is a root that half of the designs do not have, the middle among them."""

    variables = (Variable("load", "N", 0, 2), Variable("length", "m", 1, 2, scatter=0.05))
    properties = {"stiffness": "N/m", "mass": "kg"}  # noqa: RUF012  # as a user writes it

    def predict(self, load, length):
        return {"stiffness": (0.9 - load).sqrt() / length, "mass": length}


@pytest.mark.parametrize(
    "target",
    [
        {"stiffness": 0.3},
        {"stiffness": (0.2, 0.4), "yield": ">= 0.9"},
        {"stiffness": 0.5, "mass": "<= 1.5 kg"},
    ],
)
def test_designs_without_a_solution_are_infeasible_and_others_are_found(target):
    found = sciadv.design(Buckling(), target, 6)
    assert found.n_good == 6
    assert float(found.x[:, 0].max()) < 0.9


def test_the_best_and_the_unreachable_are_those_of_designs_with_a_solution():
    best = sciadv.design(Buckling(), {"stiffness": "maximise"}, 2)
    assert float(best.values["stiffness"].max()) == pytest.approx(0.9**0.5, rel=1e-4)
    assert "reach from" in sciadv.design(Buckling(), {"stiffness": 2.0}, 2).reason


def test_a_model_without_any_solution_is_refused():
    class Never(Buckling):
        def predict(self, load, length):
            return {"stiffness": (-1 - load).sqrt(), "mass": length}

    with pytest.raises(InputError, match="in the middle of the bounds and for 256 random designs"):
        sciadv.design(Never(), {"stiffness": 1.0}, 2)


def test_a_survey_of_a_dear_model_evaluates_no_more_at_once_than_its_library():
    class Cheap(Gear):
        variables = Gear.variables[1:]

        def predict(self, width, angle):
            return super().predict(60, width, angle)

    class Dear(Cheap):
        n_library = 32

    cheap, dear = (sciadv.design(model, {"noise": 5.0}, 2) for model in (Cheap(), Dear()))
    assert dear.reason.startswith("feasible designs reach from")
    assert dear.reachable["noise"] == pytest.approx(cheap.reachable["noise"], rel=0.01)
    assert dear.facts["n_evaluated"] < cheap.facts["n_evaluated"] / 4
