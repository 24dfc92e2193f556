r"""
What no method can separate is refused
======================================

All healthy donors were measured in one batch and all ill ones in another: what differs between them may
be the illness or the batch, and no method can tell. Columns in ``keep`` are checked for this, and a
design that is confounded is refused with a sentence. The counts are SIMULATED.

**What to see:** the table of cells by batch and condition, of a design that is refused and of one that
is not.

**The number:** 1 of the 2 designs is refused.
"""

import matplotlib.pyplot as plt
import numpy as np

import sciadv
from sciadv.domains.batch_correction import simulate_counts
from sciadv.errors import InputError

cells = simulate_counts(240, 60, n_batches=2, n_types=2, seed=0)
numbers = np.random.default_rng(0)
designs = {
    "condition = batch": np.where(cells.batch == "batch 1", "healthy", "ill"),
    "both conditions in both": numbers.choice(["healthy", "ill"], len(cells.batch)),
}
refused = 0
for name, condition in designs.items():
    corrector = sciadv.BatchCorrector(method="linear", keep=["condition"])
    try:
        corrector.fit(cells.counts, batch=cells.batch, keep={"condition": condition})
    except InputError as error:
        refused += 1
        print(f"{name} is refused. {error}")
print(f"designs refused: {refused} of {len(designs)}")

figure, axes = plt.subplots(1, 2, figsize=(6, 2.6), layout="constrained")
kinds, batches = ["healthy", "ill"], ["batch 1", "batch 2"]
for axis, (name, condition) in zip(axes, designs.items(), strict=True):
    table = [[np.sum((condition == kind) & (cells.batch == b)) for b in batches] for kind in kinds]
    axis.imshow(table, cmap="Blues", vmin=0, vmax=240)
    for (i, j), n in np.ndenumerate(np.array(table)):
        axis.text(j, i, n, ha="center", va="center")
    axis.set(title=name, xticks=[0, 1], xticklabels=batches, yticks=[0, 1], yticklabels=kinds)
plt.show()
