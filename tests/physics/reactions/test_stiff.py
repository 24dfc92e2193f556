"""Trajectories of networks: closed forms, stiff systems, events and switches, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from sciadv.errors import InputError, SolveError
from sciadv.physics.reactions.expressions import Expression, call, name, number
from sciadv.physics.reactions.network import (
    Compartment,
    Event,
    Parameter,
    Reaction,
    ReactionNetwork,
    Reference,
    Species,
)
from sciadv.physics.reactions.stiff import Accuracy, trajectories

TIME = Expression("time")


def decay(**changed: object) -> ReactionNetwork:
    """S decays at the rate k S from 1."""
    network = ReactionNetwork(
        id="decay",
        compartments={"cell": Compartment()},
        species={"S": Species("cell", concentration=1.0)},
        parameters={"k": Parameter(0.5)},
        reactions={"J": Reaction((Reference("S"),), rate=call("times", name("k"), name("S")))},
    )
    return replace(network, **changed)


def reset(trigger: Expression, value: Expression = number(1.0), **more: object) -> dict[str, Event]:  # noqa: B008
    return {"E": Event(trigger, {"S": value}, **more)}


def levels(network: ReactionNetwork, times: list[float], **more: object) -> np.ndarray:
    return trajectories(network, times, **more).of("S").numpy()


def test_decay_is_exponential_for_every_row_of_a_batch():
    k = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
    found = levels(decay(), [0.0, 1.0, 5.0], values={"k": k})
    exact = np.exp(-np.outer([0.0, 1.0, 5.0], k.numpy()))
    np.testing.assert_allclose(found, exact, atol=1e-9)


def test_growth_by_forty_orders_of_magnitude_is_exact_from_the_start():
    grows = call("minus", call("times", name("k"), name("S")))
    network = decay(
        reactions={"J": Reaction((Reference("S"),), rate=grows)}, parameters={"k": Parameter(1.0)}
    )
    found = levels(network, [1.0, 30.0, 100.0])[:, 0]
    np.testing.assert_allclose(found, np.exp([1.0, 30.0, 100.0]), rtol=1e-7)


@pytest.mark.parametrize("method", ["LSODA", "BDF", "Radau"])
def test_a_stiff_reaction_is_integrated_to_its_end_by_each_method(method):
    """Robertson's problem: Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.1."""
    species = {key: Species("cell", concentration=float(key == "A")) for key in "ABC"}
    names = {key: name(key) for key in "ABC"}
    network = ReactionNetwork(
        "robertson",
        {"cell": Compartment()},
        species,
        {},
        {
            "slow": Reaction(
                (Reference("A"),), (Reference("B"),), rate=call("times", number(0.04), names["A"])
            ),
            "fast": Reaction(
                (Reference("B", 2.0),),
                (Reference("B"), Reference("C")),
                rate=call("times", number(3e7), call("power", names["B"], number(2))),
            ),
            "back": Reaction(
                (Reference("B"), Reference("C")),
                (Reference("A"), Reference("C")),
                rate=call("times", number(1e4), names["B"], names["C"]),
            ),
        },
    )

    def rates(_, y):
        slow, fast, back = 0.04 * y[0], 3e7 * y[1] ** 2, 1e4 * y[1] * y[2]
        return [back - slow, slow - back - fast, fast]

    exact = solve_ivp(rates, (0, 40), [1, 0, 0], method="Radau", t_eval=[0.4, 40], rtol=1e-12, atol=1e-16).y
    accuracy = Accuracy(1e-8, 1e-10, method=method)
    found = trajectories(network, [0.4, 40.0], accuracy=accuracy).levels[:, :, 0].numpy()
    np.testing.assert_allclose(found.T, exact, rtol=1e-6)


def test_an_event_happens_at_its_time_and_counts_there():
    network = decay(events=reset(call("geq", TIME, number(2.0))))
    found = levels(network, [1.0, 2.0, 3.0])[:, 0]
    np.testing.assert_allclose(found, [math.exp(-0.5), 1.0, math.exp(-0.5)], rtol=1e-9)


def test_an_event_happens_where_a_level_crosses():
    network = decay(events=reset(call("lt", name("S"), number(0.25))))
    period = math.log(4) / 0.5
    times = [0.5 * period, 1.5 * period, 7.25 * period]
    found = levels(network, times)[:, 0]
    np.testing.assert_allclose(found, [0.5, 0.5, 0.25**0.25], rtol=1e-8)


def test_a_delayed_event_keeps_the_values_of_its_trigger_unless_told_otherwise():
    doubled = call("times", number(2), name("S"))
    trigger = call("geq", TIME, number(1.0))
    kept = decay(events=reset(trigger, doubled, delay=number(1.0)))
    later = decay(events=reset(trigger, doubled, delay=number(1.0), uses_trigger_time=False))
    np.testing.assert_allclose(levels(kept, [2.0])[0, 0], 2 * math.exp(-0.5), rtol=1e-9)
    np.testing.assert_allclose(levels(later, [2.0])[0, 0], 2 * math.exp(-1.0), rtol=1e-9)


