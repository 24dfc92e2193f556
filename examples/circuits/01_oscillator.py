"""Genes that regulate one another so that their levels never come to rest, found by a latent search.

    dx_j/dt = g_j prod_i f_ij(x_i) - k_j x_j,     f_ij(x) = a_ij + b_ij x^n / (K^n + x^n),

with signs, thresholds, Hill coefficients and rates from a generator x = G(z) that has learnt topologies of
real regulatory networks. The forward operator is the growth rate of the leading oscillating eigenvalue at the
steady states, at the circuit's own parameters, at others near them and at others anywhere in the ranges; the
target is that all of them grow.

Run: python examples/circuits/01_oscillator.py [--quick] [--out FIGURE.png]
"""

# %% The problem: a prior of circuits, a simulator, a tolerance around the score of 1
import argparse
from pathlib import Path

import torch

import sciadv
from sciadv.domains.gene_circuits.behaviours.evaluation import robustness, shows
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.forward import GeneCircuit

parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true")
parser.add_argument("--out", type=Path, default=Path("oscillators.png"))
arguments = parser.parse_args()

prior = sciadv.Prior.load("gene-circuits")
forward = GeneCircuit(prior.out_shape, "oscillation", n_sets=6, spread=0.35, n_anywhere=18)
problem = sciadv.Problem(
    prior, forward, sciadv.Tolerance(1.0), torch.ones(1, 24), latent_weight=0.01, name="oscillators"
)

# %% The search: rounds of draws around the best, then topologies that are robust, each with another core
search = CircuitSearch(pool=PoolSettings(n_rounds=2 if arguments.quick else 16))
designs = search(problem, {}, 3 if arguments.quick else 9)  # sciadv.design(problem, n=9) takes the default
print("\n".join(designs.messages))
print(designs.files["circuit-00.ant"])

# %% One figure and one number
designs.plot().savefig(arguments.out, dpi=120)
n_sets = 8 if arguments.quick else 64
fresh = robustness(designs.x, "oscillation", n_sets=n_sets, spread=1.0)
drawn = shows(prior.sample(100 if arguments.quick else 1000, seed=1), "oscillation")
print(f"circuits of the prior that oscillate: {float(drawn.float().mean()):.1%}")
print(f"designs that oscillate on fresh parameters, anywhere in the ranges: {float(fresh.share.mean()):.1%}")
