r"""
Progressive growing
===================

A generator and a discriminator begin at 7 x 7 pixels and grow to 14 x 14 and 28 x 28; each resolution is
faded in, :math:`(1 - a)\, \mathrm{up}(x_{k-1}) + a\, x_k`, and a step at a coarse one costs less. The rival
is the same pair of networks at full resolution from the start, in as much processor time.

**What to see:** garments by both, for the same latents.

**The number:** Frechet distances to held-out garments in principal components, that of real garments
beside, and the steps of each.

T. Karras et al., *Progressive growing of GANs for improved quality, stability, and variation*, ICLR 2018.
"""

# %%
import sys
import time

from sciadv.drawing.example_pages import show
from sciadv.drawing.panels import PanelRow, draw_rows
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.recipes.images.sample_quality import compare_images
from sciadv.trainings.game.game import Game

seconds = 4 if "--quick" in sys.argv else 240  # of each training
residual = Prior.load("fashion").residual
assert residual is not None
train, held_out = residual.reference[:700], residual.reference[700:]


# %%
# A training, by its processor time
def trained(*, grows: bool) -> tuple[Prior, int]:
    size = {"image_shape": [1, 28, 28], "channels": 16, "halvings": 2}
    G = build_seeded({"kind": "growing-generator", "n_latent": 16, **size}, 0)
    D = build_seeded({"kind": "growing-discriminator", **size}, 1)
    game = Game(G, D, n_latent=16, batch=32, seed=0)
    start = time.process_time()
    while (spent := (time.process_time() - start) / seconds) < 1:
        stage, share = divmod(3 * spent, 1)  # of three; a half of the later ones fades in their resolution
        for net in (G, D):
            net.grow_to(max(0, stage - max(0, 1 - 2 * share)) if grows else 2)
        game.step(train)
    for net in (G, D):
        net.grow_to(2.0)
    game.step(train)
    return game.prior(name="grown" if grows else "whole"), game.n_done


# %%
# Both, and their distances
rows = [PanelRow("held out", held_out[:6].numpy(), "image")]
for grows, name in ((True, "growing"), (False, "whole from the start")):
    prior, n_steps = trained(grows=grows)
    found = compare_images(prior, train, held_out)
    print(f"{name}, steps: {n_steps}")
    print(f"{name}, Frechet distance: {found['pca_frechet']}")
    rows.append(PanelRow(name, prior.sample(6, seed=1).numpy(), "image"))
print(f"real garments, Frechet distance: {found['pca_frechet_floor']}")
show(draw_rows(rows, titles=[""] * 6, heading="garments, the same latents in a column"))
