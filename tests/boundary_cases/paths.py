"""What is no path, at every entry that reads or writes at one."""

from collections.abc import Callable

import torch

from boundary_cases.corrections import fitted
from boundary_cases.small_objects import Refused, problem
from boundary_cases.trainings import game
from sciadv import BatchCorrector, Prior, load_problem, solve
from sciadv.catalogue import load_recipe
from sciadv.data.moments import Moments, Residual, moments_of
from sciadv.metrics.classifier import load_classifier, save_classifier
from sciadv.nets import ConvClassifier, MLPDecoder
from sciadv.prior import sha256
from sciadv.recipes import train_recipe
from sciadv.trainings.log import save_grid


def saved_prior() -> Prior:
    return Prior(MLPDecoder(n_latent=2, image_shape=[1, 4, 4], hidden=[4]), 2)


def moments() -> Moments:
    return moments_of(torch.rand(9, 1, 2, 2, generator=torch.Generator().manual_seed(0)))


#: What reads or writes at a path that the caller gives.
TAKE_PATHS: dict[str, Callable[[object], object]] = {
    "Prior.load": Prior.load,
    "Prior.save": lambda path: saved_prior().save(path),
    "sha256": sha256,
    "Solution.save": lambda path: solve(problem(), "levenberg-marquardt", restarts=1).save(path),
    "BatchCorrector.load": BatchCorrector.load,
    "BatchCorrector.save": lambda path: fitted().save(path),
    "Game.load": lambda path: game().load(path),
    "Game.save": lambda path: game().save(path),
    "Moments.load": Moments.load,
    "Moments.save": lambda path: moments().save(path),
    "Residual.load": Residual.load,
    "Residual.save": lambda path: Residual(moments(), moments(), torch.rand(2, 1, 2, 2)).save(path),
    "load_classifier": load_classifier,
    "save_classifier": lambda path: save_classifier(
        ConvClassifier(image_shape=[1, 8, 8], n_classes=2, channels=2), path
    ),
    "load_problem": load_problem,
    "load_recipe": load_recipe,
    "train_recipe": lambda path: train_recipe(load_recipe("mnist"), path),
    "save_grid": lambda path: save_grid(torch.zeros(2, 1, 4, 4), path),
}

#: What is no path.
NO_PATHS = {
    "None": None,
    "a number": 3,
    "bytes": b"folder",
    "a list": ["folder"],
    "nothing": "",
    "a null byte": "./a\0b",
    "too long": "./" + "a" * 5000,
    "too long a name": "./" + "a" * 300,
    "nobody's": "~nobody-of-this-name/x",
}

REFUSED: Refused = {
    f"{function} of {what}": (lambda call=call, path=path: call(path), ".*(must be a|is no path)")
    for function, call in TAKE_PATHS.items()
    for what, path in NO_PATHS.items()
}
