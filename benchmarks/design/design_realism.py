"""Realism from data and physics in one discriminator: each alone, both, and rivals without either.

Textures as one process makes them: wavelengths log-uniform, amplitudes along a power law with a scatter. They
stand for measured parts; their law is known here, so that realism can be judged in closed form. A design is
right where its friction is within 5 % of the target and it keeps every constraint, and realistic where its
amplitude is within the process's 95 % band at its wavelength. Friction is by the operator, which agrees with
SciPy's root finder to 1e-9 (`sciadv bench nanotexture-friction`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

import sciadv
from benchmarks.contract import Bench, Row, Settings, Threshold, cpu_seconds, markdown_table, one_thread
from sciadv.catalogue import load_problem
from sciadv.designs.aim import take_aim
from sciadv.designs.evaluated import evaluate
from sciadv.forward import PropertyModel
from sciadv.nets import DesignDecoder, build_seeded
from sciadv.problem import Problem
from sciadv.solvers import LevenbergMarquardt
from sciadv.trainings.loop import run as train
from sciadv.trainings.physics.critics import PhysicsDiscriminator
from sciadv.trainings.physics.design_training import DesignSchedule, DesignTraining
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TARGET = "friction_coefficient"
#: Designs for each of the targets.
N_EACH = 50
N_DATA = 2000


@final
@dataclass(frozen=True)
class Process:
    """``A = slope lambda (lambda / 1 um)^power``, times a log-normal scatter."""

    slope: float = 0.012
    power: float = 0.35
    scatter: float = 0.12
    shortest: float = 4e-7
    longest: float = 4e-6

    def sample(self, n: int, *, seed: int) -> Tensor:
        """Return textures ``(n, 2)`` as the process makes them [m]."""
        numbers = as_generator(seed)
        place = torch.rand(n, generator=numbers, dtype=torch.float64)
        wavelength = self.shortest * (self.longest / self.shortest) ** place
        noise = torch.randn(n, generator=numbers, dtype=torch.float64)
        return torch.stack([self.middle(wavelength) * (self.scatter * noise).exp(), wavelength], 1)

    def middle(self, wavelength: Tensor) -> Tensor:
        """Return the median amplitude at a wavelength [m]."""
        return self.slope * wavelength * (wavelength / 1e-6) ** self.power

    def is_realistic(self, x: Tensor) -> Tensor:
        """Return which textures lie within the process's 95 % band."""
        off = (x[:, 0] / self.middle(x[:, 1])).log() / self.scatter
        inside = (x[:, 1] >= 0.95 * self.shortest) & (x[:, 1] <= 1.05 * self.longest)
        return (off.abs() <= 1.96) & inside


#: Designs ``(n, 2)`` for targets ``(n,)``, with a seed.
Method = Callable[[Tensor, int], Tensor]

THRESHOLDS = (
    Threshold("both: right and realistic - physics only", "gain_over_physics", "both, summary", ">=", 0.2),
    Threshold("both: right and realistic - plain cGAN", "gain_over_plain", "both, summary", ">=", 0.0),
)


def run(settings: Settings) -> list[Row]:
    """Train every method on the same designs, and judge its designs for fresh targets; three seeds."""
    problem, process = load_problem("nanotexture-friction"), Process()
    rows: list[Row] = []
    for seed in range(settings.seed, settings.seed + (1 if settings.quick else 3)):
        real = process.sample(N_DATA, seed=seed)
        friction = evaluate(problem, real).value(TARGET)
        low, high = friction.quantile(torch.tensor([0.1, 0.9], dtype=torch.float64)).tolist()
        goals = low * (high / low) ** torch.linspace(0.02, 0.98, 12, dtype=torch.float64)
        steps = 300 if settings.quick else 2000
        for name, make in methods(problem, real, (low, high), steps).items():
            settings.report(f"seed {seed}: {name}")
            with one_thread(), cpu_seconds() as training:
                method = make(seed)
            with one_thread(), cpu_seconds() as designing:
                x = method(goals.repeat_interleave(N_EACH), seed)
            judged = judge(problem, process, x, goals)
            seconds = {"training_cpu_seconds": training(), "cpu_ms_per_design": 1e3 * designing() / len(x)}
            rows.append({"row": f"{name}, seed {seed}", "method": name, **judged, **seconds})
    return [*rows, *_summaries(rows)]


def methods(
    problem: Problem, real: Tensor, span: tuple[float, float], steps: int
) -> dict[str, Callable[[int], Method]]:
    """Return what trains each method, by name."""
    return {
        "plain conditional GAN": lambda seed: _plain(problem, real, span, steps, seed),
        "critic with physical inputs": lambda seed: _trained(problem, real, span, steps, seed, 1.0, 1e-3),
        "physics only": lambda seed: _trained(problem, None, span, steps, seed, 0.05, 1e3),
        "both": lambda seed: _trained(problem, real, span, steps, seed, 0.2, 1e3),
        "conditional flow matching": lambda seed: _flow(problem, real, span, 2 * steps, seed),
        "nearest real designs, refined": lambda _: _nearest(problem, real),
        "default search, no data": lambda _: _default(problem),
    }


