r"""
Designs of which most parts as made still do it
===============================================

Parts are made with scatter. A target on the yield asks for designs of which a stated share of parts,
with the variables' scatter, keeps the limits; a design that meets a limit exactly fails in half of its
parts.

**What to see:** deflection of 2,000 parts of a design without and of one with a target on the yield, and
the limit.

**The number:** the share of parts within the limit is above 0.95 with the target. It is counted here on
fresh draws.
"""

import matplotlib.pyplot as plt
import torch

import sciadv


class Spring:  # a cantilever of steel, 0.3 m long, under 10 N
    variables = (
        sciadv.Variable("width", "m", 0.01, 0.04, scatter=3e-4),
        sciadv.Variable("height", "m", 0.001, 0.01, scatter=5e-5),
    )
    properties = {"deflection": "m", "mass": "kg"}

    def predict(self, width, height):
        inertia = width * height**3 / 12
        return {"deflection": 10 * 0.3**3 / (3 * 210e9 * inertia), "mass": 7850 * 0.3 * width * height}


wish = {"deflection": "1.8..2.2 mm"}
draw = torch.Generator().manual_seed(1)
parts = {}
for name, target in {"without": wish, "with a yield": wish | {"yield": ">= 0.95"}}.items():
    designs = sciadv.design(Spring(), target, 8)
    print(designs.messages[0])
    x = designs.x[designs.values["deflection"].argmax()]
    made = x + torch.tensor([3e-4, 5e-5]) * torch.randn(2000, 2, generator=draw, dtype=x.dtype)
    parts[name] = 1000 * Spring().predict(*made.T)["deflection"]
    right = (parts[name] > 1.8) & (parts[name] < 2.2)
    print(f"parts within the limits, {name}: {float(right.double().mean()):.3f}")

figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for name, values in parts.items():
    axis.hist(values.numpy(), bins=60, range=(1.4, 2.6), alpha=0.6, label=name)
axis.axvspan(1.8, 2.2, color="0.9", zorder=0)
axis.set(xlabel="deflection of parts as made [mm]", ylabel="parts")
axis.legend()
plt.show()
