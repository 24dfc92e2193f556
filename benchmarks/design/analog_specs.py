"""Targets from circuits of held-out topologies: how often each method's amplifier meets one.

A target is gain, unity-gain frequency and phase margin of a circuit of the regenerated Open Circuit Benchmark
whose topology no method has seen. It is met twice over: within a tolerance, and in the same bin as CktGen
counts it (100 dB, 1 GHz, 90 degrees).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.contract import Row, cpu_seconds, one_thread
from sciadv.catalogue import load_problem
from sciadv.designs import PropertySearch
from sciadv.domains.analog_circuits.open_circuit_benchmark import load_amplifiers
from sciadv.domains.analog_circuits.sized_library import SizedLibrary, SpecTolerance
from sciadv.forward import AnalogAmplifier
from sciadv.forward.design.quantity import box_of
from sciadv.types import as_generator


@dataclass(frozen=True, eq=False)
class Task:
    """A library of training circuits, and targets of circuits of other topologies.

    Parameters
    ----------
    library
        Circuits of the training topologies.
    targets
        Gain [dB], unity-gain frequency [Hz], phase margin [deg], ``(n, 3)``.
    seed
        Seed of what is held out and of every search.
    """

    library: SizedLibrary
    targets: Tensor
    seed: int


def make_task(seed: int, n: int, *, n_circuits: int = 10_000, one_in: int = 10) -> Task:
    """Hold out one topology in `one_in` and draw `n` targets from its circuits that amplify."""
    x = load_amplifiers()[:n_circuits]
    is_held_out = (torch.arange(len(x)) // 20) % one_in == seed % one_in
    library = SizedLibrary.of(x[~is_held_out])
    with torch.no_grad():
        every = library.model(x[is_held_out])
    every = every[every.isfinite().all(1) & (every[:, 0] > 0)]
    rows = torch.randperm(len(every), generator=as_generator(seed))[:n]
    return Task(library, every[rows], seed)


def met(model: AnalogAmplifier, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether designs meet their targets within the tolerance, and by CktGen's bins ``(n,)``."""
    with torch.no_grad():
        found = model(x)
    scaled = SpecTolerance().scaled
    within = (scaled(found) - scaled(targets)).abs().amax(1) <= 1
    widths = torch.tensor([100.0, 1e9, 90.0], dtype=found.dtype)
    same_bin = ((found / widths).floor() == (targets / widths).floor()).all(1)
    return within, same_bin


def ours_one_shot(task: Task) -> Tensor:
    """Propose by the library's slopes."""
    return task.library.propose(task.targets)


def ours_after_search(task: Task) -> Tensor:
    """Refine eight circuits of the library for each target; what still misses gets a search of its own."""
    x = task.library.refined(task.targets)
    within, same_bin = met(task.library.model, x, task.targets)
    problem = replace(load_problem("analog-amplifier"), constraints=())
    search = PropertySearch(n_attempts=2)
    for row in (~(within & same_bin)).nonzero().squeeze(1).tolist():
        names = task.library.model.properties
        wanted = {name: (float(v) - w, float(v) + w) for name, v, w in _widths(names, task.targets[row])}
        x[row] = search(problem, wanted, 1, seed=task.seed).x[0]
    return x


def _widths(names: tuple[str, ...], target: Tensor) -> list[tuple[str, Tensor, float]]:
    """Return name, value and half the tolerance of each figure."""
    tolerance = SpecTolerance()
    widths = (tolerance.gain, tolerance.frequency * float(target[1]), tolerance.phase_margin)
    return [(name, value, 0.1 * width) for name, value, width in zip(names, target, widths, strict=True)]


def looked_up(task: Task) -> Tensor:
    """Take the nearest training circuit as it is."""
    return task.library.looked_up(task.targets)


def looked_up_and_refined(task: Task) -> Tensor:
    """Refine the nearest training circuit alone, with as many steps as ours has in all."""
    return task.library.refined(task.targets, k=1, n_steps=103)


def random_search(task: Task, *, n: int = 104) -> Tensor:
    """Take for each target the nearest of as many random designs as ours simulates."""
    model = task.library.model
    rows = []
    for i, target in enumerate(task.targets):
        place = torch.rand(n, len(model.variables), generator=as_generator(1000 * task.seed + i))
        x = box_of(model).from_unit(place.double())
        rows.append(_best(task, x, target))
    return torch.stack(rows)


def _best(task: Task, x: Tensor, target: Tensor) -> Tensor:
    scaled = task.library.tolerance.scaled
    with torch.no_grad():
        off = (scaled(task.library.model(x)) - scaled(target[None])).abs().amax(1)
    return x[int(off.nan_to_num(torch.inf).argmin())]


def evolved_values(task: Task, *, population: int = 13, n_rounds: int = 8) -> Tensor:
    """Evolve the values of the nearest circuit's topology (differential evolution, rand/1/bin)."""
    model = task.library.model
    scaled = task.library.tolerance.scaled
    numbers = as_generator(task.seed)
    is_number = torch.tensor([not one.is_discrete for one in model.variables])
    start = task.library.place[task.library.nearest(task.targets)[:, 0]]
    shape = (len(start), population, start.shape[1])
    fresh = torch.rand(shape, generator=numbers).double()
    place = torch.where(is_number, fresh, start[:, None])
    place[:, 0] = start
    goal = scaled(task.targets)[:, None]

    def cost(at: Tensor) -> Tensor:
        with torch.no_grad():
            figures = model(box_of(model).from_unit(at.flatten(0, 1)))
        off = (scaled(figures).reshape(*shape[:2], 3) - goal).abs().amax(2)
        return off.nan_to_num(torch.inf)

    value = cost(place)
    for _ in range(n_rounds - 1):
        order = torch.rand(shape[:2], generator=numbers).argsort(1)
        a, b, c = (place.gather(1, order.roll(i, 1)[:, :, None].expand(shape)) for i in range(3))
        is_changed = (torch.rand(shape, generator=numbers) < 0.9) & is_number
        trial = torch.where(is_changed, (a + 0.6 * (b - c)).clamp(0, 1), place)
        there = cost(trial)
        place = torch.where((there < value)[:, :, None], trial, place)
        value = torch.minimum(there, value)
    best = place[torch.arange(len(place)), value.argmin(1)]
    return box_of(model).from_unit(best)


METHODS: dict[str, Callable[[Task], Tensor]] = {
    "ours, one shot": ours_one_shot,
    "look-up of the nearest training circuit": looked_up,
    "ours, after search": ours_after_search,
    "look-up, then gradient steps": looked_up_and_refined,
    "random search": random_search,
    "differential evolution of the nearest topology's values": evolved_values,
}


def spec_row(name: str, tasks: list[Task]) -> Row:
    """Return the shares of targets that a method meets: the worst seed is what bars are held against."""
    within, same_bin, seconds = [], [], 0.0
    for task in tasks:
        with one_thread(), cpu_seconds() as spent:
            x = METHODS[name](task)
        seconds += spent()
        hits = met(task.library.model, x, task.targets)
        within.append(float(hits[0].double().mean()))
        same_bin.append(float(hits[1].double().mean()))
    return {
        "row": name,
        "is_ours": name.startswith("ours"),
        "n_seeds": len(tasks),
        "n_targets": sum(len(task.targets) for task in tasks),
        "met": min(*within, *same_bin),
        "within_tolerance": sum(within) / len(within),
        "within_tolerance_worst": min(within),
        "same_bin": sum(same_bin) / len(same_bin),
        "same_bin_worst": min(same_bin),
        "cpu_ms_per_target": 1e3 * seconds / sum(len(task.targets) for task in tasks),
    }
