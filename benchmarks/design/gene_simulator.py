"""The simulator of gene circuits beside libroadrunner (CVODE) and SciPy's LSODA, on oscillations and at rest.

Every method integrates the same circuits to t = 400 and keeps 800 states; speeds are in CPU seconds of one
thread, the best of three rounds in which the methods take turns: other jobs share the processor's caches, and
slow each by up to a third. The reference is CVODE at 1e-11. Levels are compared as they are, and after phases
are aligned: after forty periods small errors of the phase are large errors of levels. Periods are compared
where CVODE has two cycles after t = 200; of slower circuits the levels alone count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, Threshold, cpu_seconds, markdown_table, one_thread
from benchmarks.design import peer_lsoda, peer_roadrunner
from sciadv.catalogue import load_problem
from sciadv.domains.gene_circuits.behaviours.evaluation import shows
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.physics.dynamics.integration import Span, Tolerances
from sciadv.physics.dynamics.oscillations import Oscillations, measure_oscillations
from sciadv.physics.dynamics.stochastic import simulate_exactly, simulate_langevin, simulate_leaping
from sciadv.physics.regulation.circuit_model import CircuitModel
from sciadv.physics.regulation.circuit_reactions import reactions_of
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import Kinetics, circuits_of, unpack
from sciadv.physics.regulation.published import Edge, Gene, published
from sciadv.physics.regulation.trajectories import integrated, simulate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]
#: Circuits per second, and their levels.
Method = Callable[[], tuple[float, Tensor]]
T_END, N_KEPT = 400.0, 800
#: Time after which trajectories are compared, and the spacing of the reference [time].
COMPARED_FROM, REFERENCE_SPACING = 200.0, 0.125
SPACING = T_END / N_KEPT
#: Period of BIOMD0000000012 by libroadrunner 2.10.0 (CVODE, tolerances 1e-10) [min].
REPRESSILATOR_PERIOD = 125.35416
#: Ours: dtype and relative tolerance, the default first.
OURS = ((torch.float32, 1e-6), (torch.float32, 1e-5), (torch.float64, 1e-6))
#: Relative and absolute tolerances of the peers, their defaults first.
LSODA = ((1e-3, 1e-6), (1e-5, 1e-8), (1e-6, 1e-9), (1e-7, 1e-10))
ROADRUNNER = ((1e-6, 1e-12), (1e-7, 1e-12), (1e-8, 1e-12), (1e-9, 1e-12))


@dataclass(frozen=True)
class Case:
    """Circuits to integrate; all have the same number of genes, and start at uneven levels."""

    name: str
    x: Tensor
    is_oscillating: bool = True

    @property
    def kinetics(self) -> Kinetics:
        """In float64."""
        return unpack(self.x.double())

    @property
    def initial(self) -> Tensor:
        """Levels at the start ``(batch, genes)``."""
        parts = torch.linspace(0.5, 0.1, self.x.shape[-1], dtype=torch.float64)
        return parts * self.kinetics.largest


@dataclass(frozen=True)
class Reference:
    """What trajectories of a case are compared with: levels, their slopes, scales and periods."""

    levels: Tensor
    slopes: Tensor
    scale: Tensor
    period: Tensor
    gene: Tensor

    @staticmethod
    def of(case: Case, levels: Tensor) -> Reference:
        """Take levels ``(times, batch, genes)`` every `REFERENCE_SPACING` from `COMPARED_FROM` on."""
        rate = HillEquations.of(case.kinetics)
        slopes = torch.stack([rate(one.T).T for one in levels])
        scale = levels.amax(0)
        swing, gene = ((scale - levels.amin(0)) / levels.mean(0)).max(1)
        every = round(SPACING / REFERENCE_SPACING)
        period = _measured(levels[every - 1 :: every], gene).period
        moving = torch.where(swing > 0.01, period, torch.nan)  # what rests from here has no period
        return Reference(levels, slopes, scale, moving, gene)

    def rows(self, few: slice) -> Reference:
        """Return the reference of some of the circuits."""
        return Reference(
            self.levels[:, few], self.slopes[:, few], self.scale[few], self.period[few], self.gene[few]
        )

    def at(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Return levels and slopes at places ``(times, batch)``, in samples; cubics between them."""
        first = place.floor().long().clamp(0, len(self.levels) - 2)
        u, h, rows = (place - first)[..., None], REFERENCE_SPACING, torch.arange(place.shape[1])
        a, b = self.levels[first, rows], self.levels[first + 1, rows]
        s, e = h * self.slopes[first, rows], h * self.slopes[first + 1, rows]
        level = a + u * (s + u * (3 * (b - a) - 2 * s - e + u * (2 * (a - b) + s + e)))
        slope = s + u * (2 * (3 * (b - a) - 2 * s - e) + 3 * u * (2 * (a - b) + s + e))
        return level, slope / h


