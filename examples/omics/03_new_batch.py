r"""
A new batch comes later
=======================

A corrector that was fitted to two batches is adapted to a third one: nothing but the new batch's part is
estimated, and what was corrected before stays as it was. Labels of the known cells are carried over. The
counts are SIMULATED.

**What to see:** all cells after the correction, by batch and by cell type.

**The number:** at least 90 % of the new cells get their true type; known cells change by 0.
"""

import numpy as np

import sciadv
from sciadv.domains.batch_correction import simulate_counts
from sciadv.domains.batch_correction.assessment.flat_maps import flat_map
from sciadv.drawing.example_pages import show
from sciadv.report.plotting import plot_maps

cells = simulate_counts(450, 120, n_batches=3, n_types=3, seed=1)
is_new = cells.batch == "batch 3"
known, new = cells.counts[~is_new], cells.counts[is_new]
corrector = sciadv.BatchCorrector(method="residual")
corrector.fit(known, batch=cells.batch[~is_new], reference_labels=cells.cell_type[~is_new])
before = corrector.transform(known, batch=cells.batch[~is_new])

# %%
# The new batch
adapted = corrector.adapt(new, batch=cells.batch[is_new])
found = adapted.predict_labels(new, batch=cells.batch[is_new])
after = adapted.transform(known, batch=cells.batch[~is_new])
print(f"new cells with their true type: {np.mean(found.labels == cells.cell_type[is_new]):.3f}")
print(f"largest change of known cells: {np.abs(after - before).max():.1f}")

codes = adapted.embed(cells.counts, batch=cells.batch)
groups = {"batch": cells.batch, "cell type": cells.cell_type}
show(plot_maps({"adapted": flat_map(codes, has_umap=False)}, groups, what="principal components"))
