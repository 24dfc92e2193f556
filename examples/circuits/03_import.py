r"""
A circuit comes in: a toggle switch as Antimony
===============================================

Circuits and models come in as SBML, Antimony, Boolean rules, ``.topo``, edge lists or networkx graphs.
Two genes that repress each other are read here, with their kinetics, and recognised as a circuit; its
stable states are searched from many starts.

**What to see:** levels of both genes over time from sixteen starts: two places where they end.

**The number:** the toggle has 2 stable states.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import torch

from sciadv.domains.gene_circuits.behaviours.evaluation import measure
from sciadv.domains.gene_circuits.exchange.load_circuit import load_circuit
from sciadv.physics.reactions.stiff import trajectories

TOGGLE = """model toggle
  species A, B; A = 5; B = 1
  -> A; 40 * (0.02 + 0.98 / (1 + (B / 10)^3)); A -> ; 0.5 * A
  -> B; 40 * (0.02 + 0.98 / (1 + (A / 10)^3)); B -> ; 0.5 * B
end
"""
with TemporaryDirectory() as folder:
    file = Path(folder) / "toggle.ant"
    file.write_text(TOGGLE)
    loaded = load_circuit(file)
print(*loaded.messages, sep="\n")
found = measure(loaded.circuit[None], "bistability")
print({name: round(float(value), 3) for name, value in found.items()})

# %%
# Levels over time, from sixteen starts
draw = torch.Generator().manual_seed(0)
starts = {gene: 60 * torch.rand(16, generator=draw, dtype=torch.float64) for gene in ("A", "B")}
levels = trajectories(loaded.network, torch.linspace(0, 30, 61), values=starts)
ends = torch.stack([levels.of("A")[-1], levels.of("B")[-1]], 1)
print(f"stable states reached: {len(ends.round(decimals=1).unique(dim=0))}")

figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
for axis, gene in zip(axes, starts, strict=True):
    axis.plot(levels.times, levels.of(gene), color="C0", linewidth=0.7)
    axis.set(xlabel="time", title=f"gene {gene}")
axes[0].set_ylabel("level")
plt.show()
