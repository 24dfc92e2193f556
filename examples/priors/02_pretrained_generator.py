r"""
Somebody else's generator, in z, w or w+
========================================

A style-type generator maps z to w, and w, once a layer, to an image. It was trained elsewhere, and what
it takes has names and shapes of its own; `Prior.from_module` finds out what, and searches in z, in w, or
in one w a layer (w+).

**What to see:** an image whose layers have different styles, which no z gives, and what each space makes
of it.

**The number:** the misfit falls from z to w+, where it is near zero.
"""

import torch

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.drawing.panels import PanelRow, draw_rows
from sciadv.nets import build_seeded

spec = {"kind": "style-generator", "n_latent": 4, "image_shape": [1, 16, 16], "channels": 8, "n_style": 6}
generator = build_seeded(spec, 1).eval()
priors = {space: sciadv.Prior.from_module(generator, space=space, n_draws=500) for space in ("z", "w", "w+")}
print(priors["w+"].card["adapter"])

# %%
# One target, three spaces
target = priors["w+"].sample(1, seed=2)
identity = torch.eye(256)
panels = {"target": target}
for space, prior in priors.items():
    problem = sciadv.Problem(prior, identity, sciadv.Gaussian(sigma=0.005), target.flatten(1), 0.01)
    solution = sciadv.solve(problem, "levenberg-marquardt", restarts=4, diagnose=None)
    panels[space] = solution.x
    print(f"misfit in {space} ({prior.n_latent} latents) [sigma]: {float(solution.misfit[0]):.3f}")

rows = [PanelRow(name, x.numpy(), "image") for name, x in panels.items()]
show(draw_rows(rows, titles=[""], heading="one image, searched for in three spaces"))
