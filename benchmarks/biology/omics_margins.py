"""What ours must reach beside the best of the others: margins that are at least zero, and fixed bounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.biology.omics_conditions import BULK, DRIFTED, DRUG, PROTEOME
from benchmarks.biology.omics_methods import ADVERSARIAL, HARMONY, LARGEST, OURS, PEERS
from benchmarks.contract import Row, Threshold

#: Margins by column, in words.
MARGINS = {
    "total_margin": "scIB total less the best peer's, plus a standard error",
    "transfer_margin": "label transfer, the same",
    "largest_margin": "from the largest batch, the same",
    "kept_margin": "neighbours kept less Harmony's, plus 0.05",
}
#: scIB totals of scANVI with the labels of one batch, as measured before this project.
SCANVI_BEFORE = {"pbmc_symphony": 0.763, "pbmc_atlas": 0.664, "kang_ifnb, 2000 genes": 0.757}
#: Sets on all their genes and, where they have more, on the most variable ones.
TASKS = ("pbmc_symphony", "pbmc_atlas", "kang_ifnb", "kang_ifnb, 2000 genes", "splatter_sim1")


def margins(name: str, n_cells: tuple[int, int], found: Mapping[str, Row]) -> list[Row]:
    """Return a row with the margins of ours over the peers on one set, as far as they were measured.

    The standard error of a difference of totals is that over seeds; that of a label transfer is the binomial
    one of the best peer's over the cells that labels are carried over to.

    Parameters
    ----------
    name
        Of the set.
    n_cells
        Cells that labels are carried over to from all other batches, and from the largest.
    found
        Means over seeds, by method.
    """
    if HARMONY not in found:
        return []
    row: Row = {"row": f"{name}, margin", "margin": name}
    if "total" in found[HARMONY] and ADVERSARIAL in found:
        row["over_harmony"] = found[ADVERSARIAL]["total"] - found[HARMONY]["total"]
    if OURS not in found:
        return [row]
    peers = [found[peer] for peer in PEERS if peer in found]
    mine = found[OURS]
    if "total" in mine:
        best = max(peers, key=lambda peer: peer["total"])
        errors = [one["total_sd"] ** 2 / max(one["n_seeds"] - 1, 1) for one in (mine, best)]
        row["total_margin"] = mine["total"] - best["total"] + float(np.sqrt(sum(errors)))
    for key, margin, n in zip(
        ("transfer", "largest_transfer"), ("transfer_margin", "largest_margin"), n_cells, strict=True
    ):
        most = max(peer[key] for peer in peers)
        row[margin] = mine[key] - most + float(np.sqrt(most * (1 - most) / n))
    row["kept_margin"] = mine["kept"] - found[HARMONY]["kept"] + 0.05
    return [row]


def thresholds() -> tuple[Threshold, ...]:
    """Return the bars: margins on every set, cost, and conditions that must survive."""
    bars = [
        Threshold(f"{name}: {words}", key, f"{name}, margin", ">=", 0.0)
        for name in TASKS
        for key, words in MARGINS.items()
    ]
    row = f"{DRUG}, {OURS}"
    bars += [
        Threshold(f"{name}: labels of one batch, total above scANVI's before", "total", of, ">", before)
        for name, before in SCANVI_BEFORE.items()
        for of in [f"{name}, {LARGEST}"]
    ]
    return (
        *bars,
        Threshold("pbmc_atlas: CPU seconds of a fit", "cpu_seconds_most", f"pbmc_atlas, {OURS}", "<=", 15.0),
        Threshold(f"{DRUG}: condition found in left-out patients", "drug_effect", row, ">=", 0.8),
        Threshold(f"{DRUG}: unpredictability", "unpredictability", row, ">=", 0.65),
        Threshold(
            f"{BULK}: labels found across batches", "shared_labels_found", f"{BULK}, {OURS}", ">=", 0.63
        ),
        Threshold(f"{PROTEOME}: strains found across batches", "nearest", f"{PROTEOME}, {OURS}", ">=", 0.28),
        Threshold(
            f"{PROTEOME}: drift left with the run order", "drift", f"{PROTEOME}, {DRIFTED}", "<=", 0.15
        ),
    )
