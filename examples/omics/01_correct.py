r"""
Batch correction by an adversary
================================

Cells of one tissue come from three laboratories and should be distinguished by type, not by laboratory.
A code z of each cell's expression x and a decoder that is given the batch b play against a discriminator
D,

.. math:: \min_{\text{encoder, decoder}} \max_D \; E\, |x - \text{decoder}(z, b)|^2
          + w\, \text{KL}(q(z | x), N(0, I)) + E \log D_b(z),

so that the decoder can describe a batch's part of the expression and the code need not (Y. Ganin et al.,
*Domain-adversarial training of neural networks*, JMLR 17, 2016). The counts here are SIMULATED.

**What to see:** cells before and after, by batch and by cell type.

**The number:** the batch unpredictability within cell types rises from near 0 (found at once) to above
0.8 (1 is no better than chance).
"""

# %%
# Simulated counts: in every batch, each gene is captured with a factor of its own
import sys

from sciadv import BatchCorrector
from sciadv.domains.batch_correction import (
    AdversarialSettings,
    batch_unpredictability,
    label_transfer,
    simulate_counts,
)
from sciadv.domains.batch_correction.assessment.flat_maps import flat_map
from sciadv.drawing.example_pages import show
from sciadv.report.plotting import plot_maps

quick = "--quick" in sys.argv  # seconds instead of minutes
cells = simulate_counts(450 if quick else 900, 200, n_batches=3, n_types=4, seed=0)

# %%
# Fit without labels; arrays here, an AnnData or a data frame as well
settings = AdversarialSettings(least_steps=250, epochs=1) if quick else AdversarialSettings()
corrector = BatchCorrector(method="adversarial", settings=settings, seed=0)
expression = corrector.correct(cells.counts, batch=cells.batch)
print(f"corrected log expression: {expression.shape[0]} cells x {expression.shape[1]} genes")

# %%
# One figure: before and after, by batch and by cell type
before, after = corrector.uncorrected(cells.counts), corrector.embed(cells.counts)
maps = {"before": flat_map(before, has_umap=False), "after": flat_map(after, has_umap=False)}
figure = plot_maps(
    maps, {"batch": cells.batch, "cell type": cells.cell_type}, what="principal components (simulated counts)"
)
show(figure)

# %%
# One number: can the batch still be told within a cell type? 0: at once, 1: no better than chance
for name, z in (("before", before), ("after", after)):
    found = batch_unpredictability(z, cells.batch, cells.cell_type)
    kept = label_transfer(z, cells.batch, cells.cell_type).accuracy
    print(f"{name}, cell types carried over from the other batches: {kept:.0%}")
    print(f"{name}, batch unpredictability: {found:.2f}")
