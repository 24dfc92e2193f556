"""Noise of resistors against ngspice, which knows none of a controlled source."""

import math

import pytest
import torch

from benchmarks.design.random_linear_circuits import random_circuits
from sciadv.forward.circuits import ngspice
from sciadv.physics.small_signal.elements import assemble
from sciadv.physics.small_signal.netlist import elements_of, output_of
from sciadv.physics.small_signal.noise import output_noise
from sciadv.physics.small_signal.spice_writer import to_spice


@pytest.mark.skipif(not ngspice.is_installed(), reason="ngspice is not installed")
@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_output_noise_of_random_circuits_is_that_of_ngspice(tmp_path, kind):
    circuit = random_circuits(4, seed=4)[kind]
    (tmp_path / "0.cir").write_text(to_spice(circuit))
    commands = ["source 0.cir", "noise v(out) v1 dec 4 1 1e9", "setplot noise1"]
    said = ngspice.run([*commands, "set numdgt=12", "print onoise_spectrum"], tmp_path)
    rows = [line.split() for line in said.splitlines() if line[:1].isdigit()]
    f, wanted = torch.tensor([[float(word) for word in row[1:3]] for row in rows], dtype=torch.float64).T
    elements = elements_of([circuit])
    system = assemble(elements)
    output = output_of([circuit], "out", system.source.shape[1])
    density = output_noise(elements, system, output, 2j * math.pi * f)[0]
    torch.testing.assert_close(density.sqrt(), wanted, rtol=1e-5, atol=0)
