"""Textures for a friction that is asked for: data-free generator, Levenberg-Marquardt, physics in the loop.

A surface ``A cos(2 pi x / lambda)`` slides under the nominal pressure p. Its friction is

    mu = tau0 f / p + beta U / (p lambda),

with the contact fraction f from Johnson's adhesive contact and the elastic energy U. Find (A, lambda) with

    mu(A, lambda) = target,   p_max(A, lambda) <= hardness,   2 pi A / lambda <= 0.2.

The generator was trained on this physics alone; the search is that of every other problem: latents z that
explain a measurement, here the target, and keep the constraints.

Run: python examples/design/01_nanotexture.py [--quick] [--out FIGURE.png]
"""

# %% What is asked for
import argparse
from pathlib import Path

import sciadv
from benchmarks.design.nanotexture_reference import Reference

parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true")
parser.add_argument("--out", type=Path, default=Path("nanotexture.png"))
arguments = parser.parse_args()
target = 0.08

# %% Designs: x in metres, every property of each, and how far each constraint is from its limit
designs = sciadv.design(
    "nanotexture-friction", target={"friction_coefficient": target}, n=5 if arguments.quick else 20
)
for sentence in designs.messages:
    print(sentence)

# %% A target that no texture has: the nearest one, and why
too_much = sciadv.design("nanotexture-friction", target={"friction_coefficient": 0.22}, n=1)
print(too_much.messages[0])

# %% The same designs judged by code that ours was not trained with: SciPy's root finder
problem = sciadv.load_problem("nanotexture-friction")
reference = Reference.of(problem)
frictions = [reference(*design)[0] for design in designs.x.tolist()]

# %% One figure and one number
designs.plot().savefig(arguments.out, dpi=120)
worst = max(abs(friction / target - 1) for friction in frictions)
print(f"largest error of {len(designs)} designs: {worst:.2%}")
