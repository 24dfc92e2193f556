r"""
Covariates: a drift with the run order
======================================

A mass spectrometer drifts while samples are run. The order of the runs is a covariate: its effect within
each batch is estimated and removed, and the difference of the batches with it. The values here are
SIMULATED.

**What to see:** one protein over the run order, before and after.

**The number:** the mean size of the rank correlation with the run order falls from above 0.5 to below
0.2.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

import sciadv

numbers = np.random.default_rng(0)
batch = np.repeat(["first", "second"], 60)
order = np.arange(120.0)
within = (order % 60 - 29.5) / 30
x = 20 + numbers.normal(size=(120, 50)) + 2.0 * (batch == "second")[:, None]
x = x + 2.0 * within[:, None] * np.where((batch == "first")[:, None], 1, -1) * numbers.normal(size=50)

corrector = sciadv.BatchCorrector(covariates="order", method="linear", is_counts=False)
corrected = corrector.correct(x.astype(np.float32), batch=batch, covariates={"order": order})


def drift(values):
    batches = [(order[batch == b], values[batch == b]) for b in ("first", "second")]
    return np.mean([abs(spearmanr(run, gene)[0]) for run, x in batches for gene in x.T])


print(f"rank correlation with the run order before: {drift(x):.2f}")
print(f"rank correlation with the run order after: {drift(corrected):.2f}")

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
for axis, (name, values) in zip(axes, {"before": x, "after": corrected}.items(), strict=True):
    for b in ("first", "second"):
        axis.plot(order[batch == b], values[batch == b, 0], ".", label=f"{b} batch")
    axis.set(xlabel="run order", title=name)
axes[0].set_ylabel("log intensity of a protein")
axes[1].legend()
plt.show()
