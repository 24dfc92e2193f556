r"""
A Pareto front: light against stiff
===================================

Two properties are to be small that cannot be small together. The front are the designs that no other one
beats in one without losing in the other. For a cantilever of given length, width and load, the
deflection falls as the third power of the mass: :math:`d = F L^3 / (3 E I) \propto m^{-3}`.

**What to see:** the front that was found, and the curve of theory.

**The number:** the largest deviation from theory is below 1 %.
"""

import matplotlib.pyplot as plt

import sciadv


class Beam:  # 1 m long, 5 cm wide, of steel, under 1 kN
    variables = (
        sciadv.Variable("height", "m", 0.02, 0.2, is_log=True),
        sciadv.Variable("width", "m", 0.05, 0.1, is_log=True),
    )
    properties = {"deflection": "m", "mass": "kg"}

    def predict(self, height, width):
        return {
            "deflection": 1000 / (3 * 210e9 * width * height**3 / 12),
            "mass": 7850 * width * height,
        }


front = sciadv.design(Beam(), {"mass": "minimise", "deflection": "minimise"}, 20).pareto()
mass, deflection = front.values["mass"], front.values["deflection"]
theory = 1000 / (3 * 210e9 * 0.05 * (mass / (7850 * 0.05)) ** 3 / 12)
print(f"designs on the front: {len(front.x)}")
print(f"largest deviation from theory: {float((deflection / theory - 1).abs().max()):.4f}")

figure, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
order = mass.argsort()
axis.loglog(mass[order], 1000 * theory[order], color="0.6", label="theory")
axis.loglog(mass, 1000 * deflection, "o", label="designs")
axis.set(xlabel="mass [kg]", ylabel="deflection [mm]")
axis.legend()
plt.show()