def judge(problem: Problem, process: Process, x: Tensor, goals: Tensor) -> Row:
    """Return the shares of designs ``(goals * N_EACH, 2)`` that are right, realistic, and both."""
    designs = evaluate(problem, x)
    wanted = goals.repeat_interleave(N_EACH)
    right = ((designs.value(TARGET) / wanted - 1).abs() <= 0.05) & designs.feasible
    realistic = process.is_realistic(designs.x)
    spread = designs.x.log().reshape(len(goals), N_EACH, 2).std(1).mean()
    return {
        "right": float(right.double().mean()),
        "realistic": float(realistic.double().mean()),
        "both": float((right & realistic).double().mean()),
        "spread": float(spread),
    }


def _trained(  # the settings that the ablation changes
    problem: Problem,
    real: Tensor | None,
    span: tuple[float, float],
    steps: int,
    seed: int,
    tolerance: float,
    penalty: float,
) -> Method:
    """Train a generator; real designs bring a learned critic. A wide tolerance leaves the rest to it."""
    generator = _decoder(problem, span, seed)
    critic = None if real is None else _perceptron(2 + 1 + len(problem.constraints), 1, seed)
    physics = PhysicsDiscriminator(
        problem.forward,
        tolerance=tolerance,
        constraints=problem.constraints,
        critic=critic,
        features=generator.to_unit,
        realism_weight=10.0,
        penalty=penalty,
    )
    schedule = DesignSchedule(steps=steps, tolerance=tolerance, penalty=penalty, diversity_weight=0.05)
    given = None if real is None else real.float()
    training = DesignTraining(generator, physics, schedule=schedule, seed=seed, real=given)
    train(training)
    return _sampler(training.averaged)


def _decoder(problem: Problem, span: tuple[float, float], seed: int) -> DesignDecoder:
    """Return an untrained generator of textures for targets of a span."""
    model = problem.forward
    assert isinstance(model, PropertyModel)
    bounds = {"lower": [v.low for v in model.variables], "upper": [v.high for v in model.variables]}
    spec = {"kind": "design-decoder", "n_latent": 3, "targets": [list(span)], **bounds}
    generator = build_seeded(spec, seed)
    assert isinstance(generator, DesignDecoder)
    return generator


def _sampler(generator: DesignDecoder) -> Method:
    """Return the method that draws designs from a trained generator."""

    @torch.no_grad()
    def design(goals: Tensor, draw: int) -> Tensor:
        z = torch.randn(len(goals), 3, generator=as_generator(draw + 100))
        z[:, -1:] = generator.condition(goals[:, None].float())
        x: Tensor = generator(z)
        return x

    return design


