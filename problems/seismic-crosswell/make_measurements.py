"""Make crosswell.npz: traces of two draws from the prior and of two crops that it was not trained on.

Run with ``SCIADV_DATA`` set to a folder with the training image of `sciadv.data.datasets` "channels", whose
test columns the crops are cut from; the noise is that of problem.toml.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sciadv import Prior
from sciadv.data.datasets import load_images
from sciadv.forward import AcousticCrosswell

SIGMA, SEED, FIRST_CROP = 0.05, 20, 700


def main() -> None:
    """Write the file beside this one."""
    generator = torch.Generator().manual_seed(SEED)
    prior = Prior.load("channels")
    draws = prior(prior.sample_latent(2, seed=generator))  # of N(0, I), not of its sampler
    crops = torch.from_numpy(load_images("channels", "test").images[FIRST_CROP : FIRST_CROP + 2, None] / 255)
    truth = torch.cat([draws, crops.float()])
    with torch.no_grad():
        clean = AcousticCrosswell()(truth)
    y = clean + SIGMA * torch.randn(clean.shape, generator=generator)
    path = Path(__file__).with_name("crosswell.npz")
    np.savez_compressed(
        path, y=y.numpy().astype(np.float16), truth=truth.numpy().astype(np.float16).astype(np.float32)
    )


if __name__ == "__main__":
    main()
