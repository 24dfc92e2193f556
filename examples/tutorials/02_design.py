r"""
Design: a surface that slides with a given friction
===================================================

Which textures of a polymer slide with a friction coefficient of 0.08, and do not yield? The forward
model is Johnson's adhesive contact of a wavy surface with adhesion and hysteresis; the generator has
learnt this physics alone, without data.

**What to see:** a target, what comes back, an unreachable target, the price of a second property, and
scatter.

**The number:** all designs hit the target within 1 %.
"""

import matplotlib.pyplot as plt

import sciadv
from sciadv.drawing.example_pages import show

# %%
# Ask for a property
# ------------------
# A target is a number in SI units, a text with a unit, a range, a limit, or a direction.
designs = sciadv.design("nanotexture-friction", {"friction_coefficient": 0.08}, 12)
print(*designs.messages, sep="\n")
worst = float((designs.values["friction_coefficient"] / 0.08 - 1).abs().max())
print(f"largest relative error: {worst:.4f}")
show(designs.plot())

# %%
# Read the table
# --------------
# A row a design, with every property, and how far each constraint is from its limit.
for name, value in designs.table[0].items():
    print(f"{name}: {value}")

# %%
# What cannot be had
# ------------------
# A target out of reach is answered by the nearest that can be reached, and by the constraint that stops it.
too_much = sciadv.design("nanotexture-friction", {"friction_coefficient": 0.22}, 2)
print(too_much.messages[0])


# %%
# A model of your own: the front of two wishes
# --------------------------------------------
# The same verb takes a model of a few lines. A cantilever is to be light and stiff, which cannot be had
# together; the front holds the designs that no other one beats in both. `scatter` says how exactly a
# variable is made.
class Cantilever:
    variables = (
        sciadv.Variable("width", "m", 0.02, 0.1, is_log=True, scatter=0.01),
        sciadv.Variable("height", "m", 0.02, 0.2, is_log=True, scatter=0.01),
    )
    properties = {"deflection": "m", "mass": "kg"}

    def predict(self, width, height):
        return {"deflection": 1000 / (3 * 210e9 * width * height**3 / 12), "mass": 7850 * width * height}


front = sciadv.design(Cantilever(), {"mass": "minimise", "deflection": "minimise"}, 16).pareto()
print(f"designs on the front: {len(front.x)}")

# %%
# Yield
# -----
# Of a design at the edge of a limit half of the parts fail. With a yield in the target the search stays
# inside.
safe = sciadv.design(Cantilever(), {"deflection": "<= 1 mm", "mass": "<= 20 kg", "yield": ">= 0.95"}, 4)
print(*safe.messages, sep="\n")
figure, axis = plt.subplots(figsize=(5, 3.4), layout="constrained")
axis.loglog(front.values["mass"], 1000 * front.values["deflection"], "o", label="front")
axis.loglog(safe.values["mass"], 1000 * safe.values["deflection"], "s", label="95 % of parts below 1 mm")
axis.axhline(1.0, color="0.6", linewidth=0.8)
axis.set(xlabel="mass [kg]", ylabel="deflection [mm]")
axis.legend()
plt.show()

# %%
# When not to
# -----------
# This texture has two variables: a table of the friction over both is as right and quicker, as its README
# says. The search pays where a table cannot be made: thirty films of a coating, circuits, amplifiers.
