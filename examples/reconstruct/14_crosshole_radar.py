r"""
Crosshole radar: channels between two boreholes
===============================================

Radar waves travel from 24 transmitters to 24 receivers in the other borehole. Their travel times are
sums of the slowness along straight rays; buried channels of sand are slower than the clay around them.
The data are a published case.

**What to see:** the true section, the answer, and where they differ.

**The number:** the residual is about 1 ns, the noise; at least 95 % of cells have the right facies.
"""

import matplotlib.pyplot as plt

import sciadv

problem = sciadv.load_problem("gpr-crosshole")
solution = sciadv.solve(problem, "levenberg-marquardt", restarts=6, diagnose=None)
truth, found = problem.truth > 0.5, solution.x > 0.5
print(f"residual, root mean square [ns]: {float(solution.misfit[0]):.2f}")
print(f"cells of the right facies: {float((truth == found).float().mean()):.3f}")

figure, axes = plt.subplots(1, 3, figsize=(6, 4), layout="constrained", sharey=True)
for axis, (name, x) in zip(
    axes, {"truth": truth, "answer": found, "wrong cells": truth != found}.items(), strict=True
):
    axis.imshow(x[0, 0].numpy(), cmap="gray_r", vmin=0, vmax=1, extent=(0, 6, 12.5, 0))
    axis.set(title=name, xlabel="x [m]")
axes[0].set_ylabel("depth [m]")
plt.show()
