"""The designer of gene circuits: for problems whose forward is what a circuit does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sciadv.catalogue import load_problem
from sciadv.domains.gene_circuits.circuit_search import design_circuits
from sciadv.domains.gene_circuits.circuit_set import CircuitSet
from sciadv.errors import InputError
from sciadv.solvers import Monitor


def design_gene_circuits(
    name: str | Path,
    target: Mapping[str, float],
    n: int,
    *,
    seed: int = 0,
    device: str = "cpu",
    monitor: Monitor | None = None,
) -> CircuitSet:
    """Design circuits that show the behaviour of a problem; see `sciadv.design`.

    Raises
    ------
    InputError
        A target was given: the behaviour is the target.
    """
    if target:
        raise InputError(
            f"{name} takes no --target: its behaviour is the target, but {', '.join(target)} was given"
        )
    return design_circuits(load_problem(name, device=device), n, seed=seed, monitor=monitor)
