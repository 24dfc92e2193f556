"""The verb `design`: find candidates that do what is asked for, by the designer of the problem's forward."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from sciadv.arguments.memory import check_memory
from sciadv.arguments.values import as_count, as_function, as_seed, shown
from sciadv.candidate_set import CandidateSet
from sciadv.catalogue import entry_spec, load_problem
from sciadv.designs import PropertySearch
from sciadv.designs.from_script import problem_of
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.folders import entry_names
from sciadv.forward import FORWARDS, Forward
from sciadv.problem import Problem
from sciadv.registry.registry import Registry, by_attribute
from sciadv.schema import CorrectionSpec, ProblemSpec, TargetMeasurements
from sciadv.solvers import Monitor
from sciadv.types import as_device

_logger = logging.getLogger(__name__)


@runtime_checkable
class Designer(Protocol):
    """What designs for a problem; `sciadv.testing.check_designer` checks what it promises."""

    def memory(self, problem: Problem, n: int) -> int:
        """Estimate the memory that `n` designs take [bytes]."""
        ...

    def __call__(
        self,
        problem: Problem,
        target: Mapping[str, object],
        n: int,
        *,
        seed: int = 0,
        monitor: Monitor | None = None,
    ) -> CandidateSet:
        """Return `n` designs for the target; an empty one means the problem's own."""
        ...


#: Designers by the kind of forward that they design for, besides that of property models.
DESIGNERS: Registry[Callable[[], Designer]] = Registry(
    "designer", "sciadv.domains", names=by_attribute("designs_for"), group="sciadv.designers"
)


def design(
    problem: Problem | str | Path | object,
    target: Mapping[str, object] | None = None,
    n: int = 20,
    *,
    seed: int = 0,
    device: str | None = None,
    monitor: Monitor | None = None,
) -> CandidateSet:
    """Design candidates that have a target property and keep every constraint.

    Parameters
    ----------
    problem
        A `Problem`, a name of the catalogue that can be designed (`design_names`), the path of one's own, or
        an object with variables, properties and `predict` (see `sciadv.forward.design.scripted`).
    target
        What is asked for, by property: a number in its SI unit, a text such as "20 MPa", ">= 0.1",
        "0.05..0.08", "minimise" or "maximise", a pair ``(low, high)``, `sciadv.at_least` or
        `sciadv.at_most`; 0 is met within a part of the property's median size over random designs. ``yield``
        is the share of parts as made that do all else. None for the problem's own target.
    n
        How many designs.
    seed
        Seed of everything random: same seed, same device, same designs.
    device
        "auto", "cpu", "cuda", …; where the problem is if left out.
    monitor
        Called with a `Progress` after each iteration of the search; a `KeyboardInterrupt` from it, or
        Ctrl-C, ends the search and keeps what it has found.

    Raises
    ------
    UnknownNameError
        There is no such problem, or it has no such property.
    InputError
        A target cannot be read, has another kind of unit or lies outside of what the property can be, `n` is
        below 1, or so many designs would not fit into memory.

    Examples
    --------
    >>> found = design("nanotexture-friction", {"friction_coefficient": 0.08}, 2)
    >>> found.x.shape, found.n_good
    (torch.Size([2, 2]), 2)
    """
    n_designs = as_count(n, "n")
    asked = _checked_target(target)
    start = as_seed(seed)
    if monitor is not None:
        as_function(monitor, "monitor")
    loaded = _loaded(problem, device=device, seed=start)
    designer = designer_of(loaded.forward)
    estimate = designer.memory(loaded, n_designs)
    check_memory(estimate, f"a search for {n_designs} designs", "ask for fewer", device=loaded.prior.device)
    _logger.info("designing %d candidates of %s, seed %d", n_designs, loaded.name, start)
    found = designer(loaded, asked, n_designs, seed=start, monitor=monitor)
    _logger.info("%r", found)
    return found


def designer_of(forward: Forward) -> Designer:
    """Return the designer of a forward: that of its own kind, or else that of property models."""
    kinds = (kind for kind in DESIGNERS if _is_kind(forward, kind))
    kind = next(kinds, None)
    return PropertySearch() if kind is None else DESIGNERS.find(kind)()


def _is_kind(forward: Forward, kind: str) -> bool:
    constructor = FORWARDS.get(kind)
    return isinstance(constructor, type) and isinstance(forward, constructor)


def design_names() -> list[str]:
    """List the problems of the catalogue that can be designed."""
    specs = {name: entry_spec(name) for name in entry_names("problems")}
    return sorted(name for name, spec in specs.items() if _can_be_designed(spec))


def _can_be_designed(spec: ProblemSpec | CorrectionSpec) -> bool:
    """Whether a problem has a forward of `DESIGNERS`, or a target."""
    if not isinstance(spec, ProblemSpec):
        return False
    kind = str(getattr(spec.forward, "kind", ""))
    return kind in DESIGNERS or isinstance(spec.measurements, TargetMeasurements)


def _checked_target(target: Mapping[str, object] | None) -> dict[str, object]:
    if target is None:
        return {}
    if not isinstance(target, Mapping):
        raise InputError(
            f"target must be values by property, such as {{'friction_coefficient': 0.08}}, but it is "
            f"{shown(target)}"
        )
    return {str(key): value for key, value in target.items()}


def _loaded(problem: object, *, device: str | None, seed: int) -> Problem:
    """Return the problem, loaded where it is given by its name or path, on the device."""
    if isinstance(problem, Problem):
        return problem if device is None else problem.to(device)
    where = as_device("cpu" if device is None else device)  # before anything is read
    if isinstance(problem, type):
        raise InputError(f"{problem.__name__} is a class; give an object of it: {problem.__name__}()")
    if hasattr(problem, "predict"):
        return problem_of(problem).to(where)
    if not isinstance(problem, str | Path):
        raise InputError(
            f"problem must be a Problem, a name, a path or an object with variables, properties and predict, "
            f"but it is {shown(problem)}"
        )
    is_path = "/" in str(problem) or str(problem).endswith(".toml") or Path(problem).is_dir()
    is_name = isinstance(problem, str) and not is_path
    if is_name and problem not in (known := design_names()):
        raise UnknownNameError("problem that can be designed", str(problem), known)
    return load_problem(problem, device=str(where), seed=seed)
