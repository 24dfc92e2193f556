"""Freeze the numbers: record what the package computes, and compare two recordings to the bit.

``python tests/frozen.py record FILE.json [--only PREFIX]`` computes and writes;
``python tests/frozen.py compare A.json B.json`` prints a row per case; exits 1 if one differs or is missing.

Run both recordings on one machine with one thread (``OMP_NUM_THREADS=1``) and the same libraries: only then
are sums of floats the same to the bit. Data sets are looked for where ``SCIADV_DATA`` says. A case that
raises is recorded by the name of the error's class. Each case seeds torch itself, so that it does not depend
on the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

import sciadv
from sciadv.catalogue import load_recipe
from sciadv.domains.batch_correction import simulate_counts
from sciadv.forward import (
    FaciesSlowness,
    GaussianBlur,
    GaussianSensing,
    Magnitude,
    MaskedFourier,
    Matrix,
    ParallelBeam,
    ZeroPad,
)
from sciadv.prior import Moments
from sciadv.recipes import train_recipe
from sciadv.solvers import SOLVERS, make_solver

SEEDS = (0, 1)
#: What a case gives: tensors, words, or lists of words, by name.
Found = dict[str, Any]
Record = dict[str, Any]

#: Settings that make a solver quick; the other solvers run with their own.
QUICK: dict[str, dict[str, Any]] = {
    "adam": {"restarts": 4, "n_iterations": 60},
    "annealing": {"n_iterations": 20},
    "binary-cells": {"restarts": 4},
    "csgm": {"restarts": 3, "n_iterations": 80},
    "deep-image-prior": {"n_steps": 20, "channels": 8},
    "global": {"population": 16, "n_generations": 10, "restarts": 2},
    "hio": {"restarts": 4, "n_iterations": 100},
    "hmc": {"restarts": 4},
    "image-adaptive": {"restarts": 2, "n_latent_steps": 40, "n_joint_steps": 15},
    "intermediate-layer": {"restarts": 2, "n_steps": (15, 10, 5)},
    "laplace": {"restarts": 4, "n_samples": 60},
    "learned-tv": {"n_samples": 4, "n_outer": 2},
    "levenberg-marquardt": {"restarts": 4},
    "mala": {"restarts": 4},
    "multi-code": {"n_codes": 5, "n_steps": 40},
    "pcn": {"restarts": 4},
    "regularised-gauss-newton": {"restarts": 3, "n_samples": 10, "n_iterations": 15},
    "representation-error": {"restarts": 4},
    "smc": {"n_particles": 40, "n_moves": 2, "max_rises": 20},
    "sparse-deviation": {"restarts": 3, "n_latent_steps": 40, "n_joint_steps": 40},
    "tangent-kernel": {"restarts": 4, "n_iterations": 15},
    "tv": {"n_iterations": 100},
    "wirtinger-flow": {"n_iterations": 300},
}
#: Of the solvers that have a plan of Markov chains.
PLAN = {"n_chains": 2, "n_samples": 20, "n_warmup": 15, "thin": 1}

#: Problems of the catalogue, and whether the words of their diagnosis compare with the prior's reference
#: images. That comparison searches for each of them: left out where it takes 57 to 70 s.
CATALOGUE = {
    "compressed-sensing": False,
    "ct-sparse-view": True,
    "deblurring": False,
    "digits-superresolution": True,
    "digits-uncertainty": True,
    "gene-bistable-switch": True,
    "gene-oscillator": True,
    "gpr-crosshole": False,
    "inpainting": True,
    "mri-undersampled": True,
    "nanotexture-friction": True,
    "phase-retrieval": True,
    "super-resolution": True,
}
#: Not recorded: more than 100 s for one measurement; a batch correction, which nothing is solved for (its
#: corrector is recorded on simulated cells).
SKIPPED = ("seismic-crosswell", "pbmc-correction")

#: Cases of the first seed only, to keep a recording short: slow ones, and recipes of kinds there twice.
ONCE = (
    "catalogue/compressed-sensing",
    "catalogue/gene-oscillator",
    "catalogue/gpr-crosshole",
    "design/gene-oscillator",
    "recipe/examples/dcgan",
    "recipe/examples/few-images",
    "recipe/examples/one-class",
    "recipe/examples/sn-hinge",
    "recipe/examples/wgan-gp",
    "recipe/priors/channels",
    "recipe/priors/digits-32",
    "recipe/priors/fashion",
    "recipe/priors/gene-circuits",
    "recipe/priors/mnist-vae",
    "recipe/priors/mr-breast",
)

UPDATES = (
    "simultaneous",
    "alternating",
    "two-time-scales",
    "extragradient",
    "past-extragradient",
    "optimistic",
    "consensus",
    "symplectic",
    "lookahead",
    "unrolled",
    "trust-region",
    "output-trust-region",
    "one-pass",
)
OBJECTIVES = (
    "minimax",
    "non-saturating",
    "least-squares",
    "hinge",
    "wasserstein",
    "relativistic",
    "kl",
    "reverse-kl",
    "pearson",
    "jensen-shannon",
    "total-variation",
    "mmd",
    "feature-matching",
)
PENALTIES: tuple[str | dict[str, Any], ...] = (
    "r1",
    "r2",
    "wgan-gp",
    "dragan",
    "zero-centred",
    "label-smoothing",
    "consistency",
    "historical-averaging",
    "weight-clipping",
    "instance-noise",
    {"kind": "replay", "capacity": 32},
    "top-k",
)

#: Edits that make a recipe small: a pattern of its text and what stands there instead.
SHORTER = (
    (r'^name = "[^"]*"', 'name = "digits-8"'),
    (r"^prepare = .*\n", ""),
    (r"^\[classifier\]\n(?:\w.*\n?)*", ""),
    (r"^patience = .*\n", ""),
    (r"^channels = \d+", "channels = 4"),
    (r"^halvings = \d+", "halvings = 2"),
    (r"^hidden = .*", "hidden = [16, 16]"),
    (r"^width = \d+", "width = 16"),
    (r"^n_draws = \d+", "n_draws = 500"),
    (r"^elbo_steps = [1-9]\d*", "elbo_steps = 8"),
    (r"^game_steps = [1-9]\d*", "game_steps = 8"),
    (r"^estimate_steps = [1-9]\d*", "estimate_steps = 4"),
    (r"^divergence_steps = [1-9]\d*", "divergence_steps = 4"),
    (r"(?<=\[inversion\]\n)steps = \d+", "steps = 6"),
    (r"^steps = \d{3,}", "steps = 20"),
    (r"^batch = \d+", "batch = 16"),
)


def root() -> Path:
    """Return the checkout: the folder above this file's, or the working folder, that has the priors."""
    above = Path(__file__).resolve().parents[1]
    return above if (above / "priors").is_dir() else Path.cwd()


