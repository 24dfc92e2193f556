"""Cases of the nouns in Python: likelihoods, constraints, priors, problems; and of `solve`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import sciadv
from benchmarks.reliability import toy
from benchmarks.reliability.bad_input import hostile
from benchmarks.reliability.bad_input.cases import Case, Entry, Value, named
from sciadv import Constraint, Gaussian, Poisson, Prior, Problem, StudentT, Tolerance
from sciadv.forward import BlockSum


def noun_cases() -> Iterator[Case]:
    """Give every case of this module."""
    yield from likelihood_cases()
    yield from constraint_cases()
    yield from prior_cases()
    yield from problem_cases()
    yield from solve_cases()
    yield from generator_cases()


def likelihood_cases() -> Iterator[Case]:
    """Vary the arguments of each likelihood, alone and within a problem that is solved."""
    sigma = [value for value in hostile.POSITIVE if value.words != "list"]
    yield from Entry("Gaussian", Gaussian, dict, digest=repr).vary({"sigma": sigma})
    yield from Entry("Poisson", Poisson, dict, digest=repr).vary(
        {"background": hostile.NOT_NEGATIVE, "floor": hostile.POSITIVE}
    )
    yield from Entry("StudentT", StudentT, lambda: {"sigma": 0.1}, digest=repr).vary(
        {"sigma": sigma, "freedom": hostile.POSITIVE}
    )
    softness = named(("above-one", lambda: 1.5))
    yield from Entry("Tolerance", Tolerance, lambda: {"width": 0.1}, digest=repr).vary(
        {
            "width": sigma,
            "softness": [*hostile.POSITIVE, *softness],
            "is_relative": named(("text", lambda: "no"), ("none", lambda: None), ("two", lambda: 2)),
        }
    )
    wrong = named(
        ("sigma-longer", lambda: Gaussian(torch.ones(toy.N_DATA + 1))),
        ("sigma-of-a-batch", lambda: Gaussian(torch.ones(3, toy.N_DATA))),
        ("sigma-nan-inside", lambda: Gaussian(torch.tensor([1.0, float("nan")]))),
        ("sigma-empty-axis", lambda: Gaussian(torch.ones(toy.N_DATA, 0))),
        ("student-longer", lambda: StudentT(torch.ones(toy.N_DATA - 1))),
        ("width-longer", lambda: Tolerance(torch.ones(toy.N_DATA + 1))),
        ("poisson-of-negative-data", Poisson),
    )
    yield from _problem_entry().vary({"likelihood": [*hostile.THINGS, *wrong]})


def constraint_cases() -> Iterator[Case]:
    """Vary the arguments of a constraint, alone and within a problem."""

    def good() -> dict[str, Any]:
        return {"name": "ink", "forward": BlockSum(toy.IMAGE, 2), "at_most": 4.0}

    yield from Entry("Constraint", Constraint, good).vary(
        {
            "at_most": hostile.FINITE,
            "scale": [value for value in hostile.POSITIVE if value.words != "none"],
            "forward": hostile.THINGS,
            "name": named(("none", lambda: None), ("number", lambda: 3), ("list", list)),
            "unit": named(("none", lambda: None), ("number", lambda: 3)),
        }
    )
    other = BlockSum((1, 8, 8), 2)
    yield from _problem_entry().vary(
        {
            "constraints": [
                *named(
                    ("number", lambda: 3),
                    ("text", lambda: "ink"),
                    ("one-not-in-a-list", lambda: Constraint(**good())),
                    ("of-things", lambda: [object()]),
                    ("none-inside", lambda: [None]),
                    ("other-shape", lambda: [Constraint("ink", other, 1.0)]),
                    ("twice", lambda: [Constraint(**good())] * 2),
                    ("dict", lambda: {"ink": 1.0}),
                )
            ]
        }
    )


def prior_cases() -> Iterator[Case]:
    """Vary a prior's parts and the arguments of its methods."""

    def used(**parts: Any) -> Tensor:
        made = Prior(**parts)
        return toy.problem(prior=made).prior.sample(2, seed=0)

    def good() -> dict[str, Any]:
        return {"generator": toy.decoder(), "latent_shape": toy.N_LATENT}

    broken = named(
        ("other-latent", lambda: nn.Linear(7, 16)),
        ("no-batch", lambda: Returns(lambda z: z.sum())),
        ("text", lambda: Returns(lambda z: "image")),
        ("none", lambda: Returns(lambda z: None)),
        ("numpy", lambda: Returns(lambda z: np.zeros((len(z), 1, 4, 4), np.float32))),
        ("empty", lambda: Returns(lambda z: torch.zeros(len(z), 0))),
        ("raises", lambda: Returns(_raise)),
        ("one-row-for-all", lambda: Returns(lambda z: torch.zeros(1, 1, 4, 4))),
        ("integers", lambda: Returns(lambda z: torch.zeros(len(z), 1, 4, 4, dtype=torch.long))),
        ("complex", lambda: Returns(lambda z: torch.zeros(len(z), 1, 4, 4, dtype=torch.complex64))),
        ("dict", lambda: Returns(lambda z: {"image": z})),
    )
    yield from Entry("Prior", used, good).vary(
        {
            "generator": [*hostile.THINGS, *broken],
            "latent_shape": [
                *hostile.SHAPE,
                *named(("other", lambda: 7), ("none", lambda: None)),
                *[value for value in hostile.COUNT if value.words in {"zero", "minus-one", "half", "10^30"}],
            ],
            "encoder": [value for value in hostile.THINGS if value.words != "none"],
            "moments": [value for value in hostile.THINGS if value.words != "none"],
        }
    )

    def sample(**arguments: Any) -> Tensor:
        return toy.prior().sample(**arguments)

    yield from Entry("Prior.sample", sample, lambda: {"n": 2, "seed": 0}, digest=_numbers).vary(
        {"n": [*hostile.COUNT, *hostile.TOO_LARGE], "seed": hostile.SEED}
    )

    def encode(x: Any) -> Tensor:
        return toy.prior(encoder=toy.encoder()).encode(x)

    yield from Entry("Prior.encode", encode, dict).vary(
        {"x": [value for value in hostile.arrays((2, *toy.IMAGE)) if not value.accepts]}
    )
    yield from Entry("Prior.to", lambda **a: toy.prior().to(**a), dict).vary({"device": hostile.DEVICE})
    yield from Entry("Prior.load", Prior.load, dict).vary({"name": [*hostile.PATH, *hostile.NAME]})
    yield from Entry("Prior.load", Prior.load, lambda: {"name": "nanotexture"}).vary(
        {
            "device": hostile.DEVICE,
            "dtype": named(
                ("integer", lambda: torch.int32),
                ("text", lambda: "float32"),
                ("none", lambda: None),
                ("numpy", lambda: np.float32),
                ("bool", lambda: torch.bool),
                ("complex", lambda: torch.complex64),
            ),
        }
    )

    def save(**arguments: Any) -> object:
        return toy.prior(generator=arguments.pop("generator", toy.decoder())).save(**arguments)

    yield from Entry("Prior.save", save, lambda: {"folder": None}).vary({"folder": hostile.PATH[:5]})


