"""Signed edges in lines: RACIPE's ``.topo``, ``.sif``, tables of any separator, and CircuiTree's texts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sciadv.domains.gene_circuits.exchange.signed.signed_network import Edge, SignedNetwork
from sciadv.errors import InputError

_POSITIVE = "+ 1 +1 -> activation activates activate activator positive pos stimulation induction a up true"
_NEGATIVE = (
    "- -1 -| repression represses repress inhibition inhibits inhibit inhibitor repressor negative neg i down"
)
_UNKNOWN = "? +- -+ +/- 0 dual unknown unspecified both -? ."
_WORDS = {
    **dict.fromkeys(_POSITIVE.split(), 1),
    **dict.fromkeys(_NEGATIVE.split(), -1),
    **dict.fromkeys(_UNKNOWN.split(), 0),
}
_CIRCUITREE = re.compile(r"^\*?(?:(?P<genes>\w+)::)?(?P<edges>\.{0,3}\w*)$")


def signed_from_topo(text: str, *, file: str = "the text") -> SignedNetwork:
    """Return the network of RACIPE's lines ``Source Target Type``: 1 activates, 2 represses.

    Types of later versions, which say how (3 to 6), are named and have no sign here.

    Raises
    ------
    InputError
        A line has not three columns, or a type is no whole number.
    """
    edges = []
    for number, (source, target, kind) in _rows(text, file, n=3):
        if number == 1 and not kind.lstrip("-").isdigit():
            continue
        if not kind.isdigit():
            raise InputError(f"{file}, line {number}: the type is 1 or 2, but it is {kind!r}")
        sign = {"1": 1, "2": -1}.get(kind, 0)
        edges.append(Edge(source, target, sign, f"type {kind} of RACIPE"))
    return SignedNetwork.of((), edges)


def _rows(text: str, file: str, *, n: int) -> list[tuple[int, list[str]]]:
    """Return the first columns of lines, with their numbers; tabs, commas, semicolons or blanks part them."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        separator = next((one for one in "\t,;" if one in line), None)
        columns = [column.strip().strip("\"'") for column in line.split(separator)]
        if len(columns) < n or not all(columns[:n]):
            raise InputError(f"{file}, line {number}: expected {n} columns, but it is {line.strip()[:60]!r}")
        found.append((number, columns[:n]))
    return found


def signed_from_edge_list(text: str, *, file: str = "the text") -> SignedNetwork:
    """Return the network of lines ``source target sign``; the sign is a word, an arrow or a number.

    A first line whose sign is no sign is taken as the head of the table.

    Raises
    ------
    InputError
        A line has fewer than three columns, or its sign is not known; the signs there are are named.
    """
    return _of_columns(_rows(text, file, n=3), file, source=0, sign=2, target=1)


def signed_from_sif(text: str, *, file: str = "the text") -> SignedNetwork:
    """Return the network of lines ``source sign target``, as Cytoscape writes them.

    Raises
    ------
    InputError
        A line has fewer than three columns, or its sign is not known.
    """
    return _of_columns(_rows(text, file, n=3), file, source=0, sign=1, target=2)


def _of_columns(
    rows: Iterable[tuple[int, list[str]]], file: str, *, source: int, sign: int, target: int
) -> SignedNetwork:
    edges = []
    for k, (number, columns) in enumerate(rows):
        word = columns[sign].lower()
        if word not in _WORDS and k == 0:
            continue
        if word not in _WORDS:
            raise InputError(
                f"{file}, line {number}: the sign {columns[sign]!r} is not known; signs are +, -, ->, "
                f"-|, 1, -1, activation, repression, and ? where it is not known"
            )
        edges.append(Edge(columns[source], columns[target], _WORDS[word], f"the file says {columns[sign]!r}"))
    return SignedNetwork.of((), edges)


def signed_from_circuitree(text: str) -> SignedNetwork:
    """Return the network of a text of CircuiTree: ``*ABC::ABi_BCi_CAi`` or ``ABi_BCi_CAi``.

    Raises
    ------
    InputError
        It is no such text.

    Examples
    --------
    >>> signed_from_circuitree("*ABC::ABi_BCi_CAi").signs.tolist()
    [[0, -1, 0], [0, 0, -1], [-1, 0, 0]]
    """
    match = _CIRCUITREE.match(text.strip())
    parts = match["edges"].lstrip(".").split("_") if match and match["edges"] else []
    if match is None or not all(re.fullmatch(r"\w\w[ai]", part) for part in parts if part):
        raise InputError(f"{text.strip()[:60]!r} is no text of CircuiTree, such as *ABC::ABi_BCa")
    edges = [Edge(part[0], part[1], 1 if part[2] == "a" else -1) for part in parts if part]
    genes = match["genes"] or sorted({gene for edge in edges for gene in (edge.source, edge.target)})
    return SignedNetwork.of(genes, edges)


def signed_to_circuitree(network: SignedNetwork) -> str:
    """Return the network as a text of CircuiTree; genes are called A, B, ... where names are longer.

    Raises
    ------
    InputError
        It has more than 26 genes.
    """
    n = len(network.genes)
    if n > 26:
        raise InputError(f"CircuiTree's texts have single letters for genes, but the network has {n}")
    is_short = all(len(gene) == 1 and gene.isalnum() for gene in network.genes)
    letters = {gene: gene if is_short else chr(ord("A") + k) for k, gene in enumerate(network.genes)}
    edges = sorted(
        letters[edge.source] + letters[edge.target] + ("a" if edge.sign > 0 else "i")
        for edge in network.edges
        if edge.sign
    )
    return f"*{''.join(letters.values())}::{'_'.join(edges)}"


def signed_to_topo(network: SignedNetwork) -> str:
    """Return the known edges as RACIPE's ``.topo``."""
    edges = [
        f"{edge.source}\t{edge.target}\t{1 if edge.sign > 0 else 2}" for edge in network.edges if edge.sign
    ]
    return "\n".join(["Source\tTarget\tType", *edges, ""])


def signed_to_edge_list(network: SignedNetwork) -> str:
    """Return the edges as a table of tabs: source, target, and +, - or ?."""
    edges = [f"{edge.source}\t{edge.target}\t{'?+-'[edge.sign]}" for edge in network.edges]
    return "\n".join(["source\ttarget\tsign", *edges, ""])
