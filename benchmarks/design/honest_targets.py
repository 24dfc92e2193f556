"""What a design says of a target, against brute force: reachable or not, and how many distinct designs.

Brute force evaluates a dense grid over the bounds. A target is reachable where a point of the grid hits it,
unreachable where none comes within three tolerances, and not judged between. As many values as variables fix
designs: the connected parts of the hits are counted. Fewer leave a continuum: its points that are apart are
counted, moved to the value asked for, up to the number asked for. Where no grid can be made, random designs
and theory say what is known (`benchmarks.design.library_truth`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, Threshold, cpu_seconds, markdown_table, one_thread
from benchmarks.design import library_truth
from sciadv import Variable
from sciadv.catalogue import load_problem
from sciadv.designs import PropertySearch
from sciadv.designs.aim import Aim, take_aim
from sciadv.designs.distinct import count_distinct, farthest_points
from sciadv.designs.evaluated import evaluate
from sciadv.designs.from_script import problem_of
from sciadv.errors import InputError
from sciadv.forward.design.quantity import box_of
from sciadv.problem import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Target = Mapping[str, object]


class Cantilever:
    """A steel cantilever with a load of 1 kN at its end; three variables, a limit on the stress."""

    variables: ClassVar = (
        Variable("length", "m", 0.5, 2.0),
        Variable("width", "m", 0.01, 0.1, is_log=True),
        Variable("height", "m", 0.01, 0.2, is_log=True),
    )
    properties: ClassVar = {"deflection": "m", "mass": "kg", "stress": "Pa"}
    limits: ClassVar = {"stress": "<= 250 MPa"}

    def predict(self, length: Tensor, width: Tensor, height: Tensor) -> dict[str, Tensor]:
        """Return the deflection of the end, the mass and the largest stress."""
        inertia = width * height**3 / 12
        return {
            "deflection": 1000 * length**3 / (3 * 210e9 * inertia),
            "mass": 7850 * length * width * height,
            "stress": 1000 * length * height / (2 * inertia),
        }


class Saddle:
    """Two signed variables; their properties have several separate solutions."""

    variables: ClassVar = (Variable("a", low=-3, high=3), Variable("b", low=-3, high=3))
    properties: ClassVar = {"saddle": "", "waves": ""}

    def predict(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """Return ``a^2 - b^2`` and ``sin(2 a) + b``."""
        return {"saddle": a.square() - b.square(), "waves": (2 * a).sin() + b}


#: Targets of each problem, single loose ones among them.
TARGETS: dict[str, tuple[Target, ...]] = {
    "nanotexture-friction": (
        {"friction_coefficient": 0.08},
        {"friction_coefficient": 0.0475},
        {"friction_coefficient": 0.2},
        {"friction_coefficient": 0.23},
        {"friction_coefficient": 0.03},
        {"contact_pressure": "100 MPa"},
        {"contact_pressure": "400 MPa"},
        {"contact_fraction": 0.3},
        {"max_slope": "0.05..0.1"},
        {"friction_coefficient": 0.08, "max_slope": 0.05},
        {"friction_coefficient": 0.1, "contact_pressure": "90 MPa"},
        {"friction_coefficient": 0.1, "contact_pressure": "40 MPa"},
        {"contact_pressure": "<= 60 MPa"},
    ),
    "nanotexture-friction, softer, other load, no adhesion": (
        {"friction_coefficient": 0.05},
        {"friction_coefficient": 0.3},
        {"friction_coefficient": 0.6},
        {"friction_coefficient": 1.5},
        {"contact_pressure": "30 MPa"},
        {"contact_pressure": "5 MPa"},
        {"contact_fraction": 0.9},
        {"contact_fraction": 0.1},
        {"max_slope": 0.1},
        {"friction_coefficient": 0.4, "max_slope": 0.1},
        {"friction_coefficient": ">= 0.5", "max_slope": "<= 0.02"},
        {"contact_pressure": "<= 20 MPa", "contact_fraction": ">= 0.5"},
    ),
    "cantilever": (
        {"deflection": "2 mm"},
        {"deflection": "0.02 mm"},
        {"deflection": "4 um"},
        {"mass": "20 kg"},
        {"mass": "900 kg"},
        {"stress": "100 MPa"},
        {"stress": "300 MPa"},
        {"mass": (1, 100)},
        {"deflection": "<= 1 mm", "mass": "<= 10 kg"},
        {"deflection": "<= 0.1 mm", "mass": "<= 2 kg"},
        {"deflection": "2 mm", "stress": "50 MPa"},
        {"deflection": "1 mm", "mass": "30 kg", "stress": "40 MPa"},
    ),
    "saddle": (
        {"saddle": 4.0},
        {"saddle": -4.0},
        {"saddle": 8.9},
        {"saddle": 12.0},
        {"waves": 1.0},
        {"waves": -3.99},
        {"waves": 5.0},
        {"saddle": (-0.1, 0.1)},
        {"saddle": 1.0, "waves": 0.5},
        {"saddle": -2.0, "waves": 1.5},
        {"saddle": 8.0, "waves": 2.0},
        {"saddle": ">= 6", "waves": "<= -1"},
    ),
    **library_truth.TARGETS,
}
N_DESIGNS = 20
N_GRID = {2: 1500, 3: 160}

THRESHOLDS = (
    Threshold("targets falsely called unreachable", "n_false_unreachable", "all", "<=", 0),
    Threshold("unreachable targets that were missed", "n_missed_unreachable", "all", "<=", 0),
    Threshold("reachable targets with all their distinct designs", "share_right", "all", ">=", 1.0),
)


def posed(name: str) -> Problem:
    """Return a problem by its name in `TARGETS`."""
    if name == "cantilever":
        return problem_of(Cantilever())
    if name == "saddle":
        return problem_of(Saddle())
    if name in (*library_truth.TARGETS, "nanotexture-friction"):
        return load_problem(name)
    problem = load_problem("nanotexture-friction")
    model: Any = copy.deepcopy(problem.forward)
    model.contact_modulus, model.nominal_pressure, model.work_of_adhesion = 0.7e9, 4e6, 0.0
    limits = tuple(replace(one, forward=model.with_properties((one.on,))) for one in problem.constraints)
    return replace(problem, forward=model, constraints=limits, name=name)


@dataclass(frozen=True)
class Truth:
    """What brute force says: whether a target is reachable (None: not judged), how many designs differ."""

    is_reachable: bool | None
    n_distinct: int


def brute_force(aim: Aim, n: int) -> Truth:
    """Evaluate the grid over the bounds and count its hits that are apart, up to `n`."""
    box = box_of(aim.model)
    n_side = N_GRID[len(aim.model.variables)]
    line = torch.linspace(0, 1, n_side, dtype=torch.float64)
    unit = torch.cartesian_prod(*[line] * len(aim.model.variables))
    distance = torch.cat(
        [aim.distance(evaluate(aim.problem, box.from_unit(part))) for part in torch.split(unit, 200_000)]
    )
    hits = distance == 0
    if not bool(hits.any()):
        return Truth(False if float(distance.min()) > 3 else None, 0)
    if sum(wish.value is not None for wish in aim.wishes) >= len(aim.model.variables):
        from scipy.ndimage import label

        grid = hits.reshape([n_side] * len(aim.model.variables)).numpy()
        dense = torch.ones([3] * grid.ndim).numpy()
        return Truth(True, min(n, int(label(grid, dense)[1])))
    where = unit[hits]
    centred = box.to_unit(aim.centred(box.from_unit(where[farthest_points(where, 4 * n)])))
    spread = centred[farthest_points(centred, n)]
    return Truth(True, count_distinct(spread, PropertySearch().apart))


def run(settings: Settings) -> list[Row]:
    """Ask for every target (quick: every third) and compare what is said with brute force."""
    rows: list[Row] = []
    for name, targets in TARGETS.items():
        problem = posed(name)
        settings.report(f"{name}: {len(targets)} targets")
        some = targets[:: 3 if settings.quick else 1]
        n = library_truth.N_DESIGNS.get(name, N_DESIGNS)
        truth = _truth(name, problem, n, quick=settings.quick)
        rows += [_row(problem, target, truth, n, seed=settings.seed) for target in some]
    judged = [row for row in rows if row["is_reachable"] is not None]
    reachable = [row for row in judged if row["is_reachable"]]
    rows.append(
        {
            "row": "all",
            "n_false_unreachable": sum(row["is_said_unreachable"] for row in reachable),
            "n_missed_unreachable": sum(
                not row["is_said_unreachable"] for row in judged if not row["is_reachable"]
            ),
            "share_right": sum(row["is_right"] for row in reachable) / len(reachable),
        }
    )
    return rows


def _truth(name: str, problem: Problem, n: int, *, quick: bool) -> Callable[[Aim], Truth]:
    """Return what says the truth of a problem's targets."""
    if name not in library_truth.TARGETS:
        return partial(brute_force, n=n)
    n_random = library_truth.N_RANDOM[name] // (20 if quick else 1)
    designs = library_truth.random_designs(problem, n_random)

    def known(aim: Aim) -> Truth:
        is_reachable = library_truth.is_reachable(aim, designs)
        return Truth(is_reachable, n if is_reachable else 0)

    return known


