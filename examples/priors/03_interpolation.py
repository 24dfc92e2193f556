r"""
Interpolation, and the direction of an attribute
================================================

Between two images lie the images of the latents on the great circle between theirs. The difference of
the mean latents of images with and without an attribute, here eights and threes, is a direction that
gives it (A. Radford et al., *Unsupervised representation learning with deep convolutional GANs*, ICLR
2016).

**What to see:** a three that becomes an eight; and threes before and after one and a half steps along
the direction.

**The number:** more than half of the threes are read as an eight after the step, next to none before.
"""

import torch

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.drawing.panels import PanelRow, draw_rows
from sciadv.files.folders import find_entry
from sciadv.metrics import load_classifier

prior = sciadv.Prior.load("mnist-vae")
classifier = load_classifier(find_entry("priors", "mnist"))
z = prior.sample_latent(400, seed=0)
with torch.no_grad():
    kind = classifier(prior(z)).argmax(1)
    threes, eights = z[kind == 3], z[kind == 8]
    step = prior.direction(eights, threes)
    path = prior.interpolate(threes[0], eights[0], n=8)
    before, after = prior(threes), prior(threes + 1.5 * step)
    share = float((classifier(after).argmax(1) == 8).float().mean())
    print(f"share of threes read as 8 after the step: {share:.2f}")

rows = {"path": path, "threes": before[:8], "+ step": after[:8]}
panels = [PanelRow(name, x.numpy(), "image") for name, x in rows.items()]
show(draw_rows(panels, titles=[""] * 8, heading="from a three to an eight"))