def test_an_event_that_does_not_persist_is_dropped_when_its_trigger_turns_false():
    trigger = call("and", call("geq", TIME, number(1.0)), call("lt", TIME, number(1.5)))
    dropped = decay(events=reset(trigger, delay=number(1.0), is_persistent=False))
    kept = decay(events=reset(trigger, delay=number(1.0)))
    np.testing.assert_allclose(levels(dropped, [2.0])[0, 0], math.exp(-1.0), rtol=1e-9)
    np.testing.assert_allclose(levels(kept, [2.0])[0, 0], 1.0, rtol=1e-9)


def test_of_two_events_at_once_the_one_of_lower_priority_has_the_last_word():
    trigger = call("geq", TIME, number(1.0))
    events = {
        "low": Event(trigger, {"S": number(5.0)}, priority=number(1.0)),
        "high": Event(trigger, {"S": number(9.0)}, priority=number(2.0)),
    }
    assert levels(decay(events=events), [1.0])[0, 0] == 5.0


def test_a_trigger_that_is_true_at_the_start_counts_only_if_it_was_false_before():
    trigger = call("lt", TIME, number(1.0))
    assert levels(decay(events=reset(trigger, number(3.0))), [0.0])[0, 0] == 1.0
    assert levels(decay(events=reset(trigger, number(3.0), starts_true=False)), [0.0])[0, 0] == 3.0


def test_events_change_parameters_and_keep_amounts_when_a_volume_changes():
    trigger = call("geq", TIME, number(1.0))
    events = {"E": Event(trigger, {"cell": number(2.0), "k": number(0.0)})}
    network = decay(events=events, compartments={"cell": Compartment(1.0, is_constant=False)})
    found = levels(network, [1.0, 4.0])[:, 0]
    np.testing.assert_allclose(found, [0.5 * math.exp(-0.5)] * 2, rtol=1e-9)


def test_events_that_follow_each_other_without_end_are_refused():
    events = {
        "a": Event(call("geq", name("S"), number(1.0)), {"S": number(0.0)}, starts_true=False),
        "b": Event(call("lt", name("S"), number(1.0)), {"S": number(1.0)}, starts_true=False),
    }
    with pytest.raises(SolveError, match="events follow each other at time 0"):
        levels(decay(events=events), [1.0])


def test_a_switch_of_a_piecewise_formula_is_never_stepped_over():
    """A pulse of 0.01 at time 50, which a free step would miss."""
    inside = call("and", call("geq", TIME, number(50.0)), call("lt", TIME, number(50.01)))
    network = decay(
        rate_rules={"dose": call("piecewise", number(1.0), inside, number(0.0))},
        parameters={"k": Parameter(0.5), "dose": Parameter(0.0, is_constant=False)},
    )
    found = trajectories(network, [49.0, 60.0], names=["dose"]).levels[:, 0, 0]
    np.testing.assert_allclose(found, [0.0, 0.01], atol=1e-11)


def test_a_network_without_states_has_events_and_rules_of_time():
    network = decay(
        reactions={},
        species={},
        parameters={"p": Parameter(1.0, is_constant=False), "q": Parameter(None, is_constant=False)},
        assignment_rules={"q": call("times", name("p"), TIME)},
        events={"E": Event(call("geq", TIME, number(1.0)), {"p": number(3.0)})},
    )
    assert trajectories(network, [0.5, 2.0], names=["q"]).levels.flatten().tolist() == [0.5, 6.0]


@pytest.mark.parametrize(
    ("network", "more", "error", "words"),
    [
        (decay(unexpressed=("rule 1 is algebraic: S - 1 = 0",)), {}, InputError, "rule 1 is algebraic"),
        (decay(), {"times": [1.0, 1.0]}, InputError, "finite, >= 0 and rising"),
        (decay(), {"times": [-1.0, 1.0]}, InputError, "finite, >= 0 and rising"),
        (decay(), {"times": []}, InputError, "there must be one at least"),
        (
            decay(reactions={}, rate_rules={"S": call("power", name("S"), number(2))}),
            {"times": [2.0]},
            SolveError,
            "the integration stops|no longer finite",
        ),
    ],
)
def test_what_cannot_be_integrated_is_refused_in_words(network, more, error, words):
    with pytest.raises(error, match=words):
        trajectories(network, **{"times": [1.0], **more})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Accuracy(relative=0.0), "between 0 and 1"),
        (lambda: Accuracy(method="Euler"), "LSODA, BDF or Radau, but is 'Euler'"),
    ],
)
def test_accuracies_are_checked(make, words):
    with pytest.raises(InputError, match=words):
        make()
