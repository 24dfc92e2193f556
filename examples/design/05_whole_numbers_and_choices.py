r"""
Whole numbers and choices: a coil
=================================

Variables may be whole numbers (turns of a coil) or choices (its wire's metal). The inductance of a long
coil of N turns is :math:`\mu_0 N^2 A / l`, its resistance :math:`\rho\, N\, 2 \pi r / a`.

**What to see:** designs of 1 mH with at most 2 ohm: number of turns, radius, metal.

**The number:** every number of turns is whole, and the largest relative error of the inductance is below
1 %.
"""

import math

import matplotlib.pyplot as plt
import torch

import sciadv


class Coil:
    variables = (
        sciadv.Variable("turns", "", 100, 600, is_whole=True),
        sciadv.Variable("radius", "m", 0.005, 0.03),
        sciadv.Variable("length", "m", 0.05, 0.2),
        sciadv.Variable("metal", choices=("copper", "aluminium")),
    )
    properties = {"inductance": "H", "resistance": "ohm"}

    def predict(self, turns, radius, length, metal):
        resistivity = torch.where(metal > 0.5, 2.65e-8, 1.68e-8)
        wire = math.pi * (0.5e-3) ** 2 / 4  # 0.5 mm thick
        return {
            "inductance": 4e-7 * math.pi * turns**2 * math.pi * radius**2 / length,
            "resistance": resistivity * turns * 2 * math.pi * radius / wire,
        }


designs = sciadv.design(Coil(), {"inductance": "1 mH", "resistance": "<= 3 ohm"}, 12)
print(*designs.messages, sep="\n")
turns, radius, _, metal = designs.x.T
print(f"largest distance to a whole number of turns: {float((turns - turns.round()).abs().max()):.1f}")
print(f"largest relative error: {float((designs.values['inductance'] / 1e-3 - 1).abs().max()):.4f}")

figure, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
for kind, name in enumerate(Coil.variables[3].choices):
    rows = metal.round() == kind
    axis.plot(turns[rows], 1000 * radius[rows], "o", label=name)
axis.set(xlabel="turns", ylabel="radius [mm]")
axis.legend()
plt.show()
