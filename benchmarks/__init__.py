"""Benches: one file each, peers beside ours, bars that stand in the problem's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.adversary import adversary
from benchmarks.any_generator import any_generator
from benchmarks.biology import omics, omics_biology, omics_queries, omics_scale
from benchmarks.contract import (
    Bar,
    Bench,
    BenchResult,
    Report,
    Settings,
    bars_table,
    choose_peers,
    judge_bars,
    machine,
    versions,
    write_outputs,
)
from benchmarks.design import (
    analog_amplifier,
    asked_circuits,
    circuit_exchange,
    contact,
    design_realism,
    gene_oscillator,
    gene_simulator,
    gene_switch,
    gene_topologies,
    honest_targets,
    nanotexture_friction,
    optical_coating,
    texture_2d,
)
from benchmarks.fairness import fairness
from benchmarks.own import own
from benchmarks.priors import collapse, games, generators, prior_recipes, priors
from benchmarks.reconstruct import (
    compressed_sensing,
    compressed_sensing_full,
    digits_superresolution,
    digits_uncertainty,
    out_of_distribution,
    restorations,
)
from benchmarks.reliability import bench as reliability
from benchmarks.scans import gpr_crosshole, phase_retrieval, scans, seismic_crosswell
from benchmarks.size import size
from benchmarks.structures import design_beam, design_microstructure
from sciadv.catalogue import entry_spec
from sciadv.errors import UnknownNameError

BENCHES: dict[str, Bench] = {
    "analog-amplifier": analog_amplifier.BENCH,
    "asked-circuits": asked_circuits.BENCH,
    "any-generator": any_generator.BENCH,
    "circuit-exchange": circuit_exchange.BENCH,
    "compressed-sensing": compressed_sensing.BENCH,
    "compressed-sensing-full": compressed_sensing_full.BENCH,
    "contact": contact.BENCH,
    "ct-sparse-view": scans.CT_BENCH,
    "design-realism": design_realism.BENCH,
    "design-beam": design_beam.BENCH,
    "design-microstructure": design_microstructure.BENCH,
    "design-targets": honest_targets.BENCH,
    "digits-superresolution": digits_superresolution.BENCH,
    "digits-uncertainty": digits_uncertainty.BENCH,
    "fairness": fairness.BENCH,
    "games": games.BENCH,
    "gene-bistable-switch": gene_switch.BENCH,
    "gene-oscillator": gene_oscillator.BENCH,
    "gene-simulator": gene_simulator.BENCH,
    "gene-topologies": gene_topologies.BENCH,
    "gpr-crosshole": gpr_crosshole.BENCH,
    "mode-collapse": collapse.BENCH,
    "mri-undersampled": scans.MR_BENCH,
    "nanotexture-friction": nanotexture_friction.BENCH,
    "optical-coating": optical_coating.BENCH,
    "adversary": adversary.BENCH,
    "prior-generators": generators.BENCH,
    "prior-recipes": prior_recipes.BENCH,
    "omics": omics.BENCH,
    "omics-biology": omics_biology.BENCH,
    "omics-queries": omics_queries.BENCH,
    "omics-scale": omics_scale.BENCH,
    "out-of-distribution": out_of_distribution.BENCH,
    "own": own.BENCH,
    "phase-retrieval": phase_retrieval.BENCH,
    "priors": priors.BENCH,
    "reliability": reliability.BENCH,
    "seismic-crosswell": seismic_crosswell.BENCH,
    "size": size.BENCH,
    "texture-2d": texture_2d.BENCH,
    **restorations.BENCHES,
}

__all__ = ["BENCHES", "Bench", "BenchResult", "run_bench"]


def run_bench(
    name: str,
    *,
    quick: bool = False,
    peers: Sequence[str] | None = None,
    seed: int = 0,
    out: Path | None = None,
    report: Report | None = None,
) -> BenchResult:
    """Run a bench: measure its rows, hold the bars of its problem against them, write what there is to show.

    Parameters
    ----------
    name
        One of `BENCHES`.
    quick
        The same work on fewer samples, in under 50 s on 2 cores.
    peers
        Other libraries to measure; all that are installed if left out, none if empty.
    seed
        Seed of everything that is drawn.
    out
        Folder for the CSV, the Markdown tables, the picture, and the finished parts from which an
        interrupted run goes on, and which are all that it writes; nothing is written if left out.
    report
        Told what is being done, in sentences; the bars at the end.

    Raises
    ------
    UnknownNameError
        There is no such bench, or the bench knows no such peer.
    InputError
        A peer that was asked for is not installed, or data are missing.
    """
    if name not in BENCHES:
        raise UnknownNameError("bench", name, BENCHES)
    bench = BENCHES[name]
    tell: Report = report or (lambda _: None)
    every = () if bench.problem is None else entry_spec(bench.problem).bench.bars
    bars: list[Bar] = [bar for bar in every if (bar.bench or bench.problem) == name]
    bars += bench.thresholds
    chosen = choose_peers(bench.peers, peers)
    cache = None if out is None else out / "parts"
    rows = bench.run(Settings(quick=quick, seed=seed, peers=chosen, cache=cache, report=tell))
    judged = judge_bars(bars, rows)
    stack = machine()
    text = [bench.table(rows), bars_table(judged) if judged else "", f"Measured on {stack['cpu']}."]
    result = BenchResult(
        name=name,
        rows=rows,
        bars=judged,
        machine=stack,
        versions=versions(chosen),
        seed=seed,
        markdown="\n\n".join(part for part in text if part) + "\n",
    )
    if out is not None and result.is_complete:
        write_outputs(result, bench, out)
    for bar in judged:
        tell(bar.sentence)
    return result
