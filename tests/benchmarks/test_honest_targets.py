"""The bench of targets against brute force: its truth on a case with a closed form, and one problem of it."""

from functools import partial

import pytest
import torch

from benchmarks.design.honest_targets import TARGETS, brute_force, posed, table
from benchmarks.design.honest_targets import _row as asked
from benchmarks.design.library_truth import is_impossible, is_reachable, random_designs
from sciadv.designs.aim import take_aim


@pytest.mark.parametrize(
    ("target", "is_reachable", "n_distinct"),
    [
        ({"saddle": 9.5}, False, 0),  # 9 at most
        ({"saddle": 4.0}, True, 20),  # two branches of a hyperbola
        ({"saddle": 0.5, "waves": 0.3}, True, None),
    ],
)
def test_brute_force_is_right_where_the_answer_is_known(target, is_reachable, n_distinct):
    truth = brute_force(take_aim(posed("saddle"), target, tolerance=0.01), 20)
    assert truth.is_reachable is is_reachable
    assert n_distinct is None or truth.n_distinct == n_distinct


def test_a_third_of_the_saddles_targets_is_answered_as_brute_force_does():
    problem = posed("saddle")
    truth = partial(brute_force, n=20)
    rows = [asked(problem, target, truth, 20, seed=1) for target in TARGETS["saddle"][::3]]
    for row in rows:
        assert row["is_said_unreachable"] is not row["is_reachable"], row
        assert row["is_right"] or not row["is_reachable"], row
    assert "distinct by brute force" in table(rows)


def test_every_problem_has_twelve_targets():
    assert all(len(targets) >= 12 for targets in TARGETS.values())
    assert all(posed(name) for name in TARGETS)


@pytest.mark.parametrize(
    ("name", "target", "is_so"),
    [
        ("optical-coating", {"total_thickness": "9.2 um"}, True),
        ("optical-coating", {"total_thickness": "8.9 um"}, False),
        ("optical-coating", {"figure_of_merit": "<= 1e-9"}, False),  # not known
        ("microstructure", {"conductivity": 0.5}, True),
        ("microstructure", {"conductivity_xx": 7.6}, False),
        ("microstructure", {"conductivity": 6.8, "volume_fraction": 0.3}, True),  # Hashin and Shtrikman
        ("microstructure", {"conductivity": 4.0, "volume_fraction": 0.3}, False),
        ("microstructure", {"youngs_modulus": "97 GPa", "volume_fraction": 0.3}, True),
        ("microstructure", {"shear_modulus": ">= 37 GPa"}, True),
        ("microstructure", {"shear_modulus": ">= 36 GPa"}, False),
    ],
)
def test_what_theory_excludes_is_known(name, target, is_so):
    assert is_impossible(take_aim(posed(name), target, tolerance=0.01)) is is_so


def test_random_designs_say_what_can_be_reached_and_nothing_of_what_they_miss():
    problem = posed("optical-coating")
    designs = random_designs(problem, 200)
    middle = float(designs.value("figure_of_merit").median())
    assert bool((designs.x[:, 0] != random_designs(problem, 200, seed=1).x[:, 0]).all())
    assert torch.equal(designs.x, random_designs(problem, 200).x)
    known = {}
    for target in (middle, 0.0113, (0.0, 1.0)):
        aim = take_aim(problem, {"figure_of_merit": target}, tolerance=0.01)
        known[target] = is_reachable(aim, designs)
    assert known == {middle: True, 0.0113: None, (0.0, 1.0): True}
    thin = take_aim(problem, {"total_thickness": "<= 1 um"}, tolerance=0.01)
    assert is_reachable(thin, designs) is True
