"""The verb `design`, what its results promise, and who designs what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from sciadv.catalogue import entry_spec
from sciadv.designs.search import design_by_search
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import entry_names
from sciadv.schema import CorrectionSpec, ProblemSpec, TargetMeasurements
from sciadv.solvers import Monitor
from sciadv.types import as_device

#: What `Designs.save` writes.
RESULTS = ("designs.csv", "summary.json", "figure.png", "report.html")


@runtime_checkable
class Designs(Protocol):
    """What every designer returns: one row a design, and what it says about itself."""

    @property
    def messages(self) -> list[str]:
        """Sentences for the user: how many designs hit the target, and why others did not."""
        ...

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values."""
        ...

    def save(self, folder: Path) -> Path:
        """Write the files of `RESULTS` to a folder, which is made if need be."""
        ...


@runtime_checkable
class Designer(Protocol):
    """A function that designs for a problem, by its name or path; other arguments are those of `design`."""

    def __call__(
        self,
        name: str | Path,
        target: Mapping[str, float],
        n: int,
        *,
        seed: int = 0,
        device: str = "cpu",
        monitor: Monitor | None = None,
    ) -> Designs:
        """Return `n` designs for the target; an empty one means the problem's own."""
        ...


#: Forwards whose candidates are more than a row of numbers, and the ``module:function`` that designs them.
DESIGNERS: dict[str, str] = {"gene-circuit": "sciadv.designs.circuit_designer:design_gene_circuits"}


def design_names() -> list[str]:
    """List the problems of the catalogue that can be designed."""
    specs = {name: entry_spec(name) for name in entry_names("problems")}
    return sorted(name for name, spec in specs.items() if _can_be_designed(spec))


def _can_be_designed(spec: ProblemSpec | CorrectionSpec) -> bool:
    """Whether a problem has a forward of `DESIGNERS`, or a target."""
    return isinstance(spec, ProblemSpec) and (
        _kind(spec) in DESIGNERS or isinstance(spec.measurements, TargetMeasurements)
    )


def _kind(spec: ProblemSpec) -> str:
    return str(getattr(spec.forward, "kind", ""))


def design(
    name: str | Path,
    *,
    target: Mapping[str, float] | None = None,
    n: int = 20,
    seed: int = 0,
    device: str = "cpu",
    monitor: Monitor | None = None,
) -> Designs:
    """Design candidates that have a target property and keep every constraint.

    Parameters
    ----------
    name
        A problem of the catalogue that can be designed (`design_names`), or the path of one's own.
    target
        Value of each property that is asked for, in the problem's units; None for the problem's own target.
    n
        How many designs.
    seed
        Seed of everything random: same seed, same device, same designs.
    device
        "auto", "cpu", "cuda", …
    monitor
        Called with a `Progress` after each iteration of the search.

    Raises
    ------
    UnknownNameError
        There is no such problem, or it has no such property.
    InputError
        A target is not a number or lies outside of what the property can be, or `n` is below 1.
    """
    if n < 1:
        raise InputError(f"n must be at least 1 design, but it is {n}")
    asked = dict(target or {})
    for key, value in asked.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"the target {key} must be a finite number, but it is {value!r}")
    where = str(as_device(device))
    return _designer(name)(name, asked, n, seed=seed, device=where, monitor=monitor)


def _designer(name: str | Path) -> Designer:
    """Return the function that designs for a problem."""
    is_name = isinstance(name, str) and "/" not in name and not name.endswith(".toml")
    if is_name and name not in (known := design_names()):
        raise UnknownNameError("problem that can be designed", str(name), known)
    spec = entry_spec(name)
    if not isinstance(spec, ProblemSpec) or _kind(spec) not in DESIGNERS:
        return design_by_search
    module, function = DESIGNERS[_kind(spec)].split(":")
    found: Designer = getattr(import_module(module), function)
    return found
