"""What a correction costs: files of up to a million cells, by the command, with its peak memory.

Cells are SIMULATED: Poisson counts of types in batches whose capture of each gene differs, most of them 0.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.contract import Bench, Row, Settings, Threshold, markdown_table
from benchmarks.parts import PENDING, Part, measure_parts
from sciadv.domains.batch_correction import BatchCorrector
from sciadv.errors import InputError
from sciadv.files.formats.h5ad_rows import GrownMatrix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Cells of the files, and genes; of a quick run.
FULL, QUICK = ((10_000, 100_000, 1_000_000), 2000), ((2000,), 200)
#: Cells of which a fit alone is timed, and the methods.
FITTED, METHODS = 6000, ("linear", "residual", "adversarial", "auto")
_N_BATCHES, _N_TYPES, _COUNTS_A_CELL, _CHUNK = 5, 8, 150.0, 20_000


@dataclass(frozen=True, eq=False)
class Population:
    """Expected counts ``(batches, types, genes)``, from which cells are drawn."""

    means: NDArray[np.float64]

    @staticmethod
    def seeded(n_genes: int, seed: int) -> Population:
        """Draw the means of genes, of types, and of batches."""
        rng = np.random.default_rng(seed)
        means = rng.gamma(0.5, 1.0, n_genes) * np.exp(rng.normal(0, 0.8, (_N_TYPES, n_genes)))
        means = means * np.exp(rng.normal(0, 0.3, (_N_BATCHES, 1, n_genes)))
        return Population(_COUNTS_A_CELL * means / means.sum(2, keepdims=True))

    def draw(self, n: int, seed: int) -> tuple[sparse.csr_matrix, NDArray[np.str_], NDArray[np.str_]]:
        """Draw counts of cells, their batches and types."""
        rng = np.random.default_rng(seed)
        batch = rng.integers(_N_BATCHES, size=n)
        kind = rng.integers(_N_TYPES, size=n)
        depth = rng.lognormal(0, 0.4, (n, 1))
        counts = sparse.csr_matrix(rng.poisson(self.means[batch, kind] * depth).astype(np.float32))
        return counts, np.char.add("b", batch.astype(str)), np.char.add("t", kind.astype(str))


def write_cells(path: Path, n_cells: int, n_genes: int, seed: int) -> None:
    """Write cells as an ``.h5ad`` file, no more than a chunk of them in memory."""
    import h5py
    import pandas as pd
    from anndata.io import write_elem

    population = Population.seeded(n_genes, seed)
    batches, types = [], []
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        x = GrownMatrix(file, "X", (n_cells, n_genes), is_sparse=True)
        for start in range(0, n_cells, _CHUNK):
            counts, batch, kind = population.draw(min(_CHUNK, n_cells - start), seed + 1 + start)
            x.add(counts)
            batches.append(batch)
            types.append(kind)
        x.finish()
        names = pd.Index([f"c{i}" for i in range(n_cells)])
        obs = {"batch": np.concatenate(batches), "type": np.concatenate(types)}
        write_elem(file, "obs", pd.DataFrame(obs, index=names, dtype="category"))
        write_elem(file, "var", pd.DataFrame(index=[f"g{i}" for i in range(n_genes)]))
        for name in ("layers", "obsm", "obsp", "uns", "varm", "varp"):
            write_elem(file, name, {})


def of_file(n_cells: int, n_genes: int, seed: int, *options: str) -> Row:
    """Correct a file by the command, in a process of its own."""
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "cells.h5ad", Path(folder) / "out.h5ad"
        write_cells(path, n_cells, n_genes, seed)
        command = ["correct", str(path), "--batch", "batch", "-o", str(out), "--no-report", *options]
        began = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "sciadv", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as child:
            assert child.stderr is not None
            words = child.stderr.read().decode(errors="replace")
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise InputError(f"sciadv {' '.join(command[:2])} failed: {words[-500:]}")
        return {
            "cells": n_cells,
            "genes": n_genes,
            "seconds": time.perf_counter() - began,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_bytes": 1024 * usage.ru_maxrss,
            "bytes_in": path.stat().st_size,
            "bytes_out": out.stat().st_size,
        }


def of_fit(method: str, n_cells: int, n_genes: int, seed: int) -> Row:
    """Time a fit alone, with the reading of its cells."""
    counts, batch, _ = Population.seeded(n_genes, seed).draw(n_cells, seed + 1)
    BatchCorrector(method="linear").fit(counts[:500], batch=batch[:500])  # what the first call loads
    began = time.process_time()
    BatchCorrector(method=method, seed=seed).fit(counts, batch=batch)
    return {"cells": n_cells, "genes": n_genes, "cpu_seconds": time.process_time() - began}


def run(settings: Settings) -> list[Row]:
    """Return a row for each file and each fit."""
    sizes, n_genes = QUICK if settings.quick else FULL
    n_fitted = min(FITTED, sizes[-1])
    parts = [
        Part(
            f"file of {n} cells{''.join(f', {option}' for option in options)}",
            {"cells": n},
            (n, n_genes, settings.seed, *options),
            lambda n=n, options=options: of_file(n, n_genes, settings.seed, *options),  # type: ignore[misc]
        )
        for n in sizes
        for options in ((), ("--embedding-only",))
    ]
    parts += [
        Part(
            f"fit, {method}",
            {"cells": n_fitted},
            (method, n_fitted, n_genes, settings.seed),
            lambda method=method: of_fit(method, n_fitted, n_genes, settings.seed),  # type: ignore[misc]
        )
        for method in METHODS
    ]
    return measure_parts(parts, settings)


def table(rows: list[Row]) -> str:
    """Write seconds and memory as Markdown."""
    done = [row for row in rows if not row.get(PENDING)]
    lines = [
        [
            row["row"],
            str(row["genes"]),
            f"{row['cpu_seconds']:.1f}",
            f"{row['seconds']:.1f}" if "seconds" in row else "-",
            f"{row['peak_bytes'] / 2**30:.2f}" if "peak_bytes" in row else "-",
            f"{row['bytes_out'] / 2**30:.2f}" if "bytes_out" in row else "-",
        ]
        for row in done
    ]
    return markdown_table(["what", "genes", "CPU s", "s", "peak GiB", "output GiB"], lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw seconds and memory of files by their cells."""
    done = [row for row in rows if "peak_bytes" in row and "--embedding-only" not in row["row"]]
    left, right = figure.subplots(1, 2)
    cells = [row["cells"] for row in done]
    left.loglog(cells, [row["seconds"] for row in done], "o-")
    left.set(xlabel="cells", ylabel="seconds")
    right.semilogx(cells, [row["peak_bytes"] / 2**30 for row in done], "o-")
    right.set(xlabel="cells", ylabel="peak memory [GiB]", ylim=(0, None))


THRESHOLDS = (
    Threshold(
        "a million cells: peak memory [bytes]",
        "peak_bytes",
        "file of 1000000 cells",
        "<=",
        4 * 2**30,
    ),
    *(
        Threshold(f"fit of 6,000 cells, {method} [CPU s]", "cpu_seconds", f"fit, {method}", "<=", 15.0)
        for method in METHODS
        if method != "linear"
    ),
    Threshold("fit of 6,000 cells, linear [CPU s]", "cpu_seconds", "fit, linear", "<=", 1.0),
)

BENCH = Bench(
    "time and memory of a correction, from six thousand cells to a million",
    None,
    run,
    draw,
    table,
    thresholds=THRESHOLDS,
)
