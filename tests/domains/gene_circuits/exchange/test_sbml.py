"""Reaction networks come from SBML and go out again equal; what is not expressed is said in words."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from sciadv.domains.gene_circuits.exchange.kinetic.sbml_reading import network_from_sbml
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_writing import network_to_sbml
from sciadv.errors import InputError
from sciadv.physics.reactions.comparison import network_differences
from sciadv.physics.reactions.equations import Equations
from sciadv.physics.reactions.expressions import Expression, call, name, number
from sciadv.physics.reactions.network import (
    Compartment,
    Event,
    Function,
    ModelUnits,
    Parameter,
    Reaction,
    ReactionNetwork,
    Reference,
    Species,
    UnitFactor,
)
from sciadv.physics.reactions.stiff import trajectories

pytest.importorskip("libsbml", reason="SBML is read and written by python-libsbml")

HILL = Function(
    ("x", "n"), call("divide", call("power", name("x"), name("n")), call("plus", number(1), name("x")))
)
TIME = Expression("time")


def everything() -> ReactionNetwork:
    """Return a network with a part of each kind."""
    hill = Expression("call", (name("A"), name("n")), name="hill")
    pulse = call("piecewise", number(2.5), call("lt", TIME, number(3)), name("p"))
    return ReactionNetwork(
        id="everything",
        name="All of it",
        compartments={"cell": Compartment(2.0, units="litre"), "wall": Compartment(1.5, 2.0, False)},
        species={
            "A": Species("cell", concentration=1.25, name="the A"),
            "B": Species("cell", amount=0.1, is_amount=True, units="mole"),
            "C": Species("cell", amount=3.0, is_boundary=True, is_constant=True),
            "D": Species("wall", concentration=1.0, is_boundary=True),
            "E": Species("cell", amount=1.0, conversion_factor="f"),
        },
        parameters={
            "k": Parameter(0.3, False, units="per_minute"),
            "p": Parameter(1.0 / 3.0, is_constant=False),
            "f": Parameter(2.0),
            "v": Parameter(None, is_constant=False),
        },
        reactions={
            "J1": Reaction(
                (Reference("A"),), (Reference("E", 2.0), Reference("B")), ("C",),
                call("times", name("k"), hill, name("cell")), {"n": Parameter(2.0)}, False, "first",
            ),
            "J2": Reaction((), (Reference("A", None, "s", False),), rate=call("times", pulse, number(1e-3))),
        },
        functions={"hill": HILL},
        initial_assignments={"p": call("root", number(3), call("exp", number(-1)))},
        assignment_rules={
            "v": call("log", number(10), call("plus", name("A"), number(1))),
            "s": call("plus", number(1), call("sin", TIME)),
        },
        rate_rules={"D": call("minus", name("D")), "wall": number(0.01)},
        events={
            "E1": Event(
                call("and", call("gt", TIME, number(5)), call("geq", name("A"), number(0))),
                {"k": number(0.6)}, number(1.5), number(3), False, False, False, "switch",
            )
        },
        units=ModelUnits({"per_minute": (UnitFactor("second", -1.0, 0, 60.0),)}, {"time": "per_minute"}),
        conversion_factor="f",
    )  # fmt: skip


def test_a_network_with_a_part_of_each_kind_comes_back_equal():
    text = network_to_sbml(everything())
    back = network_from_sbml(text)
    assert network_differences(everything(), back) == []
    assert back.notes == back.unexpressed == ()
    times = np.linspace(0, 10, 11)
    first, second = (trajectories(one, times).levels for one in (everything(), back))
    np.testing.assert_allclose(first, second, rtol=1e-9)


def test_it_is_simulated_as_libroadrunner_simulates_it():
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is the independent simulator")
    network = everything()
    model = roadrunner.RoadRunner(network_to_sbml(network))
    model.integrator.relative_tolerance = 1e-10
    model.integrator.absolute_tolerance = 1e-12
    names = ["A", "B", "C", "D", "E"]
    model.timeCourseSelections = ["time", "[A]", "B", "[C]", "[D]", "[E]", "k"]
    theirs = np.array(model.simulate(0, 10, 41))
    ours = trajectories(network, theirs[:, 0], names=[*names, "k"]).levels[:, :, 0].numpy()
    np.testing.assert_allclose(ours / ours.max(0), theirs[:, 1:] / ours.max(0), atol=1e-6)


def test_libsbml_finds_nothing_wrong_with_what_is_written():
    import libsbml

    document = libsbml.readSBMLFromString(network_to_sbml(everything()))
    document.checkConsistency()
    errors = [document.getError(k) for k in range(document.getNumErrors())]
    assert [e.getMessage() for e in errors if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR] == []


def test_the_repressilator_of_biomodels_is_simulated_as_libroadrunner_simulates_it():
    path = (
        Path(os.environ.get("SCIADV_DATA", ".")) / "circuits/biomodels_repressilator/BIOMD0000000012.xml.gz"
    )
    if not path.is_file():
        pytest.skip("BIOMD0000000012 is not under SCIADV_DATA")
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is the independent simulator")
    text = gzip.decompress(path.read_bytes()).decode()
    network = network_from_sbml(text)
    model = roadrunner.RoadRunner(text)
    model.integrator.relative_tolerance = 1e-10
    model.integrator.absolute_tolerance = 1e-12
    model.timeCourseSelections = ["time", *network.species]
    theirs = np.array(model.simulate(0, 400, 81))
    ours = trajectories(network, theirs[:, 0]).levels[:, :, 0].numpy()
    np.testing.assert_allclose(ours / ours.max(0), theirs[:, 1:] / ours.max(0), atol=1e-6)
    assert network_differences(network, network_from_sbml(network_to_sbml(network))) == []


def level_2(body: str) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="m">
<listOfCompartments><compartment id="c" size="1"/></listOfCompartments>
<listOfSpecies><species id="S" compartment="c" initialConcentration="2"/></listOfSpecies>
<listOfParameters><parameter id="k" value="0.5"/></listOfParameters>
{body}
</model></sbml>"""


