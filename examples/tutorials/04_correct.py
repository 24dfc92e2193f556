r"""
Correct: cells of three protocols
=================================

The same tissue, measured with three protocols, falls into three clouds. A correction takes out what
belongs to the protocol and keeps what belongs to the cell. The data are 1,200 blood cells (PBMC, 10x
Genomics) where ``SCIADV_DATA`` has ``omics/pbmc_symphony``; else SIMULATED counts of a known truth, and
the page says so.

**What to see:** what is compared before a method is taken, the cells before and after, and two numbers
that pull in opposite directions.

**The number:** batch unpredictability (1: no better than chance) rises, and most neighbours stay.
"""

import os
import sys
from pathlib import Path

import numpy as np

import sciadv
from sciadv.domains.batch_correction import batch_unpredictability, label_transfer, simulate_counts
from sciadv.domains.batch_correction.assessment.flat_maps import flat_map
from sciadv.drawing.example_pages import show
from sciadv.report.plotting import plot_maps

# %%
# The data
# --------
# Counts of cells by genes, and the batch of each cell. Labels colour the maps and score them; the
# correction reads none.
file = Path(os.environ.get("SCIADV_DATA", "")) / "omics" / "pbmc_symphony" / "pbmc_symphony.h5ad"
if file.is_file() and "--quick" not in sys.argv:
    import anndata

    adata = anndata.read_h5ad(file)
    counts, batch, kinds = adata.X, adata.obs["batch"].to_numpy(str), adata.obs["label"].to_numpy(str)
    print(f"{adata.n_obs} blood cells, {adata.n_vars} genes, batches {sorted(set(batch))}")
else:
    cells = simulate_counts(600, 120, n_batches=3, n_types=4, seed=0)
    counts, batch, kinds = cells.counts, cells.batch, cells.cell_type
    print(f"SIMULATED counts: {counts.shape[0]} cells, {counts.shape[1]} genes, three batches")

# %%
# The correction
# --------------
# The default compares methods on held-out cells and takes what hides the batch and keeps most neighbours;
# where batches do not differ it takes nothing. The card says what was compared.
corrector = sciadv.BatchCorrector(seed=0).fit(counts, batch=batch)
print("taken:", corrector.fitted_method)
before, after = corrector.uncorrected(counts), corrector.embed(counts, batch=batch)
maps = {"before": flat_map(before, has_umap=False), "after": flat_map(after, has_umap=False)}
show(plot_maps(maps, {"batch": batch, "cell type": kinds}, what="principal components"))

# %%
# Is it right?
# ------------
# Two numbers pull in opposite directions: how well a fresh classifier still finds the batch within a cell
# type, and how well types are carried from the other batches. One alone can be had trivially, by noise or
# by doing nothing.
for name, code in {"before": before, "after": after}.items():
    hidden = batch_unpredictability(code, batch, kinds)
    carried = label_transfer(code, batch, kinds).accuracy
    print(f"batch unpredictability {name}: {hidden:.2f}")
    print(f"types carried over {name}: {carried:.2f}")

# %%
# How sure is a corrected value?
# ------------------------------
# Bounds between which the corrected expression lies with 90 %; genes that were not measured are solved for.
few = np.arange(0, len(batch), 10)
subset = counts[few]
lower, upper = corrector.intervals(subset, batch=batch[few])
print(f"mean width of 90 % intervals [log expression]: {float((upper - lower).mean()):.2f}")

# %%
# When not to
# -----------
# Where batch and condition are one, nothing can separate them, and the fit refuses
# (``keep=["condition"]``). Carrying labels from batch to batch is not better than by uncorrected components
# (`sciadv bench omics`).
