"""Targets are read and kept, a function of one's own is a behaviour, bad requests are answered in words."""

import math

import pytest
import torch

from sciadv.domains.gene_circuits.behaviours.behaviour import BEHAVIOURS
from sciadv.domains.gene_circuits.behaviours.evaluation import (
    behaviour_of,
    measure,
    robustness,
    shown_in_words,
    shows,
)
from sciadv.domains.gene_circuits.behaviours.targets import Target, read_targets
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.regulation.kinetics import circuits_of

RING = circuits_of(-torch.eye(3).roll(1, 1)[None], places=0.5)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (20, 18, 22),
        ("20", 18, 22),
        ("<= 5", -math.inf, 5),
        (">=0.1", 0.1, math.inf),
        ("0.5..2", 0.5, 2),
        ("0.5 .. 2", 0.5, 2),
        ((1, 3), 1, 3),
    ],
)
def test_targets_are_intervals(value, low, high):
    (target,) = read_targets({"period": value})
    assert (target.low, target.high) == (pytest.approx(low), pytest.approx(high))


def test_counted_numbers_are_met_exactly():
    assert read_targets({"edges": 3, "period<": "20"}) == (
        Target("edges", 3, 3),
        Target("period", -math.inf, 20),
    )


@pytest.mark.slow
def test_targets_narrow_what_is_shown():
    period = float(measure(RING, "oscillation")["period"])
    assert bool(shows(RING, "oscillation", targets={"period": period, "edges": 3, "genes": 3}))
    assert not bool(shows(RING, "oscillation", targets={"period": 2 * period}))
    assert not bool(shows(RING, "oscillation", targets={"edges": 4}))
    wide, narrow = (
        robustness(RING, "oscillation", targets=targets, n_sets=16).share
        for targets in ({}, {"period": period})
    )
    assert float(narrow) < float(wide)


def test_a_function_of_trajectories_is_a_behaviour():
    def stays_low(times: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        assert len(times) == len(levels)
        return levels[-1].amax(-1) < levels[0].amax(-1)

    x = random_circuits(20, 3, seed=1)
    shown = shows(x, stays_low)
    assert shown.shape == (20,)
    assert 0 < int(shown.sum()) < 20

    def numbers(_: torch.Tensor, levels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"shown": levels[-1, :, 0] > 0, "end": levels[-1, :, 0]}

    assert bool(shows(RING, numbers, targets={"end": ">=0"}))
    assert bool(robustness(RING, numbers, n_sets=4).share == 1)


@pytest.mark.slow
def test_every_behaviour_measures_one_number_for_each_circuit():
    x = random_circuits(4, 3, seed=2)
    for name in BEHAVIOURS:
        measured = measure(x, name)
        assert all(value.shape == (4,) for value in measured.values()), name
        assert behaviour_of(name).shown(measured).dtype == torch.bool
        padded = measure(torch.nn.functional.pad(x, (0, 1, 0, 1)), name)
        assert set(padded) == set(measured)


def test_that_nothing_was_found_is_said():
    assert shown_in_words(torch.zeros(7, dtype=torch.bool), "adaptation").startswith(
        "no circuit of 7 tried shows adaptation"
    )
    assert shown_in_words(torch.ones(2, dtype=torch.bool), "pulse") == "2 of 2 circuits show pulse"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: shows(RING, "dancing"), UnknownNameError, "no behaviour is named 'dancing'"),
        (lambda: behaviour_of(3), InputError, "behaviour must be one of"),
        (lambda: shows(RING, "stability", targets={"period": 3}), UnknownNameError, "named 'period'"),
        (lambda: shows(RING, "oscillation", targets={"period": "5..2"}), InputError, "between 5 and 2"),
        (lambda: shows(RING, "oscillation", targets={"period": "long"}), InputError, "must be a number"),
        (lambda: shows(RING, "oscillation", targets={"period": True}), InputError, "must be a number"),
        (lambda: shows(RING, lambda times, levels: levels[-1]), InputError, "one for each circuit"),
    ],
)
def test_bad_requests_are_answered_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()
