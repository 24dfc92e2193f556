"""Graphs of networkx come back as the circuits that they were."""

import pytest
import torch

from sciadv.domains.gene_circuits.exchange.graphs import from_networkx, to_networkx
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError

networkx = pytest.importorskip("networkx", reason="graphs are those of networkx")


def test_circuits_with_kinetics_come_back_equal():
    for circuit in random_circuits(4, 4, seed=3).double():
        n = int(circuit[-1].diagonal().sum())
        back, signed = from_networkx(to_networkx(circuit))
        torch.testing.assert_close(back, circuit[:, :n, :n], rtol=0, atol=1e-5)
        assert signed.genes == tuple("ABCD"[:n])


def test_signs_alone_have_kinetics_in_the_middle_and_open_ones_are_named():
    graph = networkx.DiGraph()
    graph.add_edge("lacI", 7, sign=-1)
    graph.add_edge(7, "lacI", sign=0)
    circuit, signed = from_networkx(graph)
    assert circuit[0].tolist() == [[0, -1], [0, 0]]
    assert bool((circuit[1:-1].abs() < 1e-12).all())
    assert "the sign of 7 on lacI is not known" in signed.messages[1]


@pytest.mark.parametrize("sign", [None, 2, "+"])
def test_a_sign_that_is_none_is_refused_in_words(sign):
    graph = networkx.DiGraph()
    graph.add_edge("A", "B", sign=sign)
    with pytest.raises(InputError, match="signs are -1, 0 and 1"):
        from_networkx(graph)
