"""A small recipe of every kind, for tests that go over all of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sciadv.data.media import has_medium

_IMAGES = """
title = "Small digits"
[data]
name = "digits-8"
"""
_GAN = (
    _IMAGES
    + """
[generator]
kind = "dcgan-generator"
n_latent = 4
channels = 4
[discriminator]
kind = "residual-discriminator"
channels = 4
[game]
steps = 8
batch = 16
"""
)
_ENCODER = """
[encoder]
kind = "conv-encoder"
channels = 4
[inversion]
steps = 4
"""

#: A recipe of each kind that ends in its table of the game.
SMALL_RECIPES = {
    "prior": _IMAGES
    + """
[generator]
kind = "conv-decoder"
n_latent = 4
channels = 4
[encoder]
kind = "conv-encoder"
channels = 4
[discriminator]
kind = "conv-discriminator"
channels = 4
[schedule]
elbo_steps = 2
game_steps = 5
estimate_steps = 2
smoothness = 1e-4
penalty_every = 2
batch = 16
[game]
""",
    "gan": 'kind = "gan"' + _GAN,
    "safe": 'kind = "safe"' + _GAN.replace("[game]", _ENCODER + "[game]"),
    "design": """
kind = "design"
title = "Nanotextures"
problem = "nanotexture-friction"
[generator]
kind = "design-decoder"
n_latent = 3
lower = [2e-9, 2e-7]
upper = [2e-7, 1e-5]
targets = [[0.047, 0.202]]
hidden = [8]
[schedule]
steps = 8
targets = 4
n_measured = 50
[game]
""",
    "correction": """
kind = "correction"
title = "Simulated cells"
[data]
kind = "simulated"
n_cells = 90
n_genes = 20
[settings]
n_components = 10
n_latent = 4
n_hidden = 16
least_steps = 8
epochs = 1
minibatch = 32
[game]
""",
    "spatial": """
kind = "spatial"
title = "Discs"
[data]
name = "discs"
patch = [20, 20]
patches = 64
tested = 4
[generator]
kind = "spatial-decoder"
maps = 2
channels = 2
halvings = 2
[encoder]
kind = "spatial-encoder"
maps = 2
channels = 2
halvings = 2
[discriminator]
kind = "patch-discriminator"
channels = 2
halvings = 2
[measure]
sides = [24, 24]
samples = 4
longest = 4
[schedule]
elbo_steps = 2
game_steps = 6
penalty_every = 2
batch = 16
[game]
""",
    "circuits": """
kind = "circuits"
title = "Gene circuits"
[data]
n_draws = 500
sizes = [3]
[generator]
kind = "circuit-generator"
n_node = 4
width = 8
[discriminator]
kind = "circuit-discriminator"
width = 8
[feedback]
share = 0.2
capacity = 16
[game]
steps = 8
batch = 8
""",
}

#: A recipe of each kind without a game.
TAUGHT_RECIPES = {
    "beams": """
kind = "beams"
title = "Half beams"
[generator]
kind = "beam-decoder"
height = 4
width = 8
channels = 2
[schedule]
designs = 3
criteria_steps = 2
steps = 4
batch = 2
""",
    "asked-circuits": """
kind = "asked-circuits"
title = "Circuits with an asked period"
prior = "gene-circuits"
measured = 2
[schedule]
steps = 5
first = 20
draws = 4
mutants = 4
n_near = 2
fitted = 2
n_confirmed = 2
n_scored = 3
niches = 2
fits = 2
batch = 8
""",
    "cells": """
kind = "cells"
title = "Cells"
prior = "pores"
batch = 2
[data]
name = "berea"
patch = [32, 32]
patches = 12
tested = 4
""",
}


def needs_data(kind: str) -> None:
    """Skip a test of a kind of recipe whose data are not here."""
    root = Path(os.environ.get("SCIADV_DATA", "nowhere"))
    if kind == "circuits" and not (root / "circuits").is_dir():
        pytest.skip("real regulatory networks are not under SCIADV_DATA")
    if kind == "cells" and not has_medium("berea"):
        pytest.skip("the medium 'berea' is not under SCIADV_DATA")
