"""Whether the out-of-distribution flag is right: digits, and images that a prior of digits has never seen.

100 random projections of each image, ``y = A x + N(0, 0.1^2)``, as in `sciadv.bench.compressed_sensing`. The
digits are test digits; the same ones rotated by 90 degrees and inverted, and Fashion-MNIST's test images,
should raise the flag of `sciadv.solvers.diagnose`, the digits themselves should not. Matrices are pooled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciadv.bench.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from sciadv.bench.digits_uncertainty import make_problem
from sciadv.bench.held_out import FIRST_IMAGE
from sciadv.datasets import load_images
from sciadv.diagnosis import ALARM
from sciadv.prior import Prior
from sciadv.solvers.conformal import distribution_p_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

M = 100


@dataclass(frozen=True)
class Plan:
    """Priors, matrices, and images per matrix: digits as they are, rotated; inverted; foreign."""

    priors: tuple[str, ...] = ("mnist-vae", "mnist")
    n_seeds: int = 3
    n_digits: int = 300
    n_others: int = 100


FULL = Plan()
QUICK = Plan(("mnist-vae",), 1, 40, 20)


def images_of(kind: str, first: int, n: int) -> Tensor:
    """Return `n` images ``(n, 1, 28, 28)`` in [0, 1] of a kind, from the test image number `first` on."""
    source = "fashion-mnist" if kind == "foreign" else "mnist"
    x = load_images(source, "test").grey(slice(first, first + n))
    if kind == "rotated":
        return torch.rot90(x, 1, (2, 3))
    return 1 - x if kind == "inverted" else x


def flagged(prior: Prior, kinds: dict[str, Tensor], *, seed: int) -> dict[str, Tensor]:
    """Return the p-values of each kind of images, measured through one matrix."""
    problem = make_problem(prior, torch.cat(list(kinds.values())), m=M, seed=seed)
    p_value = distribution_p_value(problem)
    assert p_value is not None  # both priors have statistics
    return dict(zip(kinds, torch.split(p_value, [len(x) for x in kinds.values()]), strict=True))


def measure(name: str, plan: Plan, seed: int) -> list[Row]:
    """Count the flags of one prior, pooled over the matrices."""
    prior, found = Prior.load(name), dict[str, list[Tensor]]()
    with one_thread(), cpu_seconds() as seconds:
        for matrix in range(seed, seed + plan.n_seeds):
            first = FIRST_IMAGE + matrix % 10 * plan.n_digits
            size = {"digits": plan.n_digits, "rotated": plan.n_digits}
            size |= {"inverted": plan.n_others, "foreign": plan.n_others}
            kinds = {kind: images_of(kind, first, n) for kind, n in size.items()}
            for kind, p_value in flagged(prior, kinds, seed=matrix).items():
                found.setdefault(kind, []).append(p_value)
    n_images = sum(len(p) for parts in found.values() for p in parts)
    return [
        {
            "row": f"{name}, {kind}",
            "n_images": len(torch.cat(parts)),
            "flagged": float((torch.cat(parts) < ALARM).double().mean()),
            "flagged_matrix_by_matrix": [float((p < ALARM).double().mean()) for p in parts],
            "cpu_seconds_per_image": seconds() / n_images,
        }
        for kind, parts in found.items()
    ]


def run(settings: Settings) -> list[Row]:
    """Measure every prior."""
    plan, rows = QUICK if settings.quick else FULL, list[Row]()
    for name in plan.priors:
        settings.report(f"{name}: {plan.n_seeds} matrices, {plan.n_digits} digits each")
        rows += measure(name, plan, settings.seed)
    return rows


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [
        [
            row["row"],
            row["n_images"],
            f"{100 * row['flagged']:.1f} %",
            ", ".join(f"{100 * share:.1f}" for share in row["flagged_matrix_by_matrix"]),
            f"{1000 * row['cpu_seconds_per_image']:.0f}",
        ]
        for row in rows
    ]
    return markdown_table(["images", "n", "flagged", "matrix by matrix", "CPU ms per image"], lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the share flagged of every kind, the bars' bounds as lines."""
    axes = figure.subplots()
    axes.barh([row["row"] for row in rows], [100 * row["flagged"] for row in rows], color="0.6")
    for bound in (5, 95):
        axes.axvline(bound, color="C3", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("flagged as out of distribution [%]")


BENCH = Bench(
    title="Images that a prior of digits has never seen, told from 100 random projections",
    problem="digits-uncertainty",
    run=run,
    draw=draw,
    table=table,
)
