"""The largest figure of merit in the benchmark's space: the product's search beside simpler ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

import sciadv
from benchmarks.contract import Row, cpu_seconds, one_thread
from sciadv.candidate_set import CandidateSet
from sciadv.catalogue import load_problem
from sciadv.domains.analog_circuits.open_circuit_benchmark import load_amplifiers
from sciadv.forward import AnalogAmplifier
from sciadv.forward.circuits.verified_figures import figures_by_ngspice
from sciadv.forward.design.quantity import box_of
from sciadv.types import as_generator

#: Evaluations of the product's search: its library and its children.
N_EVALUATIONS = 8192 + 40 * 512


def merit_model() -> AnalogAmplifier:
    """Return the model of the figure of merit and of stability."""
    return AnalogAmplifier(properties=("figure_of_merit", "instability"), dtype=torch.float64)


def merits(x: Tensor) -> Tensor:
    """Return figures of merit of designs, stable or not, -inf without one ``(n,)``."""
    with torch.no_grad():
        found: Tensor = merit_model()(x)[:, 0]
    return found.nan_to_num(-torch.inf)


def ours(seed: int) -> Tensor:
    """Design as a user does; every design has to be stable, with the damping that the problem states."""
    found = sciadv.design("analog-amplifier", {"figure_of_merit": "maximise"}, 20, seed=seed)
    return found.x[found.feasible]


def ours_unlimited(seed: int) -> Tensor:
    """Design without the problem's limit."""
    problem = replace(load_problem("analog-amplifier"), constraints=())
    return sciadv.design(problem, {"figure_of_merit": "maximise"}, 20, seed=seed).x


def benchmark(seed: int) -> Tensor:  # noqa: ARG001  # the same for each
    """Take the regenerated benchmark's 10,000 circuits."""
    return load_amplifiers()


def random_designs(seed: int) -> Tensor:
    """Draw as many designs as ours evaluates."""
    model = merit_model()
    shape = (N_EVALUATIONS, len(model.variables))
    return box_of(model).from_unit(torch.rand(shape, generator=as_generator(seed)).double())


def ascended(seed: int, *, n: int = 20, n_steps: int = 100) -> Tensor:
    """Climb from the benchmark's best 20 circuits by Adam in the values."""
    model = merit_model().with_properties(("figure_of_merit",))
    x = benchmark(seed)
    best = x[merits(x).argsort(descending=True)[:n]]
    logit = torch.special.ndtri(box_of(model).to_unit(best).clamp(1e-6, 1 - 1e-6)).requires_grad_()
    optimiser = torch.optim.Adam([logit], lr=0.05)
    for _ in range(n_steps):
        optimiser.zero_grad()
        value = model(box_of(model).from_unit(torch.special.ndtr(logit)))
        (-value.nansum()).backward()
        optimiser.step()
    return box_of(model).from_unit(torch.special.ndtr(logit.detach()))


def evolved(seed: int, *, population: int = 12) -> Tensor:
    """Evolve the values of the benchmark's best topology by SciPy's differential evolution."""
    from scipy.optimize import differential_evolution

    model = merit_model()
    x = benchmark(seed)
    best = x[int(merits(x).argmax())]
    box = box_of(model)
    is_number = torch.tensor([not one.is_discrete for one in model.variables])
    start = box.to_unit(best[None])[0]

    def designs(places: Tensor) -> Tensor:
        at = start.expand(len(places), -1).clone()
        at[:, is_number] = places
        return box.from_unit(at)

    n = int(is_number.sum())
    answer = differential_evolution(
        lambda places: -merits(designs(torch.from_numpy(places.T.copy()))).clamp_min(-1e9).numpy(),
        [(0.0, 1.0)] * n,
        popsize=population,
        maxiter=N_EVALUATIONS // (population * n) - 1,
        tol=0,
        seed=seed,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    return designs(torch.from_numpy(answer.population))


METHODS: dict[str, Callable[[int], Tensor]] = {
    "ours, figure of merit": ours,
    "ours, stable or not": ours_unlimited,
    "the benchmark's 10,000 circuits": benchmark,
    "the benchmark's best 20, Adam": ascended,
    "the benchmark's best topology, differential evolution (SciPy)": evolved,
    "random designs": random_designs,
}


def merit_row(name: str, seeds: list[int]) -> Row:
    """Return the best figure of merit of each seed, and of circuits that keep the problem's limit."""
    (limit,) = (one.at_most for one in load_problem("analog-amplifier").constraints)
    best, stable, seconds = [], [], 0.0
    for seed in seeds:
        with one_thread(), cpu_seconds() as spent:
            x = METHODS[name](seed)
        seconds += spent()
        with torch.no_grad():
            value, unstable = merit_model()(x).unbind(1)
        best.append(float(value.nan_to_num(-torch.inf).max()))
        stable.append(float(torch.where(unstable <= limit, value, torch.nan).nan_to_num(-torch.inf).max()))
    return {
        "row": name,
        "is_ours": name.startswith("ours"),
        "n_seeds": len(seeds),
        "best": min(best),
        "best_of_seeds": max(best),
        "best_stable": min(stable),
        "cpu_seconds": seconds / len(seeds),
    }


def reload_row(seeds: list[int], *, n: int = 20) -> Row:
    """Save designs, give their files to ngspice, and compare its figures with the saved ones."""
    asked = [
        {"gain": "60 dB", "unity_gain_frequency": "5 MHz", "phase_margin": "60 deg"},
        {"gain": "100 dB", "unity_gain_frequency": "2 GHz", "phase_margin": "70 deg"},
    ]
    deviations, n_good, n_confirmed, n_designs = [], 0, 0, 0
    for seed in seeds:
        for target in asked:
            found = sciadv.design("analog-amplifier", target, n, seed=seed)
            worst, confirmed = _reloaded(found)
            deviations.append(worst)
            n_good += found.n_good
            n_confirmed += confirmed
            n_designs += n
    return {
        "row": "netlists reloaded in ngspice",
        "n_designs": n_designs,
        "n_good": n_good,
        "confirmed": n_confirmed / max(1, n_good),
        "share_good": n_good / n_designs,
        "largest_relative_deviation": max(deviations),
    }


def _reloaded(found: CandidateSet) -> tuple[float, int]:
    """Return the largest relative deviation of ngspice's figures, and how many good designs it confirms."""
    with TemporaryDirectory() as folder:
        found.save(Path(folder) / "out")
        paths = sorted((Path(folder) / "out").glob("*.cir"))
        figures = figures_by_ngspice([path.read_text() for path in paths], AnalogAmplifier().sweep)
    values = {
        "gain": 20 * figures.gain.abs().log10(),
        "unity_gain_frequency": figures.unity_gain_frequency,
        "phase_margin": figures.phase_margin.rad2deg(),
    }
    off = [((values[name] - found.values[name]) / found.values[name]).abs() for name in values]
    meets = [((values[name] / found.target[name]) - 1).abs() <= 0.01 for name in values]
    good = found.hit & found.feasible
    return float(torch.stack(off).max()), int((torch.stack(meets).all(0) & good).sum())