def _measured(levels: Tensor, gene: Tensor) -> Oscillations:
    """Measure the oscillation of one gene of each circuit."""
    return measure_oscillations(levels[:, torch.arange(len(gene)), gene], spacing=SPACING)


@dataclass(frozen=True)
class Errors:
    """What is wrong with trajectories of each circuit, all ``(batch,)``.

    `as_is` and `aligned` are largest differences of levels, as parts of each gene's largest one, without and
    with the phases aligned; `phase` is the shift in periods.
    """

    as_is: Tensor
    aligned: Tensor
    period: Tensor
    phase: Tensor

    @staticmethod
    def of(levels: Tensor, reference: Reference) -> Errors:
        """Compare kept levels ``(800, batch, genes)`` with the reference."""
        later = levels[N_KEPT // 2 :].double()
        inside = slice(len(later) // 5, -len(later) // 5)
        steps = torch.arange(1, len(later) + 1, dtype=torch.float64)[inside]
        place = (steps * SPACING / REFERENCE_SPACING - 1)[:, None].expand(-1, later.shape[1])
        shift, errors = torch.zeros_like(place[0]), []
        for _ in range(8):  # Gauss-Newton in the shift of each circuit's time
            level, slope = reference.at(place + shift)
            off, slope = (later[inside] - level) / reference.scale, slope / reference.scale
            errors.append(off.abs().amax((0, 2)))
            needed = (off * slope).sum((0, 2)) / slope.square().sum((0, 2)).clamp_min(1e-12)
            shift = (shift + needed / REFERENCE_SPACING).clamp(-100, 100)
        period = _measured(later, reference.gene).period
        error = period / reference.period - 1
        period = torch.where(reference.period.isnan(), 0.0, error.nan_to_num(torch.inf))
        phase = shift.abs() * REFERENCE_SPACING / reference.period
        return Errors(errors[0], torch.stack(errors).amin(0), period.abs(), phase)

    @property
    def is_right(self) -> Tensor:
        """Whether levels and period are within a thousandth."""
        return (self.aligned <= 1e-3) & (self.period <= 1e-3)

    def row(self, repeats: Tensor) -> Row:
        """Return shares of all circuits, and of those that CVODE itself repeats."""
        return {
            "share_as_is": _share(self.as_is <= 1e-3),
            "share_aligned": _share(self.aligned <= 1e-3),
            "share_period": _share(self.period <= 1e-3),
            "share_right": _share(self.is_right),
            "share_right_of_repeated": _share(self.is_right[repeats]),
            "phase_99": float(self.phase.nan_to_num(0.0).quantile(0.99)),
        }


def _share(is_right: Tensor) -> float:
    return float(is_right.double().mean())


def ours(case: Case, dtype: torch.dtype, rtol: float, *, n: int) -> tuple[float, Tensor]:
    """Return circuits per second, the case repeated to at least n, and the levels of its circuits once."""
    repeats = math.ceil(n / len(case.x))
    kinetics = unpack(case.x.double().repeat(repeats, 1, 1, 1)).to(dtype)
    initial = case.initial.to(dtype).repeat(repeats, 1)
    with cpu_seconds() as seconds:
        levels = simulate(kinetics, initial, t_end=T_END, n_kept=N_KEPT, rtol=rtol, atol=rtol / 1000)
    return len(initial) / seconds(), levels[:, : len(case.x)]


def case_rows(case: Case, settings: Settings) -> list[Row]:
    """Measure every method on a case: speed, and how many circuits are right."""
    settings.report(f"{case.name}: {len(case.x)} circuits")
    with cpu_seconds() as compiling:
        runners = peer_roadrunner.compile_models(case.x.double(), case.initial)
    n_points = round((T_END - COMPARED_FROM) / REFERENCE_SPACING)
    exact = peer_roadrunner.trajectories(
        runners, start=COMPARED_FROM, t_end=T_END, n=n_points, rtol=1e-11, atol=1e-13
    )
    reference = Reference.of(case, exact)
    methods = our_methods(case, n=256 if settings.quick else 4096)
    methods |= {
        f"libroadrunner, {rtol:g}": partial(by_roadrunner, runners, rtol, atol) for rtol, atol in ROADRUNNER
    }
    methods |= {
        f"LSODA, {rtol:g}": partial(by_lsoda, case, rtol, atol, n=2 if settings.quick else 10)
        for rtol, atol in LSODA
    }
    found = quickest(methods, n_rounds=1 if settings.quick else 3)
    tightest = Errors.of(found[f"libroadrunner, {ROADRUNNER[-1][0]:g}"][1], reference)
    repeats = tightest.is_right if case.is_oscillating else tightest.as_is <= 1e-3
    rows = []
    for method, (per_second, levels) in found.items():
        few = slice(levels.shape[1])
        errors = Errors.of(levels, reference.rows(few))
        speed = {"row": f"{case.name}: {method}", "circuits_per_second": per_second}
        rows.append({**speed, **errors.row(repeats[few])})
    compiled = {"row": f"{case.name}: compiling", "circuits_per_second": len(runners) / compiling()}
    counted = {
        "circuits": len(case.x),
        "share_that_cvode_repeats": _share(repeats),
        "share_with_a_period": _share(reference.period.isfinite()),
    }
    return [*rows, {**compiled, **counted}, ratios(case, rows)]


def by_roadrunner(runners: list[Any], rtol: float, atol: float) -> tuple[float, Tensor]:
    """Return circuits per second and the levels of libroadrunner."""
    with cpu_seconds() as seconds:
        levels = peer_roadrunner.trajectories(runners, t_end=T_END, n=N_KEPT, rtol=rtol, atol=atol)
    return len(runners) / seconds(), levels


def by_lsoda(case: Case, rtol: float, atol: float, *, n: int) -> tuple[float, Tensor]:
    """Return circuits per second and the levels of LSODA on the first n circuits."""
    times = SPACING * torch.arange(1, N_KEPT + 1, dtype=torch.float64)
    kinetics, initial = case.kinetics.rows(slice(n)), case.initial[:n]
    with cpu_seconds() as seconds:
        levels = peer_lsoda.trajectories(kinetics, initial, times, rtol=rtol, atol=atol)
    return len(initial) / seconds(), levels


def our_methods(case: Case, *, n: int) -> dict[str, Method]:
    """Return our integration at each of `OURS`, by name."""
    return {
        f"ours, {str(dtype)[6:]}, {rtol:g}": partial(ours, case, dtype, rtol, n=n) for dtype, rtol in OURS
    }


def quickest(methods: Mapping[str, Method], *, n_rounds: int) -> dict[str, tuple[float, Tensor]]:
    """Run methods in turn, and return the largest circuits per second of each, and its levels."""
    found: dict[str, tuple[float, Tensor]] = {}
    for _ in range(n_rounds):
        for name, method in methods.items():
            speed, levels = method()
            found[name] = (max(speed, found.get(name, (0.0,))[0]), levels)
    return found


def ratios(case: Case, rows: Sequence[Row]) -> Row:
    """Return how many times our default is faster than each peer: at its defaults, and where it is as right.

    As right: the quickest of its tolerances at which as large a share of circuits is right, or 99 %.
    """
    best, key = rows[0], "share_right" if case.is_oscillating else "share_as_is"
    found: Row = {"row": f"{case.name}: ratios"}
    for name, short in (("libroadrunner", "roadrunner"), ("LSODA", "lsoda")):
        peers = [row for row in rows if f": {name}" in row["row"]]
        right = [row for row in peers if row[key] >= min(0.99, best[key])] or peers[-1:]
        found[f"over_{short}"] = best["circuits_per_second"] / peers[0]["circuits_per_second"]
        equal = max(row["circuits_per_second"] for row in right)
        found[f"over_{short}_as_right"] = best["circuits_per_second"] / equal
    return found


def cases(settings: Settings) -> list[Case]:
    """Return oscillating random circuits of three seeds, designed oscillators, and random ones at rest."""
    n_drawn, n = (1500, 6) if settings.quick else (6000, 20)
    found = []
    for n_genes in (3, 5):
        moving, still = [], []
        for seed in range(3):
            x = random_circuits(n_drawn, n_genes, seed=settings.seed + seed)
            moves = shows(x, "oscillation")
            moving.append(x[moves][:n])
            still.append(x[~moves][:n])
        found.append(Case(f"oscillating, {n_genes} genes", torch.cat(moving)))
        found.append(Case(f"at rest, {n_genes} genes", torch.cat(still), is_oscillating=False))
    return [*found, *designs(settings)]


def designs(settings: Settings) -> list[Case]:
    """Return designed oscillators of three seeds by their numbers of genes."""
    n = 2 if settings.quick else 10
    problem = load_problem("gene-oscillator")
    found: dict[int, list[Tensor]] = {}
    for seed in range(1 if settings.quick else 3):
        for one in CircuitSearch().find(problem, n, seed=settings.seed + seed).x:
            n_genes = int(unpack(one[None]).n_genes)
            if bool(shows(one[None], "oscillation")):
                found.setdefault(n_genes, []).append(one[:, :n_genes, :n_genes])
    return [
        Case(f"designed, {n_genes} genes", torch.stack(some))
        for n_genes, some in sorted(found.items())
        if len(some) >= (1 if settings.quick else 3)
    ]


def summary(rows: Sequence[Row]) -> Row:
    """Return the worst of all oscillating cases: shares that are right, and ratios of speeds."""
    moving = [row for row in rows if not row["row"].startswith("at rest")]
    own = [row for row in moving if ": ours, float32, 1e-06" in row["row"]]
    keys = ("over_roadrunner", "over_roadrunner_as_right", "over_lsoda", "over_lsoda_as_right")
    ratio = [row for row in moving if row["row"].endswith(": ratios")]
    return {
        "row": "oscillating, the worst case",
        **{
            key: min(row[key] for row in own)
            for key in ("share_right", "share_right_of_repeated", "share_as_is")
        },
        **{key: min(row[key] for row in ratio) for key in keys},
    }


def repressilator() -> Row:
    """Return the period of Elowitz and Leibler's circuit, with the numbers of BIOMD0000000012."""
    half_lives, per_mrna = (2.0, 10.0), 20.0
    mrna, protein = (math.log(2) / half for half in half_lives)
    gene = Gene(30.0, protein, mrna_degradation=mrna, translation=per_mrna * mrna)
    ring = (("LacI", "TetR"), ("TetR", "cI"), ("cI", "LacI"))
    edges = [Edge(one, other, "represses", threshold=40.0, hill=2.0, fold=1000.0) for one, other in ring]
    model = CircuitModel(expression="mrna", level_unit="molecules", time_unit="min")
    circuit = published({name: gene for name, _ in ring}, edges, model)
    start = torch.tensor([[0.0, 0.0, 0.0, 0.0, 20.0, 0.0]], dtype=torch.float64)
    levels = simulate(circuit, start, t_end=2000.0, n_kept=1000, keep_from=1000.0)
    period = float(measure_oscillations(levels[:, 0, 0], spacing=1.0).period)
    return {
        "row": "repressilator",
        "period_minutes": period,
        "period_error": abs(period / REPRESSILATOR_PERIOD - 1),
    }


def stiff(settings: Settings) -> Row:
    """Integrate circuits whose mRNA is degraded 1,000 to 100,000 times a time unit, protein once or less."""
    model = CircuitModel.of({"expression": "mrna", "ranges": {"mrna_degradation": [1e3, 1e5]}})
    n = 32 if settings.quick else 1024
    kinetics = unpack(random_circuits(n, 3, seed=settings.seed).double(), model)
    generator = torch.Generator().manual_seed(settings.seed)
    places = 2 * torch.rand(n, 3, generator=generator, dtype=torch.float64) - 1
    rates = model.ranges.mrna_degradation.value(places)
    kinetics = replace(kinetics, more={**kinetics.more, "mrna_degradation": rates})
    start, span, rule = 0.4 * kinetics.largest, Span(20.0), Tolerances(explicit_steps=500)
    with cpu_seconds() as seconds:
        found = integrated(kinetics, start, span, rule)
    some = slice(0, 8)
    equations = HillEquations.of(kinetics.rows(some))
    exact = [
        solve_ivp(partial(_rate, kinetics, i), (0, 20.0), y, "LSODA", rtol=1e-9, atol=1e-14)
        for i, y in enumerate(equations.state(start[some].T).T.numpy())
    ]
    ends = torch.tensor(np.stack([one.y[:3, -1] for one in exact]))
    return {
        "row": "stiff: mRNA degraded 1,000 to 100,000 times a time unit, t = 20",
        "circuits_per_second": n / seconds(),
        "steps": float(found.n_steps.double().mean()),
        "share_flagged": _share(~found.is_done),
        "largest_error_of_8": float((found.levels[-1, some] / ends - 1).abs().max()),
    }


def _rate(kinetics: Kinetics, i: int, t: float, y: Array) -> Array:  # noqa: ARG001  # SciPy's signature
    """Return the rate of one circuit at a state, for LSODA."""
    rate: Array = HillEquations.of(kinetics.rows([i]))(torch.from_numpy(y)[:, None])[:, 0].numpy()
    return rate


def noise(settings: Settings) -> list[Row]:
    """Draw a noisy toggle by exact events, leaps and the Langevin equation, and compare the moments."""
    n, size = (200, 5.0) if settings.quick else (2000, 20.0)
    signs = torch.tensor([[[0.0, -1.0], [-1.0, 0.0]]], dtype=torch.float64)
    kinetics = unpack(circuits_of(signs.expand(n, 2, 2), places=-0.2))
    reactions = reactions_of(kinetics, system_size=size)
    start = (size * kinetics.largest * torch.tensor([1.0, 0.1])).round().T.contiguous()
    rows: list[Row] = []
    exact = torch.empty(0)
    for name, simulate_one, more in (
        ("exact events", simulate_exactly, {}),
        ("leaps", simulate_leaping, {}),
        ("Langevin, dt 0.05", simulate_langevin, {"dt": 0.05}),
    ):
        draw_all: Callable[..., Tensor] = simulate_one
        with cpu_seconds() as seconds:
            ends = draw_all(reactions, start, Span(8.0), seed=settings.seed, **more)[0] / size
        exact = exact if rows else ends
        rows.append(
            {
                "row": f"noise: {name}",
                "trajectories_per_second": n / seconds(),
                "mean_error": float((ends.mean(0) / exact.mean(0) - 1).abs().max()),
                "deviation_error": float((ends.std(0) / exact.std(0) - 1).abs().max()),
                "sampling_error": (2 * n) ** -0.5 * math.sqrt(2),
            }
        )
    return rows


def run(settings: Settings) -> list[Row]:
    """Measure everything (quick: on fewer circuits); without libroadrunner only what needs no peer."""
    rows: list[Row] = [repressilator()]
    with one_thread():
        if "roadrunner" in settings.peers:
            for case in cases(settings):
                rows += case_rows(case, settings)
            rows.append(summary(rows))
        settings.report("stiff circuits, and noise")
        rows += [stiff(settings), *noise(settings)]
    return rows


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown, every number with its name."""
    lines = [
        [row["row"], "; ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in _numbers(row))]
        for row in rows
    ]
    return markdown_table(["row", "measured"], lines)


def _numbers(row: Row) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in row.items() if name != "row"]


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the speed of every method on every case over the share of circuits that are right."""
    axes = figure.subplots()
    for name, colour in (("ours", "C1"), ("libroadrunner", "C0"), ("LSODA", "C2")):
        some = [row for row in rows if f": {name}" in row["row"] and "share_right" in row]
        moving = [row for row in some if not row["row"].startswith("at rest")]
        axes.plot(
            [row["share_right"] for row in moving],
            [row["circuits_per_second"] for row in moving],
            "o",
            color=colour,
            label=name,
        )
    axes.set(
        xlabel="share of oscillating circuits with levels and period within a thousandth",
        ylabel="circuits per CPU second, t = 400",
        yscale="log",
    )
    axes.legend()


WORST = "oscillating, the worst case"
THRESHOLDS = (
    Threshold("share of circuits within 1e-3 of CVODE, period within .1 %", "share_right", WORST, ">=", 0.99),
    Threshold("share of those that CVODE repeats", "share_right_of_repeated", WORST, ">=", 0.99),
    Threshold("times libroadrunner's circuits per second", "over_roadrunner", WORST, ">=", 5.0),
    Threshold("times libroadrunner's, as right", "over_roadrunner_as_right", WORST, ">=", 5.0),
    Threshold("times LSODA's circuits per second", "over_lsoda", WORST, ">=", 40.0),
    Threshold("times LSODA's, as right", "over_lsoda_as_right", WORST, ">=", 40.0),
    Threshold("error of the repressilator's period", "period_error", "repressilator", "<=", 5e-3),
)

BENCH = Bench(
    title="The simulator of gene circuits beside libroadrunner and LSODA, oscillating and at rest",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    peers=("roadrunner",),
    thresholds=THRESHOLDS,
)
