"""The map of all 3,325 topologies of three genes: which share of parameter sets oscillates, beside a table.

The model is that of CircuiTree's study (eLife 106497, 2025), promoters at equilibrium: mRNA and protein, two
sites a promoter, one set of parameters shared by all genes and edges. The table, made once by another program
with fixed steps, has 120 parameter sets of a scrambled Sobol sequence. The map is computed at the table's own
sets, which asks whether both simulators and judges agree, and at others, where chance limits every map: the
ceiling is the correlation of two maps of as many sets with each other.
"""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, Threshold, cpu_seconds, markdown_table, one_thread
from sciadv.errors import InputError
from sciadv.physics.dynamics.integration import Span, Tolerances
from sciadv.physics.regulation.circuit_model import CircuitModel, Range, Ranges
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import Kinetics
from sciadv.physics.regulation.steady import Relative, jacobians
from sciadv.physics.regulation.trajectories import integrated

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Mean field of CircuiTree's model of transcription factors; seconds and molecules.
MODEL = CircuitModel(
    expression="mrna",
    logic="two-site",
    shared="circuit",
    level_unit="molecules",
    time_unit="s",
    ranges=Ranges(second_site=Range(1e-4, 0.25)),
)


@dataclass(frozen=True)
class Judge:
    """How trajectories are made and which of them oscillate, as the table's README says.

    Parameters
    ----------
    t_end, keep_from, n_kept
        Length of trajectories [s], what is left out of them, and states that are kept.
    acf_threshold
        Value below which the autocorrelation of a protein has an interior minimum.
    least_spread
        Least standard deviation, as a part of the mean.
    checks
        Times at which circuits at rest are left out: near a stable steady state [s].
    rest
        Largest distance from a steady state that counts as rest, as a part of each level.
    tolerances
        Of the integration. Levels are repressed up to 1e5 times, hence the small absolute one.
    """

    t_end: float = 40_000.0
    keep_from: float = 10_000.0
    n_kept: int = 750
    acf_threshold: float = -0.4
    least_spread: float = 0.05
    checks: tuple[float, ...] = (500.0, 1_000.0, 2_000.0, 4_000.0, 10_000.0)
    rest: float = 1e-3
    tolerances: Tolerances = field(default_factory=lambda: Tolerances(rtol=1e-4, atol=1e-9))


@dataclass(frozen=True)
class Table:
    """The table: signs ``(n, 3, 3)``, shares of oscillating sets by trajectories and by eigenvalues."""

    signs: Tensor
    share: Tensor
    by_eigenvalues: Tensor

    @staticmethod
    def load() -> Table:
        """Read the table.

        Raises
        ------
        InputError
            SCIADV_DATA has no such file.
        """
        root = os.environ.get("SCIADV_DATA", "")
        path = Path(root) / "circuits" / "circuitree_3node_ode" / "q3.csv.gz"
        if not root or not path.is_file():
            raise InputError(
                "the map needs circuits/circuitree_3node_ode/q3.csv.gz; set SCIADV_DATA to a folder with it"
            )
        lines = [line.split(",") for line in gzip.decompress(path.read_bytes()).decode().split()[1:]]
        signs = torch.stack([signs_of(line[0]) for line in lines])
        return Table(signs, *(torch.tensor([float(line[i]) for line in lines]) for i in (1, 2)))

    def rows(self, index: slice) -> Table:
        """Return some of the topologies."""
        return Table(self.signs[index], self.share[index], self.by_eigenvalues[index])


def signs_of(genotype: str) -> Float[Tensor, "genes genes"]:
    """Read a topology as CircuiTree writes it.

    Examples
    --------
    >>> signs_of("*ABC::ABi_BCi_CAa").tolist()
    [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]
    """
    genes, edges = genotype.removeprefix("*").split("::")
    signs = torch.zeros(len(genes), len(genes))
    for edge in edges.split("_"):
        signs[genes.index(edge[0]), genes.index(edge[1])] = 1.0 if edge[2] == "a" else -1.0
    return signs


