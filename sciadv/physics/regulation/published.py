"""Circuits typed in by genes and edges with the numbers that a paper gives, and written out with units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal, get_args

import torch
from torch import Tensor

from sciadv.arguments.values import shown
from sciadv.errors import InputError, UnknownNameError
from sciadv.nets.graph import CHANNELS
from sciadv.physics.regulation.circuit_model import CircuitModel, Range
from sciadv.physics.regulation.kinetics import MORE, Kinetics

Effect = Annotated[str, Literal["activates", "represses"]]


@dataclass(frozen=True)
class Gene:
    """A gene's numbers in the units of its model; None stands for the middle of the model's range.

    Parameters
    ----------
    production
        Largest one: of mRNA where the model has mRNA, else of protein.
    degradation
        Of protein.
    mrna_degradation, translation, basal, delay, second_site
        As in `Ranges`.
    """

    production: float
    degradation: float
    mrna_degradation: float | None = None
    translation: float | None = None
    basal: float | None = None
    delay: float | None = None
    second_site: float | None = None


@dataclass(frozen=True)
class Edge:
    """What one gene does to another.

    Parameters
    ----------
    regulator, target
        Names of genes.
    effect
        "activates" or "represses".
    threshold
        Level of the regulator at which it is half on, in the model's level unit.
    hill
        Hill coefficient.
    fold
        Largest over smallest production of the target, everything else being equal.
    """

    regulator: str
    target: str
    effect: Effect
    threshold: float
    hill: float = 2.0
    fold: float = 100.0


def published(genes: Mapping[str, Gene], edges: Sequence[Edge], model: CircuitModel) -> Kinetics:
    """Return a circuit that is typed in, float64; its model's ranges are made as wide as its numbers.

    Parameters
    ----------
    genes
        By name; their order is that of the state.
    edges
        At most one from a gene to another.
    model
        What equations the numbers are of.

    Raises
    ------
    UnknownNameError
        An edge names a gene that there is not, or an effect that is none.
    InputError
        A number that cannot be meant, an edge given twice, or no gene at all.

    Examples
    --------
    >>> gene = Gene(production=30.0, degradation=1.0)
    >>> toggle = [Edge("u", "v", "represses", threshold=2.0), Edge("v", "u", "represses", threshold=2.0)]
    >>> published({"u": gene, "v": gene}, toggle, CircuitModel()).sign[0].tolist()
    [[0.0, -1.0], [-1.0, 0.0]]
    """
    if not genes:
        raise InputError("a circuit has at least one gene, but none is given")
    for name, gene in genes.items():
        _check_numbers(f"gene {name}", gene)
        _check_used(name, gene, model)
    sign, levels, hill, fold = _matrices(list(genes), edges)
    bare = Kinetics(
        sign,
        levels,
        hill,
        fold,
        production=_row(genes, "production"),
        degradation=_row(genes, "degradation"),
        presence=torch.ones(1, len(genes), dtype=torch.float64),
        model=model,
        more={name: _row(genes, name, model) for name in MORE},
    )
    relative = torch.where(sign != 0, levels / bare.largest[:, :, None], 1.0)
    return widened(replace(bare, threshold=relative))


def describe(kinetics: Kinetics, names: Sequence[str]) -> dict[str, Any]:
    """Return one circuit as plain values with their units, which `from_description` reads.

    Parameters
    ----------
    kinetics
        One circuit.
    names
        Of its genes, in order; those of padding are not used.

    Returns
    -------
    ``model``, ``states`` (what a gene's states hold), ``units`` by quantity, ``genes`` by name, ``edges``.
    """
    model = kinetics.model
    used = [name for name, is_used in _used(model).items() if is_used]
    levels = kinetics.threshold * kinetics.largest[:, :, None]
    genes = {}
    for i in range(int(kinetics.presence.sum())):
        own = {name: float(getattr(kinetics, name)[0, i]) for name in ("production", "degradation")}
        genes[names[i]] = own | {name: float(kinetics.of_genes(name)[0, i]) for name in used}
    edges = [
        {
            "regulator": names[i],
            "target": names[j],
            "effect": "activates" if float(kinetics.sign[0, i, j]) > 0 else "represses",
            "threshold": float(levels[0, i, j]),
            "hill": float(kinetics.hill[0, i, j]),
            "fold": float(kinetics.fold[0, i, j]),
        }
        for i, j in kinetics.sign[0].nonzero().tolist()
    ]
    quantities = ("production", "degradation", "hill", "fold", *used)
    units = {name: model.unit(name) for name in quantities} | {"threshold": model.level_unit}
    return {
        "model": asdict(model),
        "states": model.stage_names(),
        "units": units,
        "genes": genes,
        "edges": edges,
    }


def from_description(description: Mapping[str, Any]) -> Kinetics:
    """Return the circuit of a description that `describe` made.

    Raises
    ------
    InputError
        It lacks the model, the genes or the edges, or a number of them.
    UnknownNameError
        A name that the model does not know.

    Examples
    --------
    >>> gene = Gene(production=30.0, degradation=1.0)
    >>> one = published({"u": gene}, [Edge("u", "u", "represses", threshold=2.0)], CircuitModel())
    >>> again = from_description(describe(one, ["u"]))
    >>> bool(torch.equal(again.threshold, one.threshold))
    True
    """
    try:
        genes = {name: Gene(**numbers) for name, numbers in description["genes"].items()}
        edges = [Edge(**numbers) for numbers in description["edges"]]
        model = description["model"]
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"this is no description of a circuit: {error}; make one by describe()") from error
    return published(genes, edges, CircuitModel.of(model))


def widened(kinetics: Kinetics) -> Kinetics:
    """Return circuits whose model has ranges that hold every number of theirs, so that they can be packed."""
    ranges: dict[str, Range] = {}
    for name in CHANNELS[1:-1]:
        value: Tensor = getattr(kinetics, name)
        values = value[kinetics.sign != 0] if value.ndim == 3 else value[kinetics.presence > 0]
        limits: Range = getattr(kinetics.model.ranges, name)
        if values.numel():
            low = min(limits.low, float(values.min()))
            high = max(limits.high, float(values.max()))
            ranges[name] = replace(limits, low=low, high=high)
    model = replace(kinetics.model, ranges=replace(kinetics.model.ranges, **ranges))
    return replace(kinetics, model=model)


def _matrices(names: list[str], edges: Sequence[Edge]) -> Tensor:
    """Return sign, threshold, Hill coefficient and fold change of all edges ``(4, 1, genes, genes)``."""
    matrices = torch.ones(4, 1, len(names), len(names), dtype=torch.float64)
    matrices[0] = 0.0
    for edge in edges:
        what = f"the edge from {edge.regulator} to {edge.target}"
        for name in (edge.regulator, edge.target):
            if name not in names:
                raise UnknownNameError("gene of this circuit", name, names)
        if edge.effect not in get_args(get_args(Effect)[1]):
            raise UnknownNameError("effect of an edge", edge.effect, get_args(get_args(Effect)[1]))
        i, j = names.index(edge.regulator), names.index(edge.target)
        if matrices[0, 0, i, j] != 0:
            raise InputError(f"{what} is given twice; keep one")
        _check_numbers(what, edge)
        if edge.fold < 1:
            raise InputError(
                f"fold of {what} must be at least 1, but it is {edge.fold:g}; turn its effect over"
            )
        sign = 1.0 if edge.effect == "activates" else -1.0
        numbers = [sign, edge.threshold, edge.hill, edge.fold]
        matrices[:, 0, i, j] = torch.tensor(numbers, dtype=torch.float64)
    return matrices


def _used(model: CircuitModel) -> dict[str, bool]:
    """Say which further quantities of genes a model has."""
    return {
        "basal": True,
        "mrna_degradation": model.expression == "mrna",
        "translation": model.expression == "mrna",
        "delay": model.n_maturation > 0,
        "second_site": model.logic == "two-site",
    }


def _check_used(name: str, gene: Gene, model: CircuitModel) -> None:
    """Check that a gene has no number of what its model does not have."""
    for quantity, is_used in _used(model).items():
        if not is_used and getattr(gene, quantity) is not None:
            raise InputError(
                f"gene {name} has a {quantity}, which its model does not use: {model.expression!r}, "
                f"logic {model.logic!r}, n_maturation {model.n_maturation}"
            )


def _row(genes: Mapping[str, Gene], name: str, model: CircuitModel | None = None) -> Tensor:
    """Return a quantity of all genes ``(1, genes)``, the middle of its range where a gene has none."""
    given: list[float | None] = [getattr(gene, name) for gene in genes.values()]
    middle = 0.0 if model is None else getattr(model.ranges, name).middle
    values = [middle if value is None else value for value in given]
    return torch.tensor([values], dtype=torch.float64)


def _check_numbers(what: str, of: Gene | Edge) -> None:
    """Check that all numbers given are above 0; a basal part may be 0 and is below 1."""
    for one in fields(of):
        value = getattr(of, one.name)
        if value is None or one.name in ("regulator", "target", "effect"):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{one.name} of {what} must be a number, but it is {shown(value)}")
        is_right = 0 <= value < 1 if one.name == "basal" else value > 0 and math.isfinite(value)
        if not is_right:
            words = "from 0 to below 1" if one.name == "basal" else "a finite number above 0"
            raise InputError(f"{one.name} of {what} must be {words}, but it is {value:g}")