def problem_cases() -> Iterator[Case]:
    """Vary what a problem is made of, and the arguments of its methods."""
    shape = (toy.N_PROBLEMS, toy.N_DATA)
    yield from _problem_entry(digest=lambda problem: _numbers(problem.measurements)).vary(
        {"measurements": hostile.arrays(shape)}
    )
    truth = [value for value in hostile.arrays((2, *toy.IMAGE)) if value.words != "none"]
    labels = named(
        ("longer", lambda: torch.zeros(5)),
        ("number", lambda: 3),
        ("text", lambda: "ab"),
        ("nan", lambda: torch.full((2,), float("nan"))),
        ("two-axes", lambda: torch.zeros(2, 3)),
        ("object", object),
        ("dict", dict),
        ("scalar", lambda: torch.tensor(1)),
    )
    yield from _problem_entry().vary(
        {
            "latent_weight": hostile.NOT_NEGATIVE,
            "truth": truth,
            "labels": labels,
            "prior": hostile.THINGS,
            "forward": hostile.THINGS,
            "name": named(("none", lambda: None), ("number", lambda: 3), ("list", list)),
        }
    )
    index = named(
        ("out-of-range", lambda: [5]),
        ("negative-out-of-range", lambda: [-3]),
        ("text", lambda: "a"),
        ("none", lambda: None),
        ("half", lambda: 0.5),
        ("number", lambda: 0),
        ("empty", list),
        ("empty-slice", lambda: slice(5, 9)),
        ("mask-longer", lambda: torch.ones(5, dtype=torch.bool)),
        ("floats", lambda: torch.tensor([0.0])),
        ("true", lambda: True),
        ("dict", dict),
    )
    yield from Entry("Problem.subset", lambda index: toy.problem().subset(index), dict).vary({"index": index})
    yield from Entry("Problem.with_measurements", lambda y: toy.problem().with_measurements(y), dict).vary(
        {"y": [value for value in hostile.arrays(shape) if not value.accepts]}
    )
    yield from Entry("Problem.to", lambda device: toy.problem().to(device), dict).vary(
        {"device": hostile.DEVICE}
    )
    yield from Entry("load_problem", sciadv.load_problem, dict).vary({"name": [*hostile.PATH, *hostile.NAME]})
    yield from Entry("load_problem", sciadv.load_problem, lambda: {"name": "digits-superresolution"}).vary(
        {"device": hostile.DEVICE, "seed": [value for value in hostile.SEED if not value.accepts]}
    )


