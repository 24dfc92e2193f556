"""Values that Python entries refuse or take, run by ``python boundary_cases.py`` without a type checker.

Prints, as JSON, what each case gave: "" where it was taken, else the error's class and sentence.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn

from sciadv import (
    BatchCorrector,
    Constraint,
    Game,
    Gaussian,
    Poisson,
    Prior,
    Problem,
    StudentT,
    Tolerance,
    design,
    load_problem,
    solve,
)
from sciadv.catalogue import load_recipe
from sciadv.data.moments import Moments, Residual, moments_of
from sciadv.domains.batch_correction import simulate_counts
from sciadv.errors import SciadvError
from sciadv.forward import Blur, Matrix, ParallelBeam, as_forward
from sciadv.metrics.classifier import load_classifier, save_classifier
from sciadv.nets import ConvClassifier, MLPDecoder
from sciadv.prior import sha256
from sciadv.recipes import train_recipe
from sciadv.solvers import Laplace, LevenbergMarquardt, SequentialMonteCarlo
from sciadv.trainings.log import save_grid

NET = nn.Sequential(nn.Linear(4, 24), nn.Unflatten(1, (1, 4, 6)))
MATRIX = torch.ones(12, 24).tril() / 24
Y = torch.zeros(2, 12)
NAN, INF = float("nan"), float("inf")


class Of(nn.Module):
    """A generator of what a function makes of the images of a linear one."""

    def __init__(self, change: Callable[..., object]) -> None:
        super().__init__()
        self.net, self.change = NET, change

    def forward(self, z):
        return self.change(self.net(z))


def problem(**changed: object) -> Problem:
    given = {"prior": Prior(NET, 4), "forward": MATRIX, "likelihood": Gaussian(0.1), "measurements": Y}
    return Problem(**{**given, **changed})


def of(change: Callable[..., object]) -> Callable[[], Problem]:
    return lambda: problem(prior=Prior(Of(change), 4))


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = NET

    def forward(self, z):
        return self.net(z.mul_(2))


def saved_prior() -> Prior:
    return Prior(MLPDecoder(n_latent=2, image_shape=[1, 4, 4], hidden=[4]), 2)


def game(**changed: object) -> Game:
    given = {"generator": nn.Linear(2, 2), "discriminator": nn.Linear(2, 1), "n_latent": 2, "batch": 4}
    return Game(**{**given, **changed})


def played(data: object, **changed: object) -> Callable[[], object]:
    return lambda: game(**changed).fit(data, steps=1)


def fails(*_: object) -> None:
    raise ZeroDivisionError("a mistake of the caller's")


CELLS = simulate_counts(40, 8, n_batches=2, n_types=2, seed=0)


def fitted() -> BatchCorrector:
    return BatchCorrector(method="linear").fit(CELLS.counts, batch=CELLS.batch)


def corrected(**changed: object) -> object:
    return BatchCorrector(method="linear").correct(CELLS.counts, **{"batch": CELLS.batch, **changed})


def moments() -> Moments:
    return moments_of(torch.rand(9, 1, 2, 2, generator=torch.Generator().manual_seed(0)))


def train_into_device() -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "checkpoint.safetensors").symlink_to("/dev/zero")
        train_recipe(load_recipe("nanotexture"), folder, resume=True)


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

#: What is taken.
TAKEN: dict[str, Callable[[], object]] = {
    "sigma is a NumPy number": lambda: Gaussian(np.float32(0.1)),
    "sigma is a torch number": lambda: Gaussian(torch.tensor(0.1)),
    "sigma is an array": lambda: problem(likelihood=Gaussian(np.full(12, 0.1))),
    "sigma is a list": lambda: problem(likelihood=StudentT([0.1] * 12)),
    "sigma is an integer": lambda: Gaussian(1),
    "measurements are a list": lambda: problem(measurements=Y.tolist()),
    "measurements are big-endian": lambda: problem(measurements=Y.numpy().astype(">f8")),
    "latent_weight is a NumPy number": lambda: problem(latent_weight=np.int64(2)),
    "latent_shape is NumPy numbers": lambda: problem(prior=Prior(NET, (np.int64(4),))),
    "truth is an array": lambda: problem(truth=np.zeros((2, 1, 4, 6))),
    "labels are an array": lambda: problem(labels=np.array([1, 2])),
    "n is a NumPy number": lambda: Prior(NET, 4).sample(np.int64(3), seed=np.int64(1)),
    "seed is a torch number": lambda: Prior(NET, 4).sample(3, seed=torch.tensor(1)),
    "restarts and seed are NumPy and torch numbers": lambda: solve(
        problem(), "levenberg-marquardt", restarts=np.int64(3), seed=torch.tensor(1)
    ),
    "the largest seed": lambda: solve(problem(), "levenberg-marquardt", restarts=2, seed=2**63 - 1),
    "an index is an array": lambda: problem().subset(np.array([0])),
    "at_most is a NumPy number": lambda: Constraint("c", Matrix(MATRIX, (1, 4, 6)), np.float32(1)),
    "the largest seed of a corrector": lambda: BatchCorrector(method="linear", seed=2**63 - 1).fit(
        CELLS.counts, batch=CELLS.batch
    ),
    "one learning rate 0": lambda: game(learning_rate=(0.0, 1e-3)),
    "a map of scores": played(
        torch.zeros(8, 2), discriminator=nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (1, 2, 2)))
    ),
    "a matrix of lists": lambda: Matrix([[1.0, 2.0]]),
    "big-endian kernels": lambda: Blur((1, 4, 4), np.ones((3, 3), ">f4")),
    "Dropout and BatchNorm": lambda: problem(
        prior=Prior(nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), *NET).train(), 4)
    ),
}

#: What is refused, and words of the sentence.
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "sigma True": (lambda: Gaussian(True), "sigma must be a finite number > 0"),
    "sigma NaN": (lambda: Gaussian(NAN), "sigma must be a finite number > 0"),
    "sigma inf": (lambda: Gaussian(INF), "sigma must be a finite number > 0"),
    "sigma text": (lambda: Gaussian("0.1"), "sigma must be a finite number > 0"),
    "sigma dict": (lambda: Gaussian({}), "sigma must be a finite number > 0"),
    "sigma complex": (lambda: Gaussian(1j), "sigma must be a finite number > 0"),
    "sigma of no values": (lambda: Gaussian(torch.zeros(0)), "sigma must be finite numbers > 0"),
    "sigma of booleans": (lambda: Gaussian([True, True]), "sigma must be finite numbers > 0"),
    "sigma with a NaN": (lambda: Gaussian([0.1, NAN]), "sigma must be finite numbers > 0"),
    "sigma of texts": (lambda: Gaussian(["a"]), "sigma must be an array of numbers"),
    "Student's sigma 0": (lambda: StudentT(0), "sigma must be a finite number > 0"),
    "freedom text": (lambda: StudentT(1.0, freedom="4"), "freedom must be a finite number > 0"),
    "background NaN": (lambda: Poisson(NAN), "background must be a finite number >= 0"),
    "background True": (lambda: Poisson(True), "background must be a finite number >= 0"),
    "floor 0": (lambda: Poisson(floor=0), "floor must be a finite number > 0"),
    "softness 2": (lambda: Tolerance(1.0, softness=2), "softness must be a finite number > 0 and <= 1"),
    "is_relative text": (lambda: Tolerance(1.0, is_relative="no"), "is_relative must be True or False"),
    "sigma too long": (lambda: problem(likelihood=Gaussian(torch.ones(13))), "sigma has shape"),
    "sigma a row per measurement": (
        lambda: problem(likelihood=Gaussian(torch.ones(2, 12))),
        "sigma has shape",
    ),
    "Student's sigma too long": (lambda: problem(likelihood=StudentT(torch.ones(13))), "sigma has shape"),
    "width too long": (lambda: problem(likelihood=Tolerance(torch.ones(13))), "width has shape"),
    "negative counts": (
        lambda: problem(likelihood=Poisson(), measurements=Y - 1),
        "Poisson noise gives counts",
    ),
    "latent_weight inf": (lambda: problem(latent_weight=INF), "latent_weight must be a finite number >= 0"),
    "latent_weight NaN": (lambda: problem(latent_weight=NAN), "latent_weight must be a finite number >= 0"),
    "latent_weight True": (lambda: problem(latent_weight=True), "latent_weight must be a finite number"),
    "prior None": (lambda: problem(prior=None), "prior must be a Prior, but it is None"),
    "likelihood 0.1": (lambda: problem(likelihood=0.1), "likelihood must be a Likelihood"),
    "name None": (lambda: problem(name=None), "name must be text"),
    "constraints text": (lambda: problem(constraints="ink"), "constraints must be a list of Constraint"),
    "constraints of text": (lambda: problem(constraints=["ink"]), "each of constraints must be a Constraint"),
    "constraints None": (lambda: problem(constraints=None), "constraints must be a list of Constraint"),
    "solver text": (lambda: problem(solver="auto"), "solver must be SolverSettings"),
    "measurements None": (lambda: problem(measurements=None), "measurements must be an array of numbers"),
    "measurements masked": (
        lambda: problem(measurements=np.ma.masked_less(Y.numpy(), 1)),
        "measurements must be an array",
    ),
    "measurements beyond float32": (
        lambda: problem(measurements=np.full((2, 12), 1e300)),
        "measurements reach 1e\\+300, more than torch.float32",
    ),
    "truth of another shape": (lambda: problem(truth=torch.zeros(2, 4, 6)), "truth has shape"),
    "truth NaN": (lambda: problem(truth=torch.full((2, 1, 4, 6), NAN)), "truth hold 48 NaN or Inf"),
    "truth beyond float32": (
        lambda: problem(truth=np.full((2, 1, 4, 6), 1e300)),
        "truth reach 1e\\+300, more than torch.float32",
    ),
    "generator gives no numbers": (of(lambda x: x[:, :0]), "candidates without a number"),
    "truth text": (lambda: problem(truth="x"), "truth must be an array of numbers"),
    "labels of two axes": (lambda: problem(labels=torch.zeros(2, 2)), "labels must be one number each"),
    "labels text": (lambda: problem(labels=["a", "b"]), "labels must be an array of numbers"),
    "index out of range": (lambda: problem().subset([2]), "index must be a slice"),
    "index text": (lambda: problem().subset("0"), "index must be a slice"),
    "index of halves": (lambda: problem().subset([0.5]), "index must be a slice"),
    "index of nothing": (lambda: problem().subset(slice(5, 9)), "index must be a slice"),
    "at_most text": (
        lambda: Constraint("c", Matrix(MATRIX, (1, 4, 6)), "1"),
        "at_most of constraint 'c' must be",
    ),
    "scale 0": (
        lambda: Constraint("c", Matrix(MATRIX, (1, 4, 6)), 1.0, scale=0),
        "scale of constraint 'c' must be",
    ),
    "forward of a constraint None": (lambda: Constraint("c", None, 1.0), "forward of constraint 'c' must be"),
    "generator None": (lambda: Prior(None, 4), "the generator of prior 'custom' must be a torch.nn.Module"),
    "encoder text": (
        lambda: Prior(NET, 4, "e"),
        "the encoder of prior 'custom' must be a torch.nn.Module or None",
    ),
    "moments list": (lambda: Prior(NET, 4, moments=[]), "moments of prior 'custom' must be Moments"),
    "latent_shape 0": (lambda: Prior(NET, 0), "latent_shape must be a whole number, at least 1"),
    "latent_shape None": (lambda: Prior(NET, None), "latent_shape must be a shape"),
    "latent_shape half": (lambda: Prior(NET, (4, 0.5)), "each size in latent_shape must be a whole number"),
    "latent_shape huge": (lambda: Prior(NET, 10**17).out_shape, "latents of shape 10+ would take about"),
    "draws huge": (
        lambda: Prior(NET, 4).sample(10**12, seed=0),
        "10+ draws of prior 'custom' would take about",
    ),
    "draws 0": (lambda: Prior(NET, 4).sample(0, seed=0), "n must be a whole number, at least 1"),
    "seed negative": (lambda: Prior(NET, 4).sample(1, seed=-1), "seed must be a whole number from 0"),
    "encode text": (lambda: Prior(NET, 4, nn.Flatten()).encode("x"), "x to encode must be an array"),
    "encode another shape": (
        lambda: Prior(NET, 4, nn.Flatten()).encode(torch.zeros(1, 3)),
        "x to encode has shape",
    ),
    "encode NaN": (
        lambda: Prior(NET, 4, nn.Flatten()).encode(torch.full((1, 1, 4, 6), NAN)),
        "x to encode has NaN",
    ),
    "encoder of another length": (
        lambda: Prior(NET, 4, nn.Flatten()).encode(torch.zeros(1, 1, 4, 6)),
        "the encoder of prior 'custom' gives",
    ),
    "generator gives a tuple": (of(lambda x: (x, x)), "gives a tuple where a tensor of candidates is needed"),
    "generator gives a list": (of(lambda x: [x]), "gives a list where a tensor"),
    "generator gives None": (of(lambda _: None), "gives None where a tensor"),
    "generator gives integers": (
        of(lambda x: x.long()),
        "gives torch.int64, but candidates are floating-point",
    ),
    "generator gives doubles": (of(lambda x: x.double()), "gives torch.float64 for latents of torch.float32"),
    "generator draws noise": (of(lambda x: x + torch.randn_like(x)), "it draws noise of its own"),
    "generator gives NaN": (of(lambda x: x * NAN), "gives NaN or Inf for 3 of 3 latents"),
    "generator gives Inf": (of(lambda x: x / 0), "gives NaN or Inf for 3 of 3 latents"),
    "generator mixes the batch": (of(lambda x: x - x.mean(0)), "mixes the members of a batch"),
    "generator sorts the batch": (of(lambda x: x.sort(0).values), "mixes the members of a batch"),
    "generator normalises the batch": (
        of(lambda x: nn.functional.batch_norm(x, None, None, training=True)),
        "mixes the members of a batch",
    ),
    "generator gives one for all": (of(lambda x: x[:1]), "the first dimension must be the batch"),
    "generator changes shape with the batch": (of(lambda x: x[..., : 1 + len(x)]), "in a batch of 2, but of"),
    "generator writes into the latents": (
        lambda: problem(prior=Prior(Writes(), 4)),
        "writes into the latents",
    ),
    "generator is detached": (
        lambda: solve(of(lambda x: x.detach())(), "adam"),
        "cannot differentiate in the latent",
    ),
    "generator raises": (of(lambda x: x.reshape(7, 7)), "does not take latents of shape"),
    "restarts huge": (
        lambda: solve(problem(), "levenberg-marquardt", restarts=10**9),
        "10+ starts for each of 2 measurements would take about .* of memory, .*; lower the restarts",
    ),
    "restarts huge, by auto": (lambda: solve(problem(), restarts=10**7), "would take about"),
    "restarts beyond any number": (
        lambda: solve(problem(), restarts=10**30),
        "restarts must be a whole number",
    ),
    "restarts of a solver that is an object": (
        lambda: LevenbergMarquardt(restarts=10**9).solve(problem()),
        "10+ starts for each of 2 measurements would take about",
    ),
    "particles huge": (
        lambda: solve(problem(), SequentialMonteCarlo(n_particles=2 * 10**9)),
        "would take about",
    ),
    "draws of a posterior huge": (
        lambda: solve(problem(), Laplace(n_samples=2 * 10**9)),
        "20+ draws for each of 2",
    ),
    "restarts half": (lambda: solve(problem(), restarts=2.5), "restarts must be a whole number"),
    "restarts True": (lambda: solve(problem(), restarts=True), "restarts must be a whole number"),
    "restarts text": (lambda: solve(problem(), restarts="3"), "restarts must be a whole number"),
    "seed of a solve negative": (lambda: solve(problem(), seed=-1), "seed must be a whole number from 0"),
    "seed of a solve too large": (lambda: solve(problem(), seed=2**63), "seed must be a whole number from 0"),
    "seed of a solve None": (lambda: solve(problem(), seed=None), "seed must be a whole number from 0"),
    "problem None": (lambda: solve(None), "problem must be a Problem, a name or a path"),
    "problem a list": (lambda: solve([]), "problem must be a Problem, a name or a path"),
    "method a number": (lambda: solve(problem(), 3), "method must be a solver or the name of one"),
    "method a class": (
        lambda: solve(problem(), LevenbergMarquardt),
        "method must be a solver or the name of one",
    ),
    "monitor text": (lambda: solve(problem(), monitor="m"), "monitor must be a function"),
    "diagnose text": (lambda: solve(problem(), diagnose="all"), 'diagnose must be "full", "quick" or None'),
    "device a number": (lambda: solve(problem(), device=3), "device must be a name"),
    "name of a problem None": (lambda: load_problem(None), "name must be a name or a path"),
    "name of a problem a number": (lambda: load_problem(3), "name must be a name or a path"),
    "name of a problem too long": (lambda: load_problem("./" + "a" * 5000), "is no path"),
    "home of nobody": (lambda: load_problem("~nobody-of-this-name/x"), "is no path"),
    "seed of measurements negative": (
        lambda: load_problem("deblurring", seed=-1),
        "seed must be a whole number",
    ),
    "operator gives NaN": (lambda: as_forward(lambda x: (x - 2).log(), (1, 4, 6)), "gives NaN or Inf"),
    "operator gives NaN for a draw": (
        lambda: problem(
            forward=as_forward(lambda x: 1 / (1 + x).sqrt(), (1, 4, 6)),
            measurements=torch.zeros(2, 1, 4, 6),
            prior=Prior(Of(lambda x: x - 9), 4),
        ),
        "the operator gives NaN or Inf for a candidate",
    ),
}


REFUSED |= {
    f"{function} of {what}": (lambda call=call, path=path: call(path), ".*(must be a|is no path)")
    for function, call in TAKE_PATHS.items()
    for what, path in NO_PATHS.items()
}
REFUSED |= {
    "monitor of a design": (
        lambda: design("nanotexture-friction", n=1, monitor="m"),
        "monitor must be a function",
    ),
    "monitor of a correction": (lambda: corrected(monitor=3), "monitor must be a function"),
    "batches without an end": (lambda: corrected(batch=iter(int, 1)), "there are 41 batches for 40 cells"),
    "cells a class": (
        lambda: BatchCorrector(method="linear").correct(int, batch=iter("ab")),
        ".*expression",
    ),
    "labels without an end": (lambda: corrected(labels=iter(int, 1)), "there are 41 labels for 40 cells"),
    "penalties a number": (lambda: game(penalties=3), "penalties are a list of names or objects, but"),
    "penalties a table": (lambda: game(penalties={"r1": 1}), "penalties are a list of names or objects, but"),
    "penalties text": (lambda: game(penalties="r1"), "penalties are a list of names or objects, but"),
    "augment a number": (lambda: game(augment=3), "augment must be the name of an augmentation"),
    "augment a class": (lambda: game(augment=int), "augment must be the name of an augmentation"),
    "learning rate 0": (lambda: game(learning_rate=0.0), "learning_rate must be a finite number > 0"),
    "latents huge": (lambda: game(n_latent=(10**9, 10**9)), "4 latents of shape .* would take about"),
    "resume text": (lambda: game().fit(torch.zeros(8, 2), steps=1, resume="no"), "resume must be True"),
    "checkpoint a device": (
        lambda: game().fit(torch.zeros(8, 2), steps=1, checkpoint="/dev/zero"),
        "/dev/zero is a folder or a device",
    ),
    "samples sparse": (played(torch.zeros(8, 2).to_sparse()), "samples must be a dense tensor"),
    "samples without values": (played(torch.zeros(8, 2, device="meta")), "samples must be a dense tensor"),
    "samples NaN": (played(torch.full((8, 2), NAN)), "samples hold 16 NaN or Inf of 16 numbers"),
    "a sampler of NaN": (played(lambda n, _: torch.full((n, 2), NAN)), "the first samples hold NaN"),
    "a sampler of nothing": (played(lambda n, _: None), "the sampler must give 4 samples"),
    "a sampler of too few": (played(lambda n, _: torch.zeros(n - 1, 2)), "the sampler must give 4 samples"),
    "a sampler that fails": (played(fails), "the sampler fails on .*ZeroDivisionError"),
    "a sampler without arguments": (played(lambda: None), "the sampler fails on .*TypeError"),
    "many scores of a sample": (
        played(torch.zeros(8, 2), discriminator=nn.Linear(2, 7)),
        "the discriminator gives 7 numbers for each sample",
    ),
    "operator fails": (lambda: as_forward(fails, (1, 4, 6)), ".*ZeroDivisionError"),
    "generator fails": (of(fails), ".*a mistake of the caller's"),
    "matrix a number": (lambda: Matrix(3.0), "a matrix has shape"),
    "matrix beyond float32": (lambda: Matrix(np.full((2, 4), 1e300)), "the matrix's entries reach 1e\\+300"),
    "sparse matrix beyond float32": (
        lambda: Matrix(csr_array(np.full((2, 4), 1e300))),
        "the matrix's entries reach 1e\\+300",
    ),
    "kernel beyond float32": (lambda: Blur((1, 4, 4), np.full((2, 2), 1e300)), "the kernel's numbers reach"),
    "kernel complex": (lambda: Blur((1, 4, 4), np.full((2, 2), 1j)), "a kernel is a finite real array"),
    "recipe's checkpoint a device": (train_into_device, ".*is a folder or a device"),
}
REFUSED |= {
    f"adjoint gives {what}": (
        lambda adjoint=adjoint: as_forward(lambda x: x.flatten(1), (1, 4, 6), adjoint=adjoint),
        "the adjoint of function",
    )
    for what, adjoint in {
        "another shape": lambda y: y,
        "nothing": lambda y: None,
        "integers": lambda y: y.reshape(-1, 1, 4, 6).long(),
        "a failure": fails,
    }.items()
}
REFUSED |= {
    f"dtype of a prior {dtype}": (
        lambda dtype=dtype: Prior.load("digits-32", dtype=dtype),
        ".*dtype must be a floating-point dtype",
    )
    for dtype in (None, "float32", np.float32, torch.int32, torch.bool, torch.complex64, 3)
}
REFUSED |= {
    f"angles {angles!r}": (lambda angles=angles: ParallelBeam((1, 4, 4), angles), "angles")
    for angles in ("text", ["0"], b"0", [True], [1j], [NAN], [[0.0]], [], {}, torch.eye(2).to_sparse())
}
REFUSED |= {
    f"operator gives {what}": (
        lambda change=change: as_forward(change, (1, 4, 6)),
        "function .*gives .*predictions are dense floating-point numbers",
    )
    for what, change in {
        "integers": lambda x: x.long(),
        "rounded integers": lambda x: (10 * x).round().int(),
        "truth values": lambda x: x > 0,
        "sparse tensors": lambda x: x.flatten(1).to_sparse(),
        "no values": lambda x: x.to("meta"),
        "an array of integers": lambda x: np.asarray(x).astype(int),
        "an array of texts": lambda x: np.asarray(x).astype(str),
    }.items()
}


def outcome(case: Callable[[], object]) -> str:
    """Return what a case gives: nothing, or its error."""
    try:
        case()
    except SciadvError as error:
        return f"sentence: {error}"
    except Exception as error:  # noqa: BLE001  # whatever escapes is what is looked for
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    found = {name: outcome(case) for name, case in TAKEN.items()}
    found |= {name: outcome(case) for name, (case, _) in REFUSED.items()}
    sys.stdout.write(json.dumps(found))