class Pairs(nn.Module):
    """A generator of designs as rows of their places and what was asked of them, for a plain critic."""

    def __init__(self, decoder: DesignDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def rows(self, x: Tensor, target: Tensor) -> Tensor:
        """Return rows ``(n, 3)`` of designs ``(n, 2)`` and targets ``(n, 1)``, each about from 0 to 1."""
        low, high = self.decoder.targets.unbind(1)
        return torch.cat([self.decoder.to_unit(x), (target / low).log() / (high / low).log()], 1)

    def forward(self, z: Tensor) -> Tensor:
        """Return the rows of what latents ``(n, 3)`` ask for and get."""
        return self.rows(self.decoder(z), self.decoder.target(z))


def _plain(problem: Problem, real: Tensor, span: tuple[float, float], steps: int, seed: int) -> Method:
    """Train a conditional GAN whose critic reads designs and targets and knows no physics."""
    pairs = Pairs(_decoder(problem, span, seed))
    known = evaluate(problem, real).value(TARGET)[:, None]
    inside = ((known >= span[0]) & (known <= span[1])).squeeze(1)  # what the generator is asked for
    rows = pairs.rows(real[inside].float(), known[inside].float())
    game = sciadv.Game(
        pairs,
        _perceptron(3, 1, seed),
        objective="non-saturating",
        penalties=["r1"],
        n_latent=3,
        batch=384,
        seed=seed,
    )
    game.fit(rows, steps=steps)
    trained = game.prior().generator
    assert isinstance(trained, Pairs)
    return _sampler(trained.decoder)


def _perceptron(n_in: int, n_out: int, seed: int) -> nn.Sequential:
    """Return a perceptron of two hidden layers, its weights by a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for a, b in pairwise((n_in, 64, 64)):
            layers += [nn.Linear(a, b), nn.SiLU()]
        return nn.Sequential(*layers, nn.Linear(64, n_out))


def _flow(problem: Problem, real: Tensor, span: tuple[float, float], steps: int, seed: int) -> Method:
    """Train a flow ``dx/dt = v(x, t, y)`` from noise to real designs of property y.

    Lipman and others, Flow matching for generative modeling, ICLR 2023: straight paths, least squares.
    """
    box = take_aim(problem, {TARGET: 0.1}, tolerance=0.01).box
    assert box is not None
    x = torch.special.ndtri(box.to_unit(real)).float()
    middle, width = x.mean(0), x.std(0)
    scale = math.log(span[1] / span[0])
    y = (evaluate(problem, real).value(TARGET) / span[0]).log()[:, None].float() / scale
    net, numbers = _perceptron(4, 2, seed), as_generator(seed)
    adam = torch.optim.Adam(net.parameters(), lr=2e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (384,), generator=numbers)
        end, noise = (x[rows] - middle) / width, torch.randn(384, 2, generator=numbers)
        t = torch.rand(384, 1, generator=numbers)
        there = torch.cat([(1 - t) * noise + t * end, t, y[rows]], 1)
        loss = (net(there) - (end - noise)).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        decay.step()

    @torch.no_grad()
    def design(goals: Tensor, draw: int) -> Tensor:
        here = torch.randn(len(goals), 2, generator=as_generator(draw + 100))
        asked = (goals / span[0]).log()[:, None].float() / scale
        for i in range(50):
            here = here + net(torch.cat([here, torch.full_like(asked, (i + 0.5) / 50), asked], 1)) / 50
        x: Tensor = box(here.double() * width + middle)
        return x

    return design


def _nearest(problem: Problem, real: Tensor) -> Method:
    """Return real designs nearest to the target, each moved to it by a few steps of Levenberg-Marquardt."""
    friction = evaluate(problem, real).value(TARGET)

    def design(goals: Tensor, draw: int) -> Tensor:
        found = []
        for goal in torch.unique(goals):
            aim = take_aim(problem, {TARGET: float(goal)}, tolerance=0.01)
            assert aim.box is not None
            near = real[(friction / goal - 1).abs().argsort()[: int((goals == goal).sum())]]
            starts = aim.box.to_latent(near)[:, None]
            posed = aim.search.with_measurements(aim.search.measurements.expand(len(near), -1))
            solver = LevenbergMarquardt(restarts=1, starts=starts, n_iterations=10)
            found.append(solver.solve(posed, seed=draw).x)
        return torch.cat(found)

    return design


def _default(problem: Problem) -> Method:
    """Return the default search, which knows no real designs."""

    def design(goals: Tensor, draw: int) -> Tensor:
        sets = [sciadv.design(problem, {TARGET: float(g)}, N_EACH, seed=draw) for g in torch.unique(goals)]
        return torch.cat([one.x for one in sets])

    return design


def _summaries(rows: list[Row]) -> list[Row]:
    """Return the means over seeds of every method, and what both parts gain over one alone."""
    numbers = ("right", "realistic", "both", "spread", "training_cpu_seconds", "cpu_ms_per_design")
    found: dict[str, Row] = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == name]
        means = {key: sum(row[key] for row in mine) / len(mine) for key in numbers}
        found[name] = {"row": f"{name}, summary", "method": name, **means}
    gain = found["both"]["both"]
    found["both"]["gain_over_physics"] = gain - found["physics only"]["both"]
    found["both"]["gain_over_plain"] = gain - found["plain conditional GAN"]["both"]
    return list(found.values())


def table(rows: list[Row]) -> str:
    """Write the means over seeds as Markdown."""
    lines = [
        [
            row["method"],
            *(f"{row[key]:.1%}" for key in ("right", "realistic", "both")),
            f"{row['spread']:.2f}",
            f"{row['training_cpu_seconds']:.1f}",
            f"{row['cpu_ms_per_design']:.2g}",
        ]
        for row in rows
        if row["row"].endswith("summary")
    ]
    header = ["method", "within 5 % and feasible", "realistic", "both", "spread", "training CPU s"]
    return markdown_table([*header, "CPU ms per design"], lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the shares that are right and realistic, a point a method and seed."""
    axes = figure.subplots()
    for name in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == name and "seed" in row["row"]]
        axes.scatter(
            [100 * row["right"] for row in mine], [100 * row["realistic"] for row in mine], label=name
        )
    axes.set(xlabel="within 5 % of the target and feasible [%]", ylabel="realistic [%]")
    axes.legend(fontsize=8)


BENCH = Bench(
    title="Realism from data and physics in one discriminator, on textures of one process",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=THRESHOLDS,
)