def _row(problem: Problem, target: Target, truth_of: Callable[[Aim], Truth], n: int, *, seed: int) -> Row:
    aim = take_aim(problem, target, tolerance=PropertySearch().tolerance)
    truth = truth_of(aim)
    search = PropertySearch(verifies=False)
    with one_thread(), cpu_seconds() as seconds:
        try:
            found = search(problem, target, n, seed=seed)
            n_distinct, n_good, said = int(str(found.facts["n_distinct"])), found.n_good, found.reason
        except InputError as error:
            n_distinct, n_good, said = 0, 0, str(error)
    return {
        "row": f"{problem.name}: {', '.join(str(wish) for wish in aim.wishes)}",
        "is_reachable": truth.is_reachable,
        "true_distinct": truth.n_distinct,
        "is_said_unreachable": bool(said),
        "n_good": n_good,
        "n_distinct": n_distinct,
        "is_right": not said and n_distinct == truth.n_distinct,
        "said": said,
        "cpu_seconds": seconds(),
    }


def table(rows: list[Row]) -> str:
    """Write a line for each target as Markdown."""
    words = {True: "yes", False: "no", None: "not judged"}
    lines = [
        [
            row["row"],
            words[row["is_reachable"]],
            f"{row['true_distinct']}",
            "unreachable" if row["is_said_unreachable"] else f"{row['n_good']} hits",
            f"{row['n_distinct']}",
            f"{row['cpu_seconds']:.2f}",
        ]
        for row in rows
        if row["row"] != "all"
    ]
    header = ["target", "reachable", "distinct by brute force", "said", "distinct", "CPU s"]
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the distinct designs against those of brute force."""
    axes = figure.subplots()
    judged = [row for row in rows if row.get("is_reachable")]
    axes.plot([0, N_DESIGNS], [0, N_DESIGNS], color="0.7", linewidth=1)
    axes.scatter([row["true_distinct"] for row in judged], [row["n_distinct"] for row in judged], s=20)
    axes.set(xlabel="distinct designs by brute force, 20 at most", ylabel="distinct designs found")


BENCH = Bench(
    title="What a design says of 75 targets, against brute force",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=THRESHOLDS,
)
