"""The bench of targets against brute force: its truth on a case with a closed form, and one problem of it."""

import pytest

from benchmarks.design.honest_targets import TARGETS, brute_force, posed, table
from benchmarks.design.honest_targets import _row as asked
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
    rows = [asked(problem, target, seed=1) for target in TARGETS["saddle"][::3]]
    for row in rows:
        assert row["is_said_unreachable"] is not row["is_reachable"], row
        assert row["is_right"] or not row["is_reachable"], row
    assert "distinct by brute force" in table(rows)


def test_every_problem_has_twelve_targets():
    assert all(len(targets) >= 12 for targets in TARGETS.values())
    assert all(posed(name) for name in TARGETS)
