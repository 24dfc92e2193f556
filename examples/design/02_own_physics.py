r"""
Physics of your own: a cantilever with units and limits
=======================================================

A property model is a few lines: variables with bounds and units, properties with units, limits, and
`predict` in torch's operations. A steel cantilever of length L, width w and height h bends by :math:`F
L^3 / (3 E I)` under a load of 1 kN, with :math:`I = w h^3 / 12`.

**What to see:** twenty designs with a deflection of 2 mm and at most 30 kg, over all others that were
tried.

**The number:** 20 of 20 designs do it; their largest relative error is below 1 %, and stress stays below
250 MPa.
"""

import sciadv
from sciadv.drawing.example_pages import show


class Cantilever:
    variables = (
        sciadv.Variable("length", "m", 0.5, 2.0),
        sciadv.Variable("width", "m", 0.01, 0.1, is_log=True),
        sciadv.Variable("height", "m", 0.01, 0.2, is_log=True),
    )
    properties = {"deflection": "m", "mass": "kg", "stress": "Pa"}
    limits = {"stress": "<= 250 MPa"}

    def predict(self, length, width, height):  # torch tensors, one element a design
        inertia = width * height**3 / 12
        return {
            "deflection": 1000 * length**3 / (3 * 210e9 * inertia),
            "mass": 7850 * length * width * height,
            "stress": 1000 * length * height / (2 * inertia),
        }


designs = sciadv.design(Cantilever(), {"deflection": "2 mm", "mass": "<= 30 kg"}, 20)
print(*designs.messages, sep="\n")
print(f"designs that do it: {designs.n_good}")
print(f"largest relative error: {float((designs.values['deflection'] / 0.002 - 1).abs().max()):.4f}")
print(f"largest stress [MPa]: {float(designs.values['stress'].max()) / 1e6:.1f}")
show(designs.plot())