def math_of(inner: str) -> str:
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML">{inner}</math>'


def reaction_of(inner: str, more: str = "") -> str:
    return (
        f'<listOfReactions><reaction id="J"{more}><listOfReactants><speciesReference species="S"/>'
        f"</listOfReactants><kineticLaw>{math_of(inner)}</kineticLaw></reaction></listOfReactions>"
    )


PLAIN = "<apply><times/><ci>k</ci><ci>S</ci></apply>"
DELAY = (
    '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">delay</csymbol>'
    "<ci>S</ci><cn>1</cn></apply>"
)


def test_level_2_is_read_as_level_3():
    network = network_from_sbml(level_2(reaction_of(PLAIN)))
    found = trajectories(network, [2.0]).levels
    np.testing.assert_allclose(found, 2 * np.exp(-1.0), rtol=1e-9)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (reaction_of(DELAY), "a delay in the rate of reaction J"),
        (reaction_of(PLAIN, ' fast="true"'), "reaction J is fast"),
        (
            f"<listOfRules><algebraicRule>{math_of(PLAIN)}</algebraicRule></listOfRules>",
            r"rule 1 is algebraic: k \* S = 0",
        ),
        (
            '<listOfReactions><reaction id="J"><listOfReactants><speciesReference species="S"/>'
            "</listOfReactants></reaction></listOfReactions>",
            "reaction J has no rate",
        ),
    ],
)
def test_what_is_not_expressed_is_read_named_and_neither_simulated_nor_written(body, words):
    network = network_from_sbml(level_2(body))
    with pytest.raises(InputError, match=words):
        trajectories(network, [1.0])
    with pytest.raises(InputError, match=words):
        network_to_sbml(network)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model m()\nend", "m.xml is not SBML: it is not XML"),
        ("", "m.xml is not SBML: it is not XML"),
        ("<html></html>", "m.xml is not valid SBML: line"),
        ("<sbml", "m.xml is not valid SBML: line"),
        (level_2(reaction_of("<apply><times/><ci>k</ci><ci>X</ci></apply>")), "line 6: .*'X'"),
        (level_2('<listOfParameters><parameter id="k"/></listOfParameters>'), "is not valid SBML: line"),
    ],
)
def test_what_is_no_sbml_is_refused_with_libsbmls_words_and_the_line(text, words):
    with pytest.raises(InputError, match=words):
        network_from_sbml(text, file="m.xml")


def test_what_is_left_out_is_noted():
    text = (
        network_to_sbml(everything())
        .replace('metaid="x"', "")
        .replace('<model id="everything"', '<model sboTerm="SBO:0000062" id="everything"')
    )
    assert network_from_sbml(text).notes == ("annotations, notes and SBO terms are not kept",)


def test_values_that_a_model_lacks_are_named():
    network = network_from_sbml(level_2(reaction_of(PLAIN)).replace(' value="0.5"', ""))
    assert Equations(network).missing == ("k",)
