"""Signed motifs: counted as networkx counts them, and random graphs that keep what they promise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.domains.gene_circuits.populations.motifs import loop_shares, motif_distance, motif_shares, triples
from sciadv.domains.gene_circuits.populations.random_circuits import (
    connected_random_graphs,
    random_circuits,
    rewired,
)
from sciadv.metrics.graph import are_connected
from sciadv.nets.motif_counts import motif_counts


def graphs(n: int, n_nodes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(-1, 2, (n, n_nodes, n_nodes), generator=generator).float()
    return signs, torch.ones(n, n_nodes)


def test_triples_are_as_many_connected_triads_as_networkx_counts():
    networkx = pytest.importorskip("networkx")
    signs, present = graphs(20, 6, seed=0)
    signs = signs * (torch.rand(signs.shape, generator=torch.Generator().manual_seed(1)) < 0.4)
    unconnected = {"003", "012", "102"}
    expected = 0
    for graph in signs:
        edges = (graph != 0).float() * (1 - torch.eye(6))
        census = networkx.triadic_census(
            networkx.from_numpy_array(edges.numpy(), create_using=networkx.DiGraph)
        )
        expected += sum(n for kind, n in census.items() if kind not in unconnected)
    assert len(triples(signs, present)) == expected


def test_absent_nodes_are_in_no_triple():
    signs, present = graphs(1, 4, seed=2)
    present[0, 3] = 0
    assert len(triples(signs, present)) <= 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_motif_shares_do_not_depend_on_the_order_of_nodes(seed):
    signs, present = graphs(5, 5, seed)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    moved = signs[:, order][:, :, order]
    one, other = motif_shares(signs, present), motif_shares(moved, present)
    assert motif_distance(one, other) < 1e-12
    assert sum(one.values()) == pytest.approx(1)


def test_loops_of_known_graphs():
    coherent = torch.tensor([[[0.0, -1, -1], [0, 0, 1], [0, 0, 0]]])  # represses directly and through a gene
    incoherent = torch.tensor([[[0.0, 1, 1], [0, 0, -1], [0, 0, 0]]])
    shares = loop_shares(torch.cat([coherent, incoherent]))
    assert shares["coherent_feed_forward"] == 0.5
    toggle = torch.tensor([[[1.0, -1, 0], [-1, 0, 1], [0, 1, 0]]])
    shares = loop_shares(toggle)
    assert (shares["double_negative"], shares["double_positive"]) == (0.5, 0.5)


def test_motif_counts_are_sums_over_nodes_and_differentiable():
    signs, _ = graphs(3, 4, seed=3)
    signs = signs * (1 - torch.eye(4))
    edges = torch.stack([(signs > 0).double(), (signs < 0).double()], -1)
    counts = motif_counts(edges).expm1() * 4
    assert counts.shape == (3, 32)
    cycles = torch.zeros(3, 2, 2, 2, dtype=torch.float64)
    for i in range(4):
        for j in range(4):
            for k in range(4):
                if i != k:
                    first, second, third = edges[:, i, j], edges[:, j, k], edges[:, k, i]
                    cycles += first[:, :, None, None] * second[:, None, :, None] * third[:, None, None]
    torch.testing.assert_close(counts[:, -8:], cycles.flatten(1))
    edges.requires_grad_(True)
    assert torch.autograd.gradcheck(motif_counts, edges[:1].detach().requires_grad_(True))


def test_random_graphs_have_the_sizes_densities_and_signs_of_others():
    signs, present = graphs(3000, 5, seed=4)
    signs = signs * (torch.rand(signs.shape, generator=torch.Generator().manual_seed(5)) < 0.5)
    present[::2, 4] = 0
    pairs = present[:, :, None] * present[:, None]
    signs = torch.where(signs > 0, signs, signs.clamp_min(-1)) * pairs
    drawn = connected_random_graphs(signs, present, seed=0)
    assert bool(are_connected(drawn, present).all())
    assert not bool((drawn * (1 - pairs)).any())
    for kind in (1, -1):
        share = float((drawn == kind).sum() / (signs == kind).sum())
        assert share == pytest.approx(1, abs=0.2)  # those that hang together have a few more edges


def test_rewired_graphs_keep_every_degree_of_each_sign():
    x = random_circuits(50, 5, seed=6)
    signs = x[:, 0] * (torch.rand(50, 5, 5, generator=torch.Generator().manual_seed(7)) < 0.6)
    present = torch.ones(50, 5)
    keep = are_connected(signs, present)
    signs, present = signs[keep], present[keep]
    found = rewired(signs, present, seed=0)
    for kind in (1, -1):
        for side in (1, 2):
            assert ((found == kind).sum(side)).equal((signs == kind).sum(side))
    assert bool(are_connected(found, present).all())
    assert not found.equal(signs)
