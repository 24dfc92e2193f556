"""Equations of reaction networks: amounts, concentrations, volumes, rules, and batches with derivatives."""

from dataclasses import replace

import pytest
import torch

from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.reactions.comparison import network_differences
from sciadv.physics.reactions.equations import Equations
from sciadv.physics.reactions.expressions import Expression, call, name, number
from sciadv.physics.reactions.network import (
    Compartment,
    Parameter,
    Reaction,
    ReactionNetwork,
    Reference,
    Species,
)


def conversion(**changed: object) -> ReactionNetwork:
    """A -> B at the rate k A in a cell of size 2, with a local parameter."""
    rate = call("times", name("k"), name("scale"), name("A"))
    reaction = Reaction(
        (Reference("A", 1.0),), (Reference("B", 3.0),), rate=rate, local={"scale": Parameter(2.0)}
    )
    network = ReactionNetwork(
        id="m",
        compartments={"cell": Compartment(2.0)},
        species={"A": Species("cell", concentration=5.0), "B": Species("cell", amount=1.0)},
        parameters={"k": Parameter(0.1), "total": Parameter(None, is_constant=False)},
        reactions={"J": reaction},
        assignment_rules={"total": call("plus", name("A"), name("B"))},
    )
    return replace(network, **changed)


def rates(network: ReactionNetwork, **values: float) -> list[float]:
    equations = Equations(network)
    y, constants = equations.start(values)
    return equations.rates(0.0, y, constants)[:, 0].tolist()


def quantity(network: ReactionNetwork, key: str) -> float:
    equations = Equations(network)
    return float(equations.quantities([key], 0.0, *equations.start()))


def test_amounts_change_by_rate_times_stoichiometry():
    equations = Equations(conversion())
    y, _ = equations.start()
    assert y[:, 0].tolist() == [10.0, 1.0]
    assert rates(conversion()) == pytest.approx([-1.0, 3.0])
    assert quantity(conversion(), "B") == 0.5
    assert quantity(conversion(), "total") == 5.5
    assert quantity(conversion(), "J") == pytest.approx(1.0)


def test_local_parameters_hide_others_and_have_a_name_of_their_own():
    network = conversion()
    network.parameters["scale"] = Parameter(100.0)
    assert rates(network) == pytest.approx([-1.0, 3.0])
    assert rates(network, **{"J.scale": 4.0}) == pytest.approx([-2.0, 6.0])


def test_a_species_in_amounts_means_its_amount():
    species = {"A": Species("cell", concentration=5.0, is_amount=True), "B": Species("cell", amount=1.0)}
    assert rates(conversion(species=species)) == pytest.approx([-2.0, 6.0])


def test_boundary_species_stay_and_conversion_factors_count():
    species = {
        "A": Species("cell", concentration=5.0, is_boundary=True),
        "B": Species("cell", amount=1.0, conversion_factor="k"),
    }
    network = conversion(species=species)
    assert Equations(network).states == ("B",)
    assert rates(network) == pytest.approx([0.3])
    assert rates(conversion(conversion_factor="k")) == pytest.approx([-0.1, 0.3])


def test_a_growing_volume_dilutes():
    network = conversion(
        compartments={"cell": Compartment(2.0, is_constant=False)},
        rate_rules={"cell": number(0.5)},
        reactions={},
        parameters={"slope": Parameter(None, is_constant=False)},
        assignment_rules={"slope": Expression("rateOf", (name("A"),))},
    )
    assert rates(network) == [0.5]
    assert quantity(network, "slope") == pytest.approx(-5.0 * 0.5 / 2.0)


def test_initial_assignments_and_rules_are_taken_in_the_order_that_they_need():
    network = conversion(
        initial_assignments={"A": call("times", number(2), name("total2"))},
        parameters={"k": Parameter(0.1), "total2": Parameter(None, is_constant=False), "q": Parameter(3.0)},
        assignment_rules={"total2": call("plus", name("q"), name("k"))},
    )
    assert Equations(network).start()[0][0].tolist() == [pytest.approx(12.4)]


def test_stoichiometries_with_names_follow_rules():
    reaction = conversion().reactions["J"]
    changed = replace(reaction, products=(Reference("B", None, "n", is_constant=False),))
    network = conversion(reactions={"J": changed})
    network.assignment_rules["n"] = call("times", number(2), name("k"))
    assert rates(network) == pytest.approx([-1.0, 0.2])


def test_a_batch_is_each_of_its_rows_and_has_derivatives():
    equations = Equations(conversion())
    k = torch.tensor([0.1, 0.2, 0.5], dtype=torch.float64, requires_grad=True)

    def summed(values: torch.Tensor) -> torch.Tensor:
        return equations.rates(0.0, *equations.start({"k": values, "A": 2 * values}))

    found = summed(k)
    for row, value in enumerate(k.tolist()):
        alone = equations.rates(0.0, *equations.start({"k": value, "A": 2 * value}))
        assert torch.equal(found[:, row], alone[:, 0])
    assert torch.autograd.gradcheck(summed, (k,))


@pytest.mark.parametrize(
    ("call_", "error", "words"),
    [
        (lambda: Equations(conversion()).start({"kk": 1.0}), UnknownNameError, "did you mean 'k'"),
        (lambda: Equations(conversion()).start({"total": 1.0}), InputError, "a rule or an initial"),
        (
            lambda: rates(conversion(assignment_rules={"k": call("minus", name("k"))})),
            InputError,
            "k depends on itself",
        ),
        (lambda: rates(conversion(parameters={})), UnknownNameError, "no quantity of model m is named 'k'"),
        (lambda: quantity(conversion(), "C"), UnknownNameError, "named 'C'"),
        (
            lambda: rates(conversion(reactions={"J": Reaction((Reference("A"),))})),
            InputError,
            "J has no rate",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(call_, error, words):
    with pytest.raises(error, match=words):
        call_()


def test_values_that_are_missing_are_named():
    network = conversion(parameters={"k": Parameter(None), "unused": Parameter(None)}, assignment_rules={})
    assert Equations(network).missing == ("k",)


def test_networks_differ_where_they_differ():
    other = conversion(parameters={"k": Parameter(0.2), "n": Parameter(1.0)})
    assert network_differences(conversion(), conversion()) == []
    words = network_differences(conversion(), other)
    assert "parameters: the second has no total" in words
    assert "parameters: the first has no n" in words
    assert "parameters k, value: 0.1 and 0.2" in words