def drawn(*shape: int, seed: int) -> Tensor:
    """Draw standard normal numbers by a generator of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def measured(prior: Any, forward: Any, *, likelihood: Any, truth: Tensor, noise: float) -> Any:
    """Return the problem of some truths, with Gaussian noise of its own draw."""
    with torch.no_grad():
        y = forward(truth)
    y = y + noise * drawn(*y.shape, seed=7)
    return sciadv.Problem(prior=prior, forward=forward, likelihood=likelihood, measurements=y, truth=truth)


def decoder(shape: tuple[int, int, int], *, last: nn.Module) -> nn.Sequential:
    """Return a small decoder of 4 latents with drawn weights."""
    net = nn.Sequential(
        nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, math.prod(shape)), last, nn.Unflatten(1, shape)
    )
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(drawn(*p.shape, seed=20 + i) * 0.7)
    return net.eval()


def linear() -> Any:
    """Return the linear Gaussian problem: a linear generator with its moments, a matrix, known noise."""
    weight, bias = drawn(24, 4, seed=1), drawn(24, seed=2)
    net = nn.Linear(4, 24)
    with torch.no_grad():
        net.weight.copy_(weight)
        net.bias.copy_(bias)
    moments = Moments(bias.reshape(1, 4, 6), weight @ weight.T)
    prior = sciadv.Prior(nn.Sequential(net, nn.Unflatten(1, (1, 4, 6))), 4, name="linear", moments=moments)
    forward = Matrix(drawn(12, 24, seed=3) / 24**0.5, (1, 4, 6))
    truth = prior.sample(3, seed=4)
    return measured(prior, forward, likelihood=sciadv.Gaussian(0.05), truth=truth, noise=0.05)


def sensing() -> Any:
    """Return compressed sensing of two digits by ``mnist-vae``, from 60 measurements."""
    prior = sciadv.Prior.load("mnist-vae")
    forward = GaussianSensing((1, 28, 28), 60, seed=3, scale=60**-0.5)
    truth = prior.sample(2, seed=5)
    return measured(prior, forward, likelihood=sciadv.Gaussian(0.1), truth=truth, noise=0.1)


def magnitude() -> Any:
    """Return magnitudes of random projections of small images."""
    shape = (1, 6, 6)
    prior = sciadv.Prior(decoder(shape, last=nn.Sigmoid()), 4)
    sense = GaussianSensing(shape, 144, seed=1)
    forward = Magnitude(sense)
    truth = prior.sample(2, seed=6)
    return measured(prior, forward, likelihood=sciadv.Gaussian(0.01), truth=truth, noise=0.01)


def fourier() -> Any:
    """Return magnitudes of the Fourier transform of small zero-padded images."""
    shape = (1, 6, 6)
    prior = sciadv.Prior(decoder(shape, last=nn.Sigmoid()), 4)
    transform = MaskedFourier((1, 12, 12), torch.ones(12, 12, dtype=torch.bool))
    padded = transform @ ZeroPad(shape, 12, 12)
    forward = Magnitude(padded)
    truth = prior.sample(2, seed=6)
    return measured(prior, forward, likelihood=sciadv.Gaussian(0.01), truth=truth, noise=0.01)


def tomography() -> Any:
    """Return six views of a digit of ``mnist``, a prior with an encoder."""
    prior = sciadv.Prior.load("mnist")
    angles = [0.0, 30.0, 60.0, 90.0, 120.0, 150.0]
    forward = ParallelBeam((1, 28, 28), angles)
    truth = prior.sample(1, seed=5)
    return measured(prior, forward, likelihood=sciadv.Gaussian(0.2), truth=truth, noise=0.2)


def cells() -> Any:
    """Return travel times through cells of two facies."""
    shape = (1, 5, 4)
    prior = sciadv.Prior(decoder(shape, last=nn.Sigmoid()), 4)
    lengths = torch.rand(8, 20, generator=torch.Generator().manual_seed(0))
    rays = Matrix(lengths, shape)
    forward = rays @ FaciesSlowness(shape)
    truth = (prior.sample(3, seed=3) > 0.5).float()
    return measured(prior, forward, likelihood=sciadv.Gaussian(0.5), truth=truth, noise=0.5)


def counts() -> Any:
    """Return Poisson counts of blurred positive images."""
    shape = (1, 6, 6)
    prior = sciadv.Prior(decoder(shape, last=nn.Softplus()), 4)
    forward = GaussianBlur(shape, 1.0)
    truth = prior.sample(2, seed=6)
    with torch.no_grad():
        y = torch.poisson(forward(truth).clamp_min(0) * 10, torch.Generator().manual_seed(8)) / 10
    return sciadv.Problem(
        prior=prior, forward=forward, likelihood=sciadv.Poisson(10.0), measurements=y, truth=truth
    )


PROBLEMS: dict[str, Callable[[], Any]] = {
    "linear": linear,
    "sensing": sensing,
    "magnitude": magnitude,
    "fourier": fourier,
    "tomography": tomography,
    "cells": cells,
    "counts": counts,
}


@cache
def problem_of(name: str) -> Any:
    """Return a problem of `PROBLEMS`, made once."""
    return PROBLEMS[name]()


def of_solution(solution: Any) -> Found:
    """Return what is recorded of a solution: numbers, status names, posterior, words of the diagnosis."""
    names = ("x", "z", "prediction", "misfit", "objective", "restart_objectives", "x_range", "noise_level")
    found: Found = {name: getattr(solution, name) for name in names}
    found["margins"] = solution.margins
    found["method"] = solution.method
    found["status"] = [status.name for status in solution.status]
    if solution.posterior is not None:
        found["posterior_mean"] = solution.posterior.mean
        found["posterior_std"] = solution.posterior.standard_deviation
    if solution.diagnosis is not None:
        found["distribution_p_value"] = solution.diagnosis.distribution_p_value
        found["words"] = list(solution.diagnosis.words)
    return found


def quick_solver(name: str) -> Any:
    """Return a solver of the registry with the settings of `QUICK` and `PLAN`."""
    solver = make_solver(name)
    settings = dict(QUICK.get(name, {}))
    plan = getattr(solver, "plan", None)
    if is_dataclass(plan):
        settings["plan"] = replace(plan, **PLAN)  # type: ignore[type-var]  # an instance
    return replace(solver, **settings)


def run_solver(name: str, problem: str, seed: int) -> Found:
    """Solve a problem of `PROBLEMS` by a solver."""
    return of_solution(sciadv.solve(problem_of(problem), quick_solver(name), seed=seed, diagnose="quick"))


def run_entry(name: str, seed: int) -> Found:
    """Solve one measurement of a problem of the catalogue by `auto`; one seed compares its diagnosis."""
    problem = sciadv.load_problem(name).subset(slice(1))
    diagnose = "full" if CATALOGUE[name] and seed == SEEDS[0] else "quick"
    return of_solution(sciadv.solve(problem, "auto", seed=seed, diagnose=diagnose))


def shorter(text: str, seed: int) -> str:
    """Return the text of a recipe with another seed, small data and networks, and some 20 steps."""
    for pattern, new in SHORTER:
        text = re.sub(pattern, new, text, flags=re.MULTILINE)
    text = re.sub(r"^seed = .*\n", "", text, flags=re.MULTILINE)
    return f"seed = {seed}\n{text}"


def weights_of(net: nn.Module | None) -> Tensor | None:
    """Return all numbers of a network in one row, in the order of its modules."""
    if net is None:
        return None
    return torch.cat([value.detach().flatten().double() for value in net.state_dict().values()])


def run_recipe(file: Path, seed: int) -> Found:
    """Train a shortened recipe and return the weights that it wrote, with its losses."""
    losses: list[float] = []
    with TemporaryDirectory() as folder:
        given, out = Path(folder) / "small", Path(folder) / "out"
        given.mkdir()
        (given / "recipe.toml").write_text(shorter(file.read_text(encoding="utf-8"), seed), encoding="utf-8")
        train_recipe(
            load_recipe(given), out, monitor=lambda progress: losses.extend(progress.losses.values())
        )
        prior = sciadv.Prior.load(out)
    return {
        "generator": weights_of(prior.generator),
        "encoder": weights_of(prior.encoder),
        "samples": prior.sample(2, seed=0),
        "moments": None if prior.moments is None else prior.moments.covariance,
        "losses": torch.tensor(losses, dtype=torch.float64),
    }


def points(n: int = 64) -> Tensor:
    """Return points of the plane, off the origin."""
    return drawn(n, 2, seed=5) * 0.3 + 1


def network(n_in: int, n_out: int, seed: int) -> nn.Sequential:
    """Return a small network with drawn weights."""
    net = nn.Sequential(nn.Linear(n_in, 8), nn.SiLU(), nn.Linear(8, n_out))
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(drawn(*p.shape, seed=100 * seed + i) * 0.5)
    return net


def run_game(settings: Mapping[str, Any], seed: int) -> Found:
    """Play 20 steps of a small game and return the weights of both players and of the average."""
    generator, discriminator = network(3, 2, 0), network(2, 1, 1)
    game = sciadv.Game(
        generator, discriminator, n_latent=3, batch=16, learning_rate=1e-2, ema=0.9, seed=seed, **settings
    )
    report = game.fit(points(), steps=20, monitor=lambda progress: None)
    return {
        "status": report.status.name,
        "generator": weights_of(generator),
        "discriminator": weights_of(discriminator),
        "averaged": weights_of(game.prior().generator),
    }


def run_corrector(method: str, has_labels: bool, seed: int) -> Found:  # noqa: FBT001  # a row of a table
    """Correct simulated cells and return expression and embedding."""
    made = simulate_counts(240, 60, seed=seed)
    labels = made.cell_type if has_labels else None
    corrector = sciadv.BatchCorrector(method=method, seed=seed).fit(
        made.counts, batch=made.batch, labels=labels
    )
    return {
        "counts": torch.from_numpy(made.counts),
        "corrected": torch.as_tensor(corrector.transform(made.counts, batch=made.batch, labels=labels)),
        "embedding": torch.as_tensor(corrector.embed(made.counts, batch=made.batch, labels=labels)),
    }


def run_design(target: float, seed: int) -> Found:
    """Design nanotextures of a target coefficient of friction."""
    made: Any = sciadv.design("nanotexture-friction", target={"friction_coefficient": target}, n=6, seed=seed)
    return {"x": made.x, "margins": made.margins, "reason": made.reason, **made.values}


def run_circuits(name: str, n: int, seed: int) -> Found:
    """Design a few gene circuits."""
    made: Any = sciadv.design(name, n=n, seed=seed)
    return {"circuits": made.x, "messages": list(made.messages)}


@dataclass(frozen=True)
class Case:
    """One thing that is computed: its name, and the function that does it for a seed."""

    name: str
    run: Callable[[int], Found]


def cases() -> Iterator[Case]:
    """Yield everything that is recorded, for one seed."""
    for name in sorted(SOLVERS):
        for problem in PROBLEMS:
            yield Case(f"solver/{name}/{problem}", partial(run_solver, name, problem))
    for file in recipe_files():
        yield Case(f"recipe/{_recipe_name(file)}", partial(run_recipe, file))
    yield from games()
    for method in ("adversarial", "linear"):
        for has_labels in (False, True):
            told = "labels" if has_labels else "no-labels"
            yield Case(f"corrector/{method}/{told}", partial(run_corrector, method, has_labels))
    for target in (0.1, 0.9):
        yield Case(f"design/nanotexture-friction/{target}", partial(run_design, target))
    for name, n in (("gene-oscillator", 2), ("gene-bistable-switch", 2)):
        yield Case(f"design/{name}", partial(run_circuits, name, n))
    for name in CATALOGUE:
        yield Case(f"catalogue/{name}", partial(run_entry, name))


def games() -> Iterator[Case]:
    """Yield a game with each update, each objective and each penalty."""
    for name in UPDATES:
        yield Case(f"game/update/{name}", partial(run_game, {"update": name}))
    for name in OBJECTIVES:
        yield Case(f"game/objective/{name}", partial(run_game, {"objective": name}))
    for penalty in PENALTIES:
        told = penalty if isinstance(penalty, str) else penalty["kind"]
        yield Case(f"game/penalty/{told}", partial(run_game, {"penalties": [penalty]}))


def recipe_files() -> list[Path]:
    """List the recipes of the catalogue and of the examples."""
    above = root()
    return [*sorted(above.glob("priors/*/recipe.toml")), *sorted(above.glob("examples/games/recipes/*.toml"))]


def _recipe_name(file: Path) -> str:
    return f"priors/{file.parent.name}" if file.name == "recipe.toml" else f"examples/{file.stem}"


def recorded(value: Any) -> Record | None:
    """Return a value as JSON can hold it: a tensor as hash, shape and summary; None stays out."""
    if value is None:
        return None
    if not isinstance(value, Tensor):
        return {"value": value}
    kept = value.detach().cpu().contiguous()
    facts: Record = {
        "sha256": hashlib.sha256(kept.numpy().tobytes()).hexdigest(),
        "shape": list(kept.shape),
        "dtype": str(kept.dtype),
    }
    flat = (torch.view_as_real(kept) if kept.is_complex() else kept).flatten().double()
    if flat.numel():
        facts["mean"] = float(flat.mean())
        facts["norm"] = float(flat.norm())
        facts["first"] = flat[:5].tolist()
    return facts


def record_case(case: Case, seed: int) -> Record:
    """Run a case and return its records by name; of one that raises, the name of the error's class."""
    torch.manual_seed(seed)
    try:
        found = case.run(seed)
    except Exception as error:  # noqa: BLE001  # whatever it raises is what is recorded
        return {"error": {"value": type(error).__name__, "detail": str(error).splitlines()[:1]}}
    records = {name: recorded(value) for name, value in found.items()}
    return {name: one for name, one in records.items() if one is not None}


