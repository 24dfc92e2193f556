r"""
Textures for a friction that is asked for
=========================================

A surface :math:`A \cos(2 \pi x / \lambda)` slides under the nominal pressure p. Its friction is

.. math:: \mu = \tau_0 f / p + \beta U / (p \lambda),

with the contact fraction f from Johnson's adhesive contact and the elastic energy U. Asked for are
amplitude and wavelength of a given friction whose contact pressure stays below the hardness and whose
slope below 0.2. The generator was trained on this physics alone, without data; the search is that of
every other problem: latents that explain a measurement, here the target, and keep the constraints.

**What to see:** designs over the map of the friction.

**The number:** the largest relative error of the designs is below 1 %.
"""

# %%
# What is asked for
import sys

import sciadv
from sciadv.drawing.example_pages import show

quick = "--quick" in sys.argv  # seconds instead of minutes
target = 0.08

# %%
# Designs: x in metres, every property of each, and how far each constraint is from its limit
designs = sciadv.design("nanotexture-friction", target={"friction_coefficient": target}, n=5 if quick else 20)
for sentence in designs.messages:
    print(sentence)

# %%
# A target that no texture has: the nearest one, and why
too_much = sciadv.design("nanotexture-friction", target={"friction_coefficient": 0.22}, n=1)
print(too_much.messages[0])

# %%
# One figure and one number
show(designs.plot())
worst = float((designs.values["friction_coefficient"] / target - 1).abs().max())
print(f"largest error of {len(designs)} designs: {worst:.2%}")