def parameter_sets(n: int, *, seed: int) -> Float[Tensor, "sets 8"]:
    """Return parameter sets of a scrambled Sobol sequence in the ranges of CircuiTree's study.

    In order: log10 of the dissociation constant [molecules], that of the second site over it, transcription
    of the empty promoter and of the activated one [1 / s], log10 of the repression, translation, degradation
    of mRNA and of protein [1 / s].
    """
    low = torch.tensor([-2.0, 0.0, 0.0, 1.0, 0.0, 0.015, 0.001, 0.001])
    high = torch.tensor([4.0, 0.25, 1.0, 10.0, 5.0, 0.25, 0.1, 0.1])
    engine = torch.quasirandom.SobolEngine(8, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    return low + (high - low) * engine.draw(n)


def circuits_at(signs: Float[Tensor, "batch genes genes"], numbers: Float[Tensor, "batch 8"]) -> Kinetics:
    """Return circuits, each with one set of parameters for all of its genes and edges.

    The largest production of a gene is that of the activated promoter where something activates it, else that
    of the empty one.
    """
    columns = numbers[:, :, None].expand(-1, -1, signs.shape[1]).unbind(1)
    site, second, empty, active, repression, translation, of_mrna, of_protein = columns
    lift = (active / empty)[..., None]
    fold = torch.where(signs > 0, lift, torch.where(signs < 0, 10 ** repression[..., None], 1.0))
    bare = Kinetics(
        signs,
        threshold=torch.ones_like(signs),
        hill=torch.ones_like(signs),
        fold=fold,
        production=torch.where((signs > 0).any(1), active, empty),
        degradation=of_protein,
        presence=torch.ones_like(of_protein),
        model=MODEL,
        more={
            "second_site": second.clamp_min(MODEL.ranges.second_site.low),
            "translation": translation,
            "mrna_degradation": of_mrna,
        },
    )
    return replace(bare, threshold=(10**site / bare.largest)[..., None].expand_as(signs))


def oscillating(kinetics: Kinetics, initial: Tensor, judge: Judge) -> Bool[Tensor, " batch"]:
    """Integrate circuits from whole states, and say which oscillate; those at rest are left out early."""
    shown = torch.zeros(len(initial), dtype=torch.bool)
    left = torch.arange(len(initial))
    state, start = initial, 0.0
    for check in judge.checks:
        span = Span(check, start=start)
        state = integrated(kinetics.rows(left), state, span, judge.tolerances).check().levels[-1]
        moves = ~at_rest(kinetics.rows(left), state, judge.rest)
        left, state, start = left[moves], state[moves], check
        if not len(left):
            return shown
    span = Span(judge.t_end, n_kept=judge.n_kept, start=start, keep_from=judge.keep_from)
    kept = integrated(kinetics.rows(left), state, span, judge.tolerances).check().levels
    shown[left] = is_oscillation(kept[..., : kinetics.sign.shape[1]], judge).any(1)
    return shown


def at_rest(kinetics: Kinetics, state: Float[Tensor, "batch states"], rest: float) -> Bool[Tensor, " batch"]:
    """Say which circuits are near a stable steady state: every stage makes what it loses."""
    equations = HillEquations.of(kinetics)
    moved = equations(state.T) / equations.rates.flatten(0, 1)
    is_near = (moved.abs() <= rest * state.T).all(0)
    y = (equations.levels(state.T) / kinetics.largest.T).T
    growth = torch.linalg.eigvals(jacobians(Relative.of(kinetics), y)).real.amax(-1)
    found: Tensor = is_near & (growth < 0)
    return found


def is_oscillation(levels: Float[Tensor, time * series], judge: Judge) -> Bool[Tensor, "*series"]:
    """Say which series have an autocorrelation with a low interior minimum, and spread enough."""
    n, mean = len(levels), levels.mean(0)
    power = torch.fft.rfft(levels - mean, 2 * n, dim=0).abs().square()
    raw = torch.fft.irfft(power, 2 * n, dim=0)[: n // 2]
    acf = raw / raw[:1].clamp_min(torch.finfo(levels.dtype).tiny)
    middle = acf[1:-1]
    dips = (middle <= acf[:-2]) & (middle <= acf[2:]) & (middle < judge.acf_threshold)
    found: Tensor = dips.any(0) & (levels.std(0) > judge.least_spread * mean)
    return found


def hits_of(
    signs: Tensor, sets: Tensor, settings: Settings, judge: Judge, *, group: int = 40
) -> Bool[Tensor, "sets batch"]:
    """Return which topologies oscillate at which parameter sets; all start without mRNA, with few proteins.

    `group` sets are integrated at once.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    proteins = torch.poisson(torch.full((len(sets), signs.shape[1]), 10.0), generator=generator)
    initial = torch.cat([proteins, torch.zeros_like(proteins)], 1)
    hits = []
    for first in range(0, len(sets), group):
        rows = slice(first, first + group)
        n = len(sets[rows])
        settings.report(f"integrating {len(signs)} topologies at {n} parameter sets, after {first}")
        numbers, start = (part[rows].repeat_interleave(len(signs), 0) for part in (sets, initial))
        shown = oscillating(circuits_at(signs.repeat(n, 1, 1), numbers), start, judge)
        hits.append(shown.reshape(n, len(signs)))
    return torch.cat(hits)


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Return Spearman's rank correlation, ties by their mean rank."""
    from scipy.stats import spearmanr

    if bool((one == one[:1]).all()) or bool((other == other[:1]).all()):
        return float("nan")
    return float(spearmanr(one.numpy(), other.numpy()).statistic)


def correlations(one: Tensor, other: Tensor) -> dict[str, float]:
    """Return the rank correlation of two maps: over all, and where either has an oscillation."""
    either = (one > 0) | (other > 0)
    return {
        "spearman": rank_correlation(one, other),
        "spearman_positive": rank_correlation(one[either], other[either]),
    }


def compared(name: str, share: Tensor, table: Tensor) -> Row:
    """Return the correlations of a map with the table."""
    positive = {"n_positive": int((share > 0).sum()), "mean_share": float(share.double().mean())}
    return {"row": name, **correlations(share, table), **positive}


def split_half(hits: Bool[Tensor, "sets batch"]) -> dict[str, float]:
    """Return the correlations of the maps of two halves of the sets: every other one."""
    found = correlations(hits[::2].double().mean(0), hits[1::2].double().mean(0))
    return {"split_half": found["spearman"], "split_half_positive": found["spearman_positive"]}


def run(settings: Settings) -> list[Row]:
    """Compute the map at the table's sets, and twice at others (quick: of fewer topologies and sets)."""
    table, judge = Table.load(), Judge()
    table = table.rows(slice(None, None, 8)) if settings.quick else table
    rows: list[Row] = []
    shares = {}
    with one_thread():
        seeds = {"map": 1, "map at other sets": 1000 + settings.seed, "again": 2000 + settings.seed}
        for name, seed in seeds.items():
            with cpu_seconds() as seconds:
                n_sets = 30 if settings.quick and rows else 120
                hits = hits_of(table.signs, parameter_sets(n_sets, seed=seed), settings, judge)
            shares[name] = hits.double().mean(0)
            row = compared(name, shares[name], table.share)
            rows.append({**row, "n_sets": len(hits), "cpu_seconds": seconds(), **split_half(hits)})
    rows[-1] |= {"row": "two maps at other sets", **correlations(*list(shares.values())[1:])}
    rows.append(compared("eigenvalues, as in the table", table.by_eigenvalues, table.share))
    n_edges = table.signs.abs().sum((1, 2))
    has_hit = table.share > 0
    positive = rank_correlation(n_edges[has_hit], table.share[has_hit])
    rows.append(compared("number of edges", n_edges, table.share) | {"spearman_positive": positive})
    return rows


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the correlations as bars."""
    axes = figure.subplots()
    names = [row["row"] for row in rows]
    for shift, key in ((-0.2, "spearman"), (0.2, "spearman_positive")):
        places = [place + shift for place in range(len(rows))]
        axes.barh(places, [row[key] for row in rows], height=0.35, label=key.replace("_", ", "))
    axes.axvline(0.9, color="black", lw=0.8, ls=":")
    axes.set_yticks(range(len(rows)), names)
    axes.set_xlabel("rank correlation with the table of 3,325 topologies")
    axes.legend()


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    keys = ("spearman", "spearman_positive", "split_half", "split_half_positive")
    lines = [
        [
            row["row"],
            row.get("n_sets", "-"),
            *(f"{row[key]:.3f}" if key in row else "-" for key in keys),
            row["n_positive"],
            f"{row['cpu_seconds']:.0f}" if "cpu_seconds" in row else "-",
        ]
        for row in rows
    ]
    header = ["map", "sets", "all", "where either > 0", "halves, all", "halves, > 0", "n > 0", "CPU s"]
    return markdown_table(header, lines)


BENCH = Bench(
    title="All topologies of three genes: share of parameter sets that oscillate, beside a table",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=(
        Threshold("rank correlation with the table of all 3,325 topologies", "spearman", "map", ">=", 0.9),
    ),
)
