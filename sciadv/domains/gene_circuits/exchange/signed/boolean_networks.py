"""Boolean networks as signed ones, both ways: ``.bnet`` of BoolNet and PyBoolNet, ``.aeon`` of biodivine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sciadv.domains.gene_circuits.exchange.signed.boolean_rules import parse_rule, rule_signs
from sciadv.domains.gene_circuits.exchange.signed.signed_network import Edge, SignedNetwork
from sciadv.errors import InputError

_REGULATION = re.compile(r"^\s*(\S+)\s*-([>|?])(\??)\s*(\S+)\s*$")
_FUNCTION = re.compile(r"^\s*\$\s*([^:]+?)\s*:\s*(.+?)\s*$")
_SIGNS = dict(zip(">|?", (1, -1, 0), strict=True))
#: A function that is not given, as aeon allows.
_OPEN_FUNCTION = re.compile(r"[A-Za-z0-9_]\s*\(")
_ARROWS = {1: "->", -1: "-|", 0: "-?"}


def signed_from_bnet(text: str, *, file: str = "the text") -> SignedNetwork:
    """Return the signed network of Boolean rules ``target, factors``; signs come from the functions.

    Raises
    ------
    InputError
        A line is no rule, a gene has two rules, or there is none.
    """
    rules: dict[str, str] = {}
    for number, line in _lines(text):
        target, separator, factors = line.partition(",")
        name = target.strip()
        if name.lower() == "targets":
            continue
        if not separator or not name or not factors.strip():
            raise InputError(f"{file}, line {number}: a rule is 'gene, formula', but it is {line[:60]!r}")
        if name in rules:
            raise InputError(f"{file}, line {number}: gene {name} has a rule already")
        rules[name] = factors
    return _of_rules(rules, file)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        said = line.split("#")[0].strip()
        if said:
            yield number, said


def _of_rules(rules: dict[str, str], file: str) -> SignedNetwork:
    edges: list[Edge] = []
    notes: list[str] = []
    for target, factors in rules.items():
        rule = parse_rule(factors, place=f"{file}, rule of {target}")
        signs = rule_signs(rule)
        edges += [_edge(source, target, sign) for source, sign in signs.items()]
        notes += [
            f"{source} stands in the rule of {target} and changes nothing there: no edge"
            for source in rule.names()
            if source not in signs
        ]
    return SignedNetwork.of(rules, edges, notes)


def _edge(source: str, target: str, sign: int | None) -> Edge:
    if sign is None:
        return Edge(source, target, 0, "dual: it activates and represses")
    return Edge(source, target, sign)


def signed_from_aeon(text: str, *, file: str = "the text") -> SignedNetwork:
    """Return the signed network of aeon's regulations; where one's sign is open, the function decides.

    Raises
    ------
    InputError
        A line is neither a regulation nor a function, or there is none.
    """
    stated: list[Edge] = []
    functions: dict[str, str] = {}
    for number, line in _lines(text):
        regulation = _REGULATION.match(line)
        function = _FUNCTION.match(line)
        if regulation:
            source, kind, _, target = regulation.groups()
            stated.append(Edge(source, target, _SIGNS[kind], "the file leaves it open"))
        elif function:
            functions[function[1]] = function[2]
        else:
            raise InputError(
                f"{file}, line {number}: expected 'a -> b', 'a -| b', 'a -? b' or '$b: formula', but it is "
                f"{line[:60]!r}"
            )
    return SignedNetwork.of((), _decided(stated, functions, file))


def _decided(stated: Iterable[Edge], functions: dict[str, str], file: str) -> Iterator[Edge]:
    """Yield regulations, with the signs that functions give to open ones."""
    known: dict[str, dict[str, int | None]] = {}
    for edge in stated:
        text = functions.get(edge.target)
        if edge.sign or text is None or _OPEN_FUNCTION.search(text):
            yield edge
            continue
        if edge.target not in known:
            known[edge.target] = rule_signs(parse_rule(text, place=f"{file}, function of {edge.target}"))
        sign = known[edge.target].get(edge.source, 0)
        yield edge if sign == 0 else _edge(edge.source, edge.target, sign)


def signed_to_bnet(network: SignedNetwork) -> str:
    """Return Boolean rules with the network's known signs: any activator, and no repressor.

    That is one choice of many, and a comment says so; genes without regulators are on.
    """
    lines = [
        "# rules chosen for given signs: any activator is enough, any repressor prevents",
        "targets, factors",
    ]
    for gene in network.genes:
        signs = {edge.source: edge.sign for edge in network.edges if edge.target == gene}
        activators = " | ".join(source for source, sign in signs.items() if sign > 0)
        repressors = [f"!{source}" for source, sign in signs.items() if sign < 0]
        any_of = f"({activators})" if repressors and "|" in activators else activators
        lines.append(f"{gene}, {' & '.join([*([any_of] if any_of else []), *repressors]) or 1}")
    return "\n".join([*lines, ""])


def signed_to_aeon(network: SignedNetwork) -> str:
    """Return the network as aeon's regulations, open signs included, without functions."""
    edges = [f"{edge.source} {_ARROWS[edge.sign]} {edge.target}" for edge in network.edges]
    return "\n".join([*edges, ""])
