"""Keys of signed directed graphs of any size: equal exactly where a relabelling makes one the other."""

import time
from itertools import product

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.metrics.graph import canonical_keys, canonical_order


def signs_of(graph: nx.Graph) -> torch.Tensor:
    """Both directions of every edge, as activations."""
    return torch.tensor(nx.to_numpy_array(graph)).sign()


def draw(n_graphs: int, n: int, *, density: float, seed: int) -> torch.Tensor:
    numbers = torch.Generator().manual_seed(seed)
    signs = 2 * torch.randint(0, 2, (n_graphs, n, n), generator=numbers) - 1
    return signs * (torch.rand(n_graphs, n, n, generator=numbers) < density)


def relabelled(signs: torch.Tensor, seed: int) -> torch.Tensor:
    order = torch.randperm(signs.shape[-1], generator=torch.Generator().manual_seed(seed))
    return signs[..., order, :][..., order]


def classes(keys: list[tuple[int, int]]) -> list[int]:
    """For each graph the first one with its key."""
    return [keys.index(key) for key in keys]


def shrikhande() -> nx.Graph:
    graph = nx.Graph()
    for a, b in product(range(4), repeat=2):
        for da, db in ((0, 1), (1, 0), (1, 1)):
            graph.add_edge((a, b), ((a + da) % 4, (b + db) % 4))
    return graph


REGULAR = {
    "star": nx.star_graph(29),
    "empty": nx.empty_graph(30),
    "complete": nx.complete_graph(30),
    "cube": nx.hypercube_graph(5),
    "petersen": nx.petersen_graph(),
    "triangles": nx.disjoint_union_all([nx.complete_graph(3)] * 10),
    "rook": nx.line_graph(nx.complete_bipartite_graph(4, 4)),
    "shrikhande": shrikhande(),
    "tree": nx.balanced_tree(2, 4),
    "torus": nx.grid_2d_graph(5, 6, periodic=True),
    "cubic": nx.random_regular_graph(3, 30, seed=1),
}


@settings(max_examples=40)
@given(n=st.integers(7, 14), density=st.floats(0.0, 1.0), seed=st.integers(0, 10_000))
def test_key_is_that_of_every_relabelling(n, density, seed):
    signs = draw(2, n, density=density, seed=seed)
    assert canonical_keys(signs) == canonical_keys(relabelled(signs, seed + 1))


@settings(max_examples=40)
@given(n=st.integers(7, 10), seed=st.integers(0, 10_000), entry=st.integers(0, 48))
def test_another_sign_of_one_edge_is_another_key_where_networkx_says_so(n, seed, entry):
    signs = draw(1, n, density=0.2, seed=seed)
    other = signs.clone()
    i, j = divmod(entry, 7)
    other[0, i, j] = (other[0, i, j] + 2) % 3 - 1
    other = relabelled(other, seed)
    graphs = [nx.from_numpy_array(part[0].numpy(), create_using=nx.DiGraph) for part in (signs, other)]
    same = nx.is_isomorphic(*graphs, edge_match=lambda a, b: a["weight"] == b["weight"])
    assert (canonical_keys(signs) == canonical_keys(other)) == same


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_search_finds_the_classes_that_all_orders_give(n):
    signs = draw(400, n, density=0.5, seed=n)
    assert classes(canonical_keys(signs, most_permuted=0)) == classes(canonical_keys(signs))


@pytest.mark.parametrize("name", REGULAR)
def test_symmetric_graphs_have_one_key_in_every_order_and_soon(name):
    signs = signs_of(REGULAR[name])[None]
    began = time.process_time()
    keys = {canonical_keys(relabelled(signs, seed))[0] for seed in range(3)}
    assert len(keys) == 1
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (REGULAR["rook"], REGULAR["shrikhande"]),  # strongly regular with the same parameters
        (nx.cycle_graph(8), nx.disjoint_union(nx.cycle_graph(4), nx.cycle_graph(4))),
        (nx.random_regular_graph(3, 12, seed=1), nx.random_regular_graph(3, 12, seed=2)),
        (nx.petersen_graph(), nx.circular_ladder_graph(5)),
    ],
)
def test_regular_graphs_that_refinement_cannot_tell_apart_have_different_keys(one, other):
    assert not nx.is_isomorphic(one, other)
    assert canonical_keys(signs_of(one)[None]) != canonical_keys(signs_of(other)[None])


def test_direction_sign_and_self_edges_count():
    ring = torch.eye(8).roll(1, 1)[None]
    loop = ring.clone()
    loop[0, 0, 0] = 1
    negative = ring.clone()
    negative[0, 0, 1] = -1
    chord, back = ring.clone(), ring.clone()
    chord[0, 0, 3] = 1
    back[0, 3, 0] = 1
    keys = canonical_keys(torch.cat([ring, -ring, loop, -loop, negative, chord, back]))
    assert len(set(keys)) == 7
    assert canonical_keys(ring) == canonical_keys(ring.transpose(1, 2))  # a ring turned over


def test_padding_is_no_part_of_a_key():
    signs = draw(5, 9, density=0.3, seed=3)
    padded = torch.nn.functional.pad(signs, (2, 1, 2, 1))
    present = torch.tensor([0, 0, *(1,) * 9, 0]).expand(5, -1)
    assert canonical_keys(padded, present) == canonical_keys(signs)


def test_thousand_graphs_of_twelve_nodes_take_a_few_seconds():
    signs = draw(1000, 12, density=0.15, seed=4)
    began = time.process_time()
    assert len(set(canonical_keys(signs))) == 1000
    assert time.process_time() - began < 5


def test_order_is_a_permutation():
    digits = (draw(1, 9, density=0.3, seed=5)[0] + 1).tolist()
    assert sorted(canonical_order(digits)) == list(range(9))
