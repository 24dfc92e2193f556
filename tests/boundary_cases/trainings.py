"""Values of games and trainings of priors."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from boundary_cases.small_objects import NAN, Refused, Taken, fails
from sciadv import Game
from sciadv.catalogue import load_recipe
from sciadv.recipes import train_recipe


def game(**changed: object) -> Game:
    given = {"generator": nn.Linear(2, 2), "discriminator": nn.Linear(2, 1), "n_latent": 2, "batch": 4}
    return Game(**{**given, **changed})


def played(data: object, **changed: object) -> Callable[[], object]:
    return lambda: game(**changed).fit(data, steps=1)


def train_into_device() -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "checkpoint.safetensors").symlink_to("/dev/zero")
        train_recipe(load_recipe("nanotexture"), folder, resume=True)


TAKEN: Taken = {
    "one learning rate 0": lambda: game(learning_rate=(0.0, 1e-3)),
    "a map of scores": played(
        torch.rand(8, 2), discriminator=nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))
    ),
}

REFUSED: Refused = {
    "penalties a number": (lambda: game(penalties=3), "penalties are a list of names or objects, but"),
    "penalties a table": (lambda: game(penalties={"r1": 1}), "penalties are a list of names or objects, but"),
    "penalties text": (lambda: game(penalties="r1"), "penalties are a list of names or objects, but"),
    "augment a number": (lambda: game(augment=3), "augment must be the name of an augmentation"),
    "augment a class": (lambda: game(augment=int), "augment must be the name of an augmentation"),
    "learning rate 0": (lambda: game(learning_rate=0.0), "learning_rate must be a finite number > 0"),
    "latents huge": (lambda: game(n_latent=(10**9, 10**9)), "4 latents of shape .* would take about"),
    "resume text": (lambda: game().fit(torch.rand(8, 2), steps=1, resume="no"), "resume must be True"),
    "checkpoint a device": (
        lambda: game().fit(torch.rand(8, 2), steps=1, checkpoint="/dev/zero"),
        "/dev/zero is a folder or a device",
    ),
    "samples sparse": (played(torch.rand(8, 2).to_sparse()), "samples must be a dense tensor"),
    "samples without values": (played(torch.zeros(8, 2, device="meta")), "samples must be a dense tensor"),
    "samples NaN": (played(torch.full((8, 2), NAN)), "samples hold 16 NaN or Inf of 16 numbers"),
    "a sampler of NaN": (played(lambda n, _: torch.full((n, 2), NAN)), "the first samples hold NaN"),
    "a sampler of nothing": (played(lambda n, _: None), "the sampler must give 4 samples"),
    "a sampler of too few": (played(lambda n, _: torch.zeros(n - 1, 2)), "the sampler must give 4 samples"),
    "a sampler that fails": (played(fails), "the sampler fails on .*ZeroDivisionError"),
    "a sampler without arguments": (played(lambda: None), "the sampler fails on .*TypeError"),
    "many scores of a sample": (
        played(torch.rand(8, 2), discriminator=nn.Linear(2, 7)),
        "the discriminator gives 7 numbers for each sample",
    ),
    "recipe's checkpoint a device": (train_into_device, ".*is a folder or a device"),
}
