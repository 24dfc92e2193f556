import pytest

from sciadv.domains.analog_circuits.textbook_netlists import (
    has_topologies,
    load_topologies,
    read_topology,
    small_signal,
    statistics,
)
from sciadv.errors import InputError
from sciadv.physics.small_signal.netlist_checks import checked_netlist

TEXT = """// a stage
M0 (out in VSS VSS) nmos4
M1 (out out VDD VDD) pmos4
R0 (out mid) resistor
L0 (mid VSS) inductor
Q0 (VDD out mid VSS) npn"""


def test_devices_are_read_with_their_nodes():
    found = read_topology(TEXT, "stage", ports="in out")
    assert [one.kind for one in found.devices] == ["nmos4", "pmos4", "resistor", "inductor", "npn"]
    assert found.ports == ("in", "out")
    assert statistics([found])["n_understood"] == 1


def test_what_is_not_understood_is_named_with_its_line():
    found = read_topology(TEXT + "\nX1 (a b) PFD\nM9 (a b) nmos4", "stage")
    assert found.not_understood == ("line 7: 'X1 (a b) PFD'", "line 8: 'M9 (a b) nmos4'")
    with pytest.raises(InputError, match="line 7"):
        small_signal(found)


def test_a_topology_becomes_a_small_signal_netlist_that_can_be_solved():
    found = checked_netlist(small_signal(read_topology(TEXT, "stage")))
    assert {"0", "in", "out", "mid"} == {"0", *found.nodes}


def test_a_diode_has_no_small_signal_values():
    with pytest.raises(InputError, match="D0 is a diode"):
        small_signal(read_topology("D0 (a b) diode", "clamp"))


@pytest.mark.skipif(not has_topologies(), reason="the textbook circuits are not under SCIADV_DATA")
def test_nearly_all_textbook_circuits_are_understood():
    found = statistics(load_topologies())
    assert found["n_circuits"] == 3350
    assert found["n_understood"] >= 3300
    assert found["devices"]["nmos4"] == 30908
    assert set(found["not_understood"]) == {"TRANSMISSION_GATE", "INVERTER", "XOR", "PFD"}
