"""Responses against closed forms, against ngspice and by finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.design.random_linear_circuits import random_circuits
from sciadv.errors import UnknownNameError
from sciadv.forward.circuits import ngspice
from sciadv.physics.small_signal.adjoint_solution import solution
from sciadv.physics.small_signal.analysis import grouped, responses
from sciadv.physics.small_signal.elements import System, assemble
from sciadv.physics.small_signal.netlist import elements_of
from sciadv.physics.small_signal.spice_reader import read_spice

FREQUENCY = torch.logspace(0, 10, 41, dtype=torch.float64)
with_ngspice = pytest.mark.skipif(not ngspice.is_installed(), reason="ngspice is not installed")


def low_pass(n, R=1e3, C=1e-9):
    nodes = ["in", *(f"n{i}" for i in range(1, n)), "out"]
    lines = [f"R{i} {nodes[i]} {nodes[i + 1]} {R!r}\nC{i} {nodes[i + 1]} 0 {C!r}" for i in range(n)]
    return read_spice("\n".join(["ladder", "V1 in 0 ac 1", *lines]))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.floats(1, 1e6), st.floats(1e-14, 1e-6))
def test_ladders_of_equal_sections_have_their_closed_form(n, R, C):
    s = 2j * math.pi * FREQUENCY.numpy()
    step = np.array([[1 + s * R * C, R * np.ones_like(s)], [s * C, np.ones_like(s)]])
    whole = np.broadcast_to(np.eye(2)[:, :, None], (2, 2, len(s)))
    for _ in range(n):
        whole = np.einsum("ijf,jkf->ikf", whole, step)
    found = responses([low_pass(n, R, C)], ["out"], FREQUENCY)[0].numpy()
    np.testing.assert_allclose(found, 1 / whole[0, 0], rtol=1e-9)


def test_two_stage_miller_amplifier_has_the_closed_form_of_its_two_poles_and_its_zero():
    gm1, gm2, R1, R2, C1, C2, Cc = 1e-3, 5e-3, 1e5, 1e4, 1e-13, 2e-12, 1e-12
    text = f"""miller
V1 in 0 ac 1
G1 a 0 in 0 {gm1!r}
R1 a 0 {R1!r}
C1 a 0 {C1!r}
G2 out 0 a 0 {gm2!r}
R2 out 0 {R2!r}
C2 out 0 {C2!r}
Cc a out {Cc!r}"""
    s = 2j * math.pi * FREQUENCY.numpy()
    a = R1 * (C1 + Cc) + R2 * (C2 + Cc) + gm2 * R1 * R2 * Cc
    b = R1 * R2 * (C1 * C2 + Cc * (C1 + C2))
    wanted = gm1 * R1 * gm2 * R2 * (1 - s * Cc / gm2) / (1 + a * s + b * s**2)
    found = responses([read_spice(text)], ["out"], FREQUENCY)[0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


@with_ngspice
def test_random_circuits_of_several_kinds_respond_as_in_ngspice():
    circuits = random_circuits(40, seed=5)
    out = ["out"] * len(circuits)
    f, wanted = ngspice.responses(circuits, out, lowest=1, highest=1e9, per_decade=5)
    found = responses(circuits, out, torch.from_numpy(f)).numpy()
    assert np.abs(found / wanted - 1).max() < 1e-8


def test_circuits_of_a_batch_are_solved_as_each_alone():
    circuits = random_circuits(16, seed=2)
    out = ["out"] * len(circuits)
    together = responses(circuits, out, FREQUENCY)
    alone = torch.cat([responses([one], ["out"], FREQUENCY) for one in circuits])
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=0)


def test_a_held_node_gives_what_a_source_with_its_current_gives():
    circuit = random_circuits(3, seed=1)[2]
    system = assemble(elements_of([circuit]))
    s = 2j * math.pi * FREQUENCY
    with_current = solution(system, s)[0, :, circuit.number("out") - 1]
    torch.testing.assert_close(responses([circuit], ["out"], FREQUENCY)[0], with_current, rtol=1e-8, atol=0)


def test_adjoint_derivatives_pass_gradcheck():
    generator = torch.Generator().manual_seed(0)
    G, C = (torch.randn(2, 3, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    b, d = (torch.randn(2, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    parts = tuple(one.requires_grad_() for one in (G, C, b, d))
    s = torch.tensor([0.0, 0.3j, 1.0 + 2j], dtype=torch.complex128)
    assert torch.autograd.gradcheck(lambda *given: solution(System(*given), s), parts)


def test_derivatives_in_the_values_of_elements_are_those_of_finite_differences():
    group = elements_of([low_pass(3)])
    s = 2j * math.pi * FREQUENCY[10:20]

    def size(value):
        system = assemble(type(group)(group.kind, group.nodes, value, group.n_nodes))
        return solution(system, s)[0, :, 3].abs().log().sum()

    value = group.value.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(size(value), value)
    for i in range(1, value.shape[1]):
        step = torch.zeros_like(value)
        step[0, i] = 1e-6 * value[0, i].detach()
        slope = (size(value.detach() + step) - size(value.detach() - step)) / (2 * step[0, i])
        assert float(gradient[0, i]) == pytest.approx(float(slope), rel=1e-5)


def test_an_unknown_node_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="node of ladder"):
        grouped([low_pass(2)], ["outt"])
