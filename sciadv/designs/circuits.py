"""The designers of gene circuits: the catalogue's problems, searched from starts that differ."""

from __future__ import annotations

from collections.abc import Mapping

from sciadv.catalogue import load_problem
from sciadv.circuits.circuit_set import CircuitSet
from sciadv.circuits.design import design_circuits
from sciadv.errors import InputError
from sciadv.solvers import Monitor


def design_oscillators(
    target: Mapping[str, float],
    n: int,
    *,
    seed: int = 0,
    device: str = "cpu",
    monitor: Monitor | None = None,
) -> CircuitSet:
    """Design circuits that oscillate: ``sciadv design gene-oscillator``."""
    return _design("gene-oscillator", target, n, seed=seed, device=device, monitor=monitor)


def design_switches(
    target: Mapping[str, float],
    n: int,
    *,
    seed: int = 0,
    device: str = "cpu",
    monitor: Monitor | None = None,
) -> CircuitSet:
    """Design circuits with two stable states: ``sciadv design gene-bistable-switch``."""
    return _design("gene-bistable-switch", target, n, seed=seed, device=device, monitor=monitor)


def _design(
    name: str, target: Mapping[str, float], n: int, *, seed: int, device: str, monitor: Monitor | None
) -> CircuitSet:
    if target:
        raise InputError(
            f"{name} takes no --target: its behaviour is the target, but {', '.join(target)} was given"
        )
    return design_circuits(load_problem(name, device=device), n, seed=seed, monitor=monitor)
