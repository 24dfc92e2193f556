r"""
Knock-outs: which edges a circuit cannot do without
===================================================

Each edge of a circuit is taken out in turn, and the behaviour is tested again by trajectories. In a ring
of three genes that repress one another (the repressilator) no edge can go; an edge that was added beside
it can.

**What to see:** the period with each edge knocked out; a missing bar is a circuit that came to rest.

**The number:** 3 edges of 4 are needed.
"""

import matplotlib.pyplot as plt
import torch

from sciadv.domains.gene_circuits.behaviours.evaluation import measure, shows
from sciadv.physics.regulation.kinetics import circuits_of

signs = -torch.eye(3).roll(1, 1)
signs[0, 2] = 1.0  # an edge beside the ring
edges = signs.nonzero().tolist()
mutants = signs.repeat(len(edges) + 1, 1, 1)
for k, (i, j) in enumerate(edges, start=1):
    mutants[k, i, j] = 0.0
circuits = circuits_of(mutants, places=0.5)

# %%
# The whole circuit first, then each knock-out
oscillates = shows(circuits, "oscillation")
period = measure(circuits, "oscillation")["period"]
genes = "ABC"
names = ["none"] + [f"{genes[i]}, {genes[j]}" for i, j in edges]
print(f"the whole circuit oscillates: {int(oscillates[0])}")
print(f"edges that are needed: {int((~oscillates[1:]).sum())} of {len(edges)}")

figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.bar(names, torch.where(oscillates, period, torch.zeros(())).numpy())
axis.set(xlabel="edge taken out", ylabel="period")
plt.show()