def about() -> dict[str, object]:
    """Return what the bits depend on besides the code."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }


def record(out: Path, only: str) -> None:
    """Compute every case whose name starts with a prefix and write all to a file."""
    say = sys.stderr.write
    found: dict[str, Record] = {}
    seconds: dict[str, float] = {}
    for case in cases():
        for seed in SEEDS[:1] if case.name in ONCE else SEEDS:
            name = f"{case.name}/seed{seed}"
            if not name.startswith(only):
                continue
            started = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name] = record_case(case, seed)
            seconds[name] = round(time.process_time() - started, 2)
            error = found[name].get("error", {}).get("value", "")
            say(f"{seconds[name]:7.2f} s  {name}  {error}\n")
    say(f"{sum(seconds.values()):7.2f} s  {len(found)} cases\n")
    facts = {"about": about(), "seconds": seconds, "cases": found}
    out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def difference(a: Record | None, b: Record | None) -> float:
    """Return 0 for records equal to the bit, else the largest relative difference that can be seen.

    It is infinite for words, shapes and dtypes that differ, for NaN, and for what only one recording has. The
    scale of a number is its own size, or the root mean square of the tensor's where that is larger.
    """
    if a is None or b is None:
        return math.inf
    if "sha256" not in a or "sha256" not in b:
        return 0.0 if a.get("value") == b.get("value") and ("sha256" in a) == ("sha256" in b) else math.inf
    if (a["shape"], a["dtype"]) != (b["shape"], b["dtype"]):
        return math.inf
    if a["sha256"] == b["sha256"]:
        return 0.0
    rms = max(a["norm"], b["norm"]) / math.sqrt(math.prod(a["shape"]))
    pairs = [(a["mean"], b["mean"], rms), (a["norm"], b["norm"], 0.0)]
    pairs += [(one, other, rms) for one, other in zip(a["first"], b["first"], strict=True)]
    gaps = [abs(one - other) / max(abs(one), abs(other), scale, 1e-300) for one, other, scale in pairs]
    seen = max(math.inf if math.isnan(gap) else gap for gap in gaps)
    return max(seen, sys.float_info.min)  # not 0: the bits differ, though the summary does not show it


def row(name: str, a: Record | None, b: Record | None) -> tuple[bool, str]:
    """Return whether a case is equal to the bit, and its row of the table."""
    if a is None or b is None:
        return False, f"{name:<60} only in {'the second' if a is None else 'the first'}"
    gaps = {key: difference(a.get(key), b.get(key)) for key in sorted({*a, *b})}
    worst = max(gaps.values(), default=0.0)
    if worst == 0:
        return True, f"{name:<60} equal to the bit"
    said = ", ".join(f"{key} {gap:.1e}" for key, gap in gaps.items() if gap)
    return False, f"{name:<60} max relative difference {worst:.1e} ({said})"


def compare(first: Path, second: Path) -> bool:
    """Print a row per case of two recordings and return whether all are equal to the bit."""
    say = sys.stdout.write
    a, b = (json.loads(file.read_text(encoding="utf-8")) for file in (first, second))
    for key in a["about"]:
        if a["about"][key] != b["about"].get(key):
            say(f"warning: {key} is {a['about'][key]} and {b['about'].get(key)}\n")
    n_equal = 0
    names = list(dict.fromkeys([*a["cases"], *b["cases"]]))
    for name in names:
        is_equal, words = row(name, a["cases"].get(name), b["cases"].get(name))
        n_equal += is_equal
        say(f"{words}\n")
    say(f"{n_equal} of {len(names)} cases are equal to the bit\n")
    return n_equal == len(names) > 0


def main() -> int:
    """Read the command line and do what it says; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="compute and write")
    recording.add_argument("file", type=Path)
    recording.add_argument("--only", default="", metavar="PREFIX", help="cases whose names start with it")
    comparison = commands.add_parser("compare", help="compare two recordings")
    comparison.add_argument("first", type=Path)
    comparison.add_argument("second", type=Path)
    asked = parser.parse_args()
    if asked.command == "record":
        record(asked.file, asked.only)
        return 0
    return 0 if compare(asked.first, asked.second) else 1


if __name__ == "__main__":
    sys.exit(main())
