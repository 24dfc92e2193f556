"""Reaction networks come from Antimony and go out as Antimony, with safe names and the same trajectories."""

import numpy as np
import pytest

from sciadv.domains.gene_circuits.exchange.kinetic.antimony_networks import (
    network_from_antimony,
    network_to_antimony,
)
from sciadv.errors import InputError
from sciadv.physics.reactions.comparison import network_differences
from sciadv.physics.reactions.renaming import identifiers, renamed_network
from sciadv.physics.reactions.stiff import trajectories

pytest.importorskip("antimony", reason="Antimony is read and written by libantimony")
pytest.importorskip("libsbml", reason="libantimony speaks SBML, which python-libsbml reads")

TEXT = """
function hill(x, K, n) x^n / (K^n + x^n) end
model m()
  compartment c; c = 2;
  species A in c, B in c, $X in c; A = 1; B = 0.5; X = 3;
  J1: A => 2 B; k * hill(A, 0.5, n) * c;
  J2: $X => A; 0.1 * X * piecewise(1, time < 3, 0.2);
  k = 0.3; n = 2; q := A + B; z' = -z; z = 1;
  at time > 4: k = 0.6;
end
"""


def test_a_model_goes_out_and_in_with_the_same_trajectories_and_then_stays():
    network = network_from_antimony(TEXT)
    back = network_from_antimony(network_to_antimony(network))
    again = network_from_antimony(network_to_antimony(back))
    assert network_differences(back, again) == []
    assert network_differences(network, back)[-1] == "functions: the second has no hill"
    names = ["A", "B", "q", "z", "k"]
    times = np.linspace(0, 10, 11)
    first, second = (trajectories(one, times, names=names).levels for one in (network, back))
    np.testing.assert_allclose(first, second, rtol=1e-9)
    assert first[:, 4, 0].tolist() == [0.3] * 5 + [0.6] * 6


def test_reserved_names_are_changed_everywhere_and_said():
    words = {"A": "in", "B": "time", "c": "compartment", "k": "sin", "J1": "at", "m": "model"}
    network = network_from_antimony(network_to_antimony(network_from_antimony(TEXT)))
    text = network_to_antimony(renamed_network(network, words))
    for word in words.values():
        assert f"// '{word}' is called {word}_ here: it is reserved in Antimony" in text
    back = network_from_antimony(text)
    restored = renamed_network(back, {f"{new}_": old for old, new in words.items()})
    assert network_differences(network, restored) == []


def test_a_renamed_network_renamed_back_is_the_same():
    network = network_from_antimony(TEXT)
    names = {one: f"{one}_new" for one in identifiers(network)}
    other = renamed_network(network, names)
    assert set(identifiers(other)) == {*names.values()}
    assert (
        network_differences(network, renamed_network(other, {new: old for old, new in names.items()})) == []
    )


def test_what_is_no_antimony_is_refused_with_the_line():
    with pytest.raises(InputError, match=r"m.ant is not valid Antimony: .*line 2"):
        network_from_antimony("model m()\n A -> ; k*\nend", file="m.ant")
