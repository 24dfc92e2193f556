"""Circuits as the graphs of other libraries: networkx, and PyTorch Geometric, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciadv.domains.gene_circuits.circuit_plot import gene_name
from sciadv.domains.gene_circuits.exchange.signed.signed_network import Edge, SignedNetwork
from sciadv.errors import InputError
from sciadv.nets.graph import CHANNELS, N_EDGE
from sciadv.physics.regulation.kinetics import check_circuits, pack, unpack

if TYPE_CHECKING:
    from networkx import DiGraph
    from torch_geometric.data import Data


def to_networkx(x: Tensor) -> DiGraph[str]:
    """Return one circuit ``(7, genes, genes)`` as a directed graph with parameters in physical units.

    Genes have ``production`` and ``degradation``, edges ``sign``, ``threshold``, ``hill`` and ``fold``.

    Raises
    ------
    InputError
        It is not one circuit, or networkx is not installed.
    """
    try:
        import networkx
    except ImportError as error:
        raise InputError("networkx is not installed; pip install sciadv[circuits]") from error
    kinetics = unpack(check_circuits(x[None]))
    graph: DiGraph[str] = networkx.DiGraph()
    for i in range(int(kinetics.presence.sum())):
        numbers = {name: float(getattr(kinetics, name)[0, i]) for name in CHANNELS[1 + N_EDGE : -1]}
        graph.add_node(gene_name(i), **numbers)
    for i, j in kinetics.sign[0].nonzero().tolist():
        numbers = {name: float(getattr(kinetics, name)[0, i, j]) for name in CHANNELS[1 : 1 + N_EDGE]}
        graph.add_edge(gene_name(i), gene_name(j), sign=int(kinetics.sign[0, i, j]), **numbers)
    return graph


def from_networkx(graph: DiGraph[str]) -> tuple[Tensor, SignedNetwork]:
    """Return a directed graph as a circuit ``(7, genes, genes)``, and its signs by the names of its nodes.

    Edges have ``sign`` (-1, 1, or 0 where it is not known); kinetics that nodes and edges have, as
    `to_networkx` gives them, are taken, others are in the middle of their ranges.

    Raises
    ------
    InputError
        An edge has no sign or one that is not -1, 0 or 1, or a number is outside its range.
    """
    names = {node: str(node) for node in graph.nodes}
    edges = []
    for source, target, given in graph.edges(data=True):
        sign = given.get("sign")
        if sign not in (-1, 0, 1):
            raise InputError(f"edge {source} to {target} has the sign {sign!r}, but signs are -1, 0 and 1")
        edges.append(Edge(names[source], names[target], int(sign), "the graph has sign 0"))
    signed = SignedNetwork.of(names.values(), edges)
    kinetics = unpack(signed.circuit()[None].double())
    place = {node: i for i, node in enumerate(graph.nodes)}
    for name in CHANNELS[1 + N_EDGE : -1]:
        for node, value in graph.nodes(data=name):
            if value is not None:
                getattr(kinetics, name)[0, place[node]] = float(value)
    for name in CHANNELS[1 : 1 + N_EDGE]:
        for source, target, value in graph.edges(data=name):
            if value is not None:
                getattr(kinetics, name)[0, place[source], place[target]] = float(value)
    return pack(kinetics)[0], signed


def to_pyg(x: Tensor) -> list[Data]:
    """Return circuits ``(batch, 7, genes, genes)`` as graphs of PyTorch Geometric, without padding.

    ``x`` has the production and degradation of each gene, ``edge_attr`` the sign, threshold, Hill coefficient
    and fold change of each edge, all as places in [-1, 1]; `from_pyg` is the way back.

    Raises
    ------
    InputError
        They are not circuits, or PyTorch Geometric is not installed.
    """
    data_class = _data_class()
    graphs = []
    for circuit in check_circuits(x):
        n = int(circuit[-1].diagonal().sum())
        source, target = circuit[0].nonzero(as_tuple=True)
        graphs.append(
            data_class(
                x=circuit[1 + N_EDGE : -1].diagonal(dim1=1, dim2=2).T[:n].contiguous(),
                edge_index=torch.stack([source, target]),
                edge_attr=circuit[: 1 + N_EDGE, source, target].T.contiguous(),
                num_nodes=n,
            )
        )
    return graphs


def from_pyg(graphs: Sequence[Data], *, n_genes: int | None = None) -> Tensor:
    """Return graphs that `to_pyg` made as one padded batch ``(batch, 7, genes, genes)``.

    Parameters
    ----------
    graphs
        What `to_pyg` gives.
    n_genes
        Genes to pad to; the largest number among the graphs if None.

    Raises
    ------
    InputError
        There are none, a graph is larger than `n_genes`, or has other features.
    """
    if not graphs:
        raise InputError("there are no graphs to make a batch of")
    sizes = [int(graph.num_nodes or 0) for graph in graphs]
    n = max(sizes) if n_genes is None else n_genes
    if max(sizes) > n:
        raise InputError(f"a graph has {max(sizes)} genes, more than n_genes = {n}")
    batch = torch.zeros(len(graphs), len(CHANNELS), n, n)
    for circuit, graph, size in zip(batch, graphs, sizes, strict=True):
        if graph.x is None or graph.edge_attr is None or graph.edge_index is None:
            raise InputError("a graph has no x, edge_index or edge_attr; make graphs by to_pyg")
        if graph.x.shape[1:] != (2,) or graph.edge_attr.shape[1:] != (1 + N_EDGE,):
            raise InputError(
                f"graphs need x (genes, 2) and edge_attr (edges, {1 + N_EDGE}), but one has "
                f"{tuple(graph.x.shape)} and {tuple(graph.edge_attr.shape)}"
            )
        genes = torch.arange(size)
        circuit[: 1 + N_EDGE, graph.edge_index[0], graph.edge_index[1]] = graph.edge_attr.T
        circuit[1 + N_EDGE : -1, genes, genes] = graph.x.T
        circuit[-1, genes, genes] = 1
    return check_circuits(batch)


def _data_class() -> type[Data]:
    try:
        from torch_geometric.data import Data
    except ImportError as error:
        raise InputError("PyTorch Geometric is not installed; pip install sciadv[circuits]") from error
    found: type[Data] = Data
    return found
