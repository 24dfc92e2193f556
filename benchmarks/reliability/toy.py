"""Tiny parts with which every entry works: a prior, an operator, a problem, cells, a game."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sciadv import Gaussian, Prior, Problem
from sciadv.data.moments import Moments, moments_of
from sciadv.nets import MLPDecoder, MLPEncoder

IMAGE = (1, 4, 4)
N_LATENT, N_DATA, N_PROBLEMS = 3, 8, 2


def seeded(make: Any) -> Any:
    """Make a network whose weights depend on nothing but a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # forked: the only way to seed torch's initialisers
        return make()


def decoder() -> nn.Module:
    """Make a generator of 4 x 4 images."""
    net: nn.Module = seeded(lambda: MLPDecoder(n_latent=N_LATENT, image_shape=list(IMAGE), hidden=[8]))
    return net


def encoder() -> nn.Module:
    """Make its encoder."""
    net: nn.Module = seeded(lambda: MLPEncoder(n_latent=N_LATENT, image_shape=list(IMAGE), hidden=[8]))
    return net


def moments() -> Moments:
    """Make moments of a training set of 4 x 4 images."""
    samples = torch.rand(64, *IMAGE, generator=torch.Generator().manual_seed(0))
    return moments_of(samples)


def prior(**changed: Any) -> Prior:
    """Make a prior; keywords replace its parts."""
    return Prior(**{"generator": decoder(), "latent_shape": N_LATENT, **changed})


def matrix() -> torch.Tensor:
    """Make an operator of 8 data."""
    return torch.randn(N_DATA, 16, generator=torch.Generator().manual_seed(1)) / 4


def measurements() -> torch.Tensor:
    """Make the data of two candidates of the prior."""
    return prior().sample(N_PROBLEMS, seed=2).flatten(1) @ matrix().T


def problem_parts(**changed: Any) -> dict[str, Any]:
    """Return what a problem is made of."""
    parts = {
        "prior": prior(),
        "forward": matrix(),
        "likelihood": Gaussian(0.05),
        "measurements": measurements(),
    }
    return parts | changed


def problem(**changed: Any) -> Problem:
    """Make a problem of two measurements; keywords replace its parts."""
    return Problem(**problem_parts(**changed))


def save_prior(folder: Path) -> Path:
    """Write a prior with an encoder and moments to a folder."""
    prior(encoder=encoder(), moments=moments()).save(folder)
    return folder


PROBLEM_TOML = """\
title = "A tiny problem"
prior = "./prior"
latent_weight = 1.0

[forward]
kind = "matrix"
matrix = "matrix.npy"

[likelihood]
kind = "gaussian"
sigma = 0.05

[measurements]
kind = "file"
path = "y.npy"

[solver]
kind = "levenberg-marquardt"
restarts = 2
"""


def save_problem(folder: Path, text: str = PROBLEM_TOML) -> Path:
    """Write a problem's folder, and return its TOML file."""
    folder.mkdir(parents=True, exist_ok=True)
    save_prior(folder / "prior")
    np.save(folder / "matrix.npy", matrix().numpy())
    np.save(folder / "y.npy", measurements().numpy())
    file = folder / "problem.toml"
    file.write_text(text, encoding="utf-8")
    return file


def cells(n: int = 60, n_genes: int = 12) -> dict[str, Any]:
    """Make counts of cells in two batches."""
    from sciadv.domains.batch_correction import simulate_counts

    drawn = simulate_counts(n, n_genes, n_batches=2, n_types=2, seed=0)
    return {"data": drawn.counts, "batch": drawn.batch}


def save_cells(path: Path, n: int = 60, n_genes: int = 12) -> Path:
    """Write cells of two batches as an ``.h5ad`` file."""
    import anndata
    import pandas

    made = cells(n, n_genes)
    adata = anndata.AnnData(
        np.asarray(made["data"], np.float32),
        obs=pandas.DataFrame({"batch": made["batch"]}, index=[f"c{i}" for i in range(n)]),
    )
    adata.write_h5ad(path)
    return path


def players() -> dict[str, Any]:
    """Make the players of a game on points in the plane."""
    return {
        "generator": seeded(lambda: nn.Linear(3, 2)),
        "discriminator": seeded(lambda: nn.Linear(2, 1)),
        "n_latent": 3,
        "batch": 8,
    }


@functools.cache
def points() -> torch.Tensor:
    """Make the game's data."""
    return torch.randn(32, 2, generator=torch.Generator().manual_seed(0))