def solve_cases() -> Iterator[Case]:
    """Vary the arguments of `solve`, and every setting of every solver."""

    def good() -> dict[str, Any]:
        return {"problem": toy.problem(), "method": "levenberg-marquardt", "restarts": 2, "seed": 0}

    entry = Entry("solve", sciadv.solve, good, digest=lambda solution: _numbers(solution.x))
    yield from entry.vary(
        {
            "problem": [value for value in hostile.THINGS if value.words != "text"],
            "method": [
                *(value for value in hostile.NAME if value.words != "none"),
                Value("none", lambda: None, accepts="the problem's own solver", like=lambda: "auto"),
            ],
            "restarts": [*hostile.COUNT, *hostile.TOO_LARGE],
            "seed": hostile.SEED,
            "device": hostile.DEVICE,
            "monitor": [value for value in hostile.THINGS if value.words not in {"none", "type"}],
        }
    )
    yield from _solver_cases()


def _solver_cases() -> Iterator[Case]:
    """Try settings that cannot be, one at a time, of every registered solver."""
    import inspect

    from sciadv.solvers import SOLVERS

    settings = named(
        ("text", lambda: "many"),
        ("nan", lambda: hostile.NAN),
        ("minus-one", lambda: -1),
        ("list", lambda: ["a"]),
    )
    for name, solver in SOLVERS.items():

        def call(solver: Any = solver, **arguments: Any) -> object:
            return sciadv.solve(toy.problem(), solver(**arguments))

        fields = [field for field in inspect.signature(solver).parameters if field != "name"]
        for value in settings:
            yield from Entry(name, call, dict).vary({field: [value] for field in fields})


def generator_cases() -> Iterator[Case]:
    """Solve with generators and operators that break what a search relies on."""
    linear = toy.seeded(lambda: nn.Linear(toy.N_LATENT, 16))
    noise = torch.Generator().manual_seed(0)

    def image(z: Tensor) -> Tensor:
        out: Tensor = linear(z)
        return out.reshape(-1, *toy.IMAGE)

    broken: dict[str, Callable[[Tensor], Any]] = {
        "tuple": lambda z: (image(z), z),
        "list": lambda z: [image(z)],
        "fresh-noise": lambda z: image(z) + torch.rand(len(z), *toy.IMAGE, generator=noise),
        "nan": lambda z: image(z) * float("nan"),
        "nan-away-from-zero": lambda z: torch.where(z.abs().sum() > 0, float("nan"), 1.0) * image(z),
        "inf": lambda z: image(z) + float("inf"),
        "mixes-the-batch": lambda z: image(z) - image(z).mean(0, keepdim=True),
        "sorts-the-batch": lambda z: image(z).sort(0).values,
        "detached": lambda z: image(z).detach(),
        "shape-by-batch": lambda z: image(z)[:, :, : 3 + len(z) % 2],
        "raises-for-many": lambda z: image(z) if len(z) < 3 else _raise(z),
        "double": lambda z: image(z).double(),
        "constant": lambda z: torch.zeros(len(z), *toy.IMAGE),
        "writes-into-z": lambda z: image(z.mul_(2)),
    }
    for name, function in broken.items():

        def call(function: Any = function) -> object:
            return sciadv.solve(toy.problem(prior=Prior(Returns(function), toy.N_LATENT)))

        yield Case(f"solve(generator {name})", "generators", partial(_called, call))
    batch_norm = Value("batch-norm", lambda: None)
    yield Case(
        f"solve(generator {batch_norm.words} in training mode)",
        "generators",
        lambda folder: _with_batch_norm(),
        accepts="used in evaluation mode, and given back in training mode",
        holds=bool,
    )


def _called(call: Callable[[], object], folder: Path) -> object:
    return call()


def _with_batch_norm() -> bool:
    net = toy.seeded(
        lambda: nn.Sequential(
            nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Unflatten(1, toy.IMAGE)
        )
    )
    net.train()
    prior = Prior(net, 3)
    sciadv.solve(toy.problem(prior=prior))
    return all(module.training for module in net.modules()) and all(
        parameter.requires_grad for parameter in net.parameters()
    )


class Returns(nn.Module):
    """A generator that is a function."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor) -> Any:
        """Call the function."""
        return self.function(z)


def _raise(z: Tensor) -> Tensor:
    raise RuntimeError(f"out of {len(z)}")


def _numbers(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().float().numpy().tobytes()


def _problem_entry(digest: Callable[[Any], Any] | None = None) -> Entry:
    return Entry("Problem", Problem, toy.problem_parts, digest)
