r"""
Gene circuits that oscillate, found by a latent search
======================================================

Genes regulate one another so that their levels never come to rest:

.. math:: \dot x_j = g_j \prod_i f_{ij}(x_i) - k_j x_j, \quad
          f_{ij}(x) = a_{ij} + b_{ij} \frac{x^n}{K^n + x^n},

with signs, thresholds, Hill coefficients and rates from a generator x = G(z) that has learnt topologies
of real regulatory networks. The operator is the growth rate of the leading oscillating eigenvalue at the
steady states, at the circuit's own parameters, at others near them and at others anywhere in the ranges;
the target is that all of them grow.

**What to see:** the circuits, and their levels over time.

**The number:** the share of fresh parameter sets at which the designs oscillate, beside the share of the
prior's circuits that do; above 20 % against a few.
"""

# %%
# The problem: a prior of circuits, a simulator, a tolerance around the score of 1
import sys

import torch

import sciadv
from sciadv.domains.gene_circuits.behaviours.evaluation import robustness, shows
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings
from sciadv.drawing.example_pages import show
from sciadv.forward import GeneCircuit

quick = "--quick" in sys.argv  # seconds instead of minutes

prior = sciadv.Prior.load("gene-circuits")
forward = GeneCircuit(prior.out_shape, "oscillation", n_sets=6, spread=0.35, n_anywhere=18)
problem = sciadv.Problem(
    prior, forward, sciadv.Tolerance(1.0), torch.ones(1, 24), latent_weight=0.01, name="oscillators"
)

# %%
# The search: rounds of draws around the best, then topologies that are robust, each with another core
search = CircuitSearch()
if quick:
    choice = ChoiceSettings(n_tested=6, tested_per_design=2, n_sets=8)
    search = CircuitSearch(
        PoolSettings(n_draws=300, n_rounds=1, n_near=150), choice, RobustnessSettings(n_sets=12)
    )
designs = search(problem, {}, 3 if quick else 9)  # sciadv.design(problem, n=9) takes the default
print("\n".join(designs.messages))
print(*designs.files["circuit-001.ant"].splitlines()[:9], sep="\n")

# %%
# One figure and one number
show(designs.plot())
n_sets = 8 if quick else 64
fresh = robustness(designs.x, "oscillation", n_sets=n_sets, spread=1.0)
drawn = shows(prior.sample(100 if quick else 1000, seed=1), "oscillation")
print(f"circuits of the prior that oscillate: {float(drawn.float().mean()):.1%}")
print(f"designs that oscillate on fresh parameters, anywhere in the ranges: {float(fresh.share.mean()):.1%}")
