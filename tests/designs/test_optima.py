"""What is said where something is to be small or large: optima are counted, worse designs are no hits."""

import json

import pytest
import torch

import sciadv
from sciadv import Variable
from tests.designs.test_property_search import Bowl, Cantilever


class Hills:
    """Three maxima over one variable, two of them as high as each other."""

    variables = (Variable("x", low=0, high=3),)
    properties = {"height": "", "again": ""}  # noqa: RUF012  # as a user writes it

    def predict(self, x):
        at = torch.tensor([0.5, 1.5, 2.5], dtype=x.dtype)
        top = torch.tensor([2.0, 1.5, 2.0], dtype=x.dtype)
        height = (top * (-200 * (x[:, None] - at).square()).exp()).sum(1)
        return {"height": height, "again": -x}


def test_one_optimum_is_one_hit_and_the_others_are_said_to_be_worse():
    found = sciadv.design(Bowl(), {"value": "minimise"}, 8)
    good = found.values["value"] <= 1e-4 * 50  # a hundredth of 1 % of what random designs have
    assert found.n_good == int(good.sum()) == 1
    assert found.facts["n_distinct"] == 1
    assert found.messages[0].startswith("1 of 8 designs have value small (within 1 % of the best found)")
    worst = float(found.values["value"].max())
    assert f"1 as good, 1 distinct; the other 7 are 0.0376 to {worst:.3g} worse" in found.messages[1]
    assert found.beside[0]["do what was asked"] == "1 of 8"
    assert len(found.pareto()) == 1


def test_worse_designs_are_said_in_parts_of_the_best():
    found = sciadv.design(Cantilever(), {"mass": "minimise", "deflection": "<= 1 mm"}, 8)
    mass = found.values["mass"]
    good = mass <= 1.01 * mass.min()
    assert found.hit.tolist() == good.tolist()
    worse = 100 * (mass[~good] / mass.min() - 1)
    assert f"the other {int((~good).sum())} are {float(worse.min()):.3g} % to" in " ".join(found.messages)


def test_optima_that_are_as_good_are_counted_apart_and_lesser_ones_are_not():
    found = sciadv.design(Hills(), {"height": "maximise"}, 3)
    best = found.x[found.hit][:, 0].sort().values
    assert found.n_good >= 2
    assert {0.5, 2.5} <= {round(float(x), 1) for x in best}
    assert bool(((best - 1.5).abs() > 0.5).all())


def test_a_front_has_no_design_that_is_worse_in_everything():
    found = sciadv.design(Hills(), {"height": "maximise", "again": "maximise"}, 12)
    both = torch.stack([found.values["height"], found.values["again"]], 1)[found.hit]
    is_beaten = (both[None] - both[:, None] > torch.tensor([0.021, 0.03])).all(2).any(1)
    assert not bool(is_beaten.any())
    assert len(found.pareto()) >= 2


@pytest.mark.parametrize("n", [1, 2])
def test_few_designs_are_the_best_ones(n):
    found = sciadv.design(Bowl(), {"value": "minimise", "slope": ">= 5"}, n)
    assert float(found.values["value"][0]) == pytest.approx(2.0, rel=1e-4)
    assert found.n_good == 1


def test_a_front_says_and_counts_itself_alone(tmp_path):
    every = sciadv.design(Cantilever(), {"mass": "minimise", "deflection": "minimise"}, 12)
    front = every.pareto()
    assert front.messages[0] == f"{len(front)} of 12 designs are on the front of mass and deflection"
    assert f"from {float(front.values['mass'].min()):.4g} to" in front.messages[1]
    summary = json.loads((front.save(tmp_path / "front") / "summary.json").read_text())
    assert summary["n_designs"] == summary["n_hit_and_feasible"] == len(front)
    few = every.take(torch.tensor([0, 3]))
    assert (few.facts["n_designs"], few.facts["problem"]) == (2, "Cantilever")
