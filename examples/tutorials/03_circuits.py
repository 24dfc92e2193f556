r"""
Circuits: the repressilator, and others that oscillate
======================================================

Three genes that repress one another in turn oscillate (M. Elowitz, S. Leibler, *A synthetic oscillatory
network of transcriptional regulators*, Nature 403, 2000). A generator that has learnt topologies of real
regulatory networks finds others; a simulator of many circuits in one batch tests them.

**What to see:** a circuit that is typed in, one that is found, how robust they are, and files of other
programs.

**The number:** the repressilator has a period of 125 minutes with the numbers of its paper.
"""

import math
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import torch

import sciadv
from sciadv.domains.gene_circuits.behaviours.evaluation import measure, robustness
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings
from sciadv.domains.gene_circuits.exchange.load_circuit import load_circuit
from sciadv.drawing.example_pages import show
from sciadv.physics.regulation.circuit_model import CircuitModel
from sciadv.physics.regulation.published import Edge, Gene, published
from sciadv.physics.regulation.trajectories import simulate

# %%
# A published circuit, typed in
# -----------------------------
# Genes and edges with the numbers of the paper: half lives of 2 and 10 min, 20 proteins a transcript,
# thresholds of 40 molecules, Hill coefficients of 2.
gene = Gene(
    production=30.0,
    degradation=math.log(2) / 10,
    mrna_degradation=math.log(2) / 2,
    translation=20 * math.log(2) / 2,
)
ring = (("LacI", "TetR"), ("TetR", "cI"), ("cI", "LacI"))
edges = [Edge(one, other, "represses", threshold=40.0, hill=2.0, fold=1000.0) for one, other in ring]
model = CircuitModel(expression="mrna", level_unit="molecules", time_unit="min")
repressilator = published(dict.fromkeys(("LacI", "TetR", "cI"), gene), edges, model)

# %%
# Simulate it
# -----------
start = torch.tensor([[0.0, 0.0, 0.0, 0.0, 20.0, 0.0]], dtype=torch.float64)  # 20 transcripts of TetR
levels = simulate(repressilator, start, t_end=1500.0, n_kept=1500)[:, 0, :3].numpy()
late = levels[500:, 0] - levels[500:, 0].mean()
crossings = np.flatnonzero((late[:-1] < 0) & (late[1:] >= 0))
print(f"period of the repressilator [min]: {np.diff(crossings).mean():.1f}")
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(levels[:800], linewidth=1, label=["LacI", "TetR", "cI"])
axis.set(xlabel="time [min]", ylabel="protein [molecules]")
axis.legend(loc="upper right")
plt.show()

# %%
# Others that oscillate
# ---------------------
# `sciadv.design("gene-oscillator", n=9)` searches the generator's latents in half a minute; this page takes
# a smaller search of the same kind. Targets on what is measured are possible: ``{"period": 20, "edges":
# "<=6"}``.
quick = "--quick" in sys.argv
problem = sciadv.load_problem("gene-oscillator")
search = CircuitSearch()
if quick:
    choice = ChoiceSettings(n_tested=6, tested_per_design=2, n_sets=8)
    search = CircuitSearch(
        PoolSettings(n_draws=300, n_rounds=1, n_near=150), choice, RobustnessSettings(n_sets=12)
    )
designs = search(problem, {}, 3)
print(*designs.messages, sep="\n")
show(designs.plot())

# %%
# How robust?
# -----------
# A circuit that oscillates at one set of parameters is no design. Fresh sets, drawn anywhere in their
# ranges:
fresh = robustness(designs.x, "oscillation", n_sets=16 if quick else 64, spread=1.0)
print(f"share of fresh parameter sets that oscillate: {float(fresh.share.mean()):.2f}")
print(
    {name: [round(float(v), 2) for v in value] for name, value in measure(designs.x, "oscillation").items()}
)

# %%
# Files of other programs
# -----------------------
# Each design is an Antimony model, which COPASI, Tellurium and libroadrunner read; and such files come in.
with TemporaryDirectory() as folder:
    file = Path(folder) / "circuit.ant"
    file.write_text(designs.files["circuit-001.ant"])
    loaded = load_circuit(file)
print(*loaded.messages, sep="\n")
print(f"edges sent out: {int(designs.x[0, 0].ne(0).sum())}")
print(f"edges that came back: {int(loaded.circuit[0].ne(0).sum())}")
