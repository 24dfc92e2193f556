"""Whether the out-of-distribution flag is right: images of a prior's kind, and images it has never seen.

Digits: 100 random projections of each image, ``y = A x + N(0, 0.1^2)``, as
`benchmarks.reconstruct.compressed_sensing`
has them. The digits are test digits; the same ones rotated by 90 degrees and inverted, and Fashion-MNIST's
test images, should raise the flag of `sciadv.solvers.diagnose`, the digits themselves should not. Matrices
are pooled.

Beside them, without bars: head CT and breast MR slices as `benchmarks.scans.scans` measures them, whose
patients the priors have not seen, and crops of channels under the nonlinear operator of `gpr-crosshole`.
Foreign to one kind of scan is the other, to channels Fashion-MNIST as facies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.held_out import FIRST_IMAGE
from benchmarks.reconstruct.digits_uncertainty import make_problem
from benchmarks.scans.gpr_crosshole import FIRST_CROP, PROBLEM, measured
from benchmarks.scans.scans import CT, MR, Scan, scan_slices
from sciadv.catalogue import load_problem
from sciadv.data.datasets import load_images
from sciadv.diagnosis import DiagnosisSettings
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.diagnosis.conformal import compare_with_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

M = 100
#: Scans by their case, each a prior's own problem.
SCANS: dict[str, tuple[Scan, Scan]] = {"8x": (MR, CT), "16 views": (CT, MR)}


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    priors, n_seeds
        Priors of digits, and matrices.
    n_digits, n_others
        Images per matrix: digits as they are and rotated; inverted and foreign.
    n_scans
        Slices of each kind, by the scan's case.
    n_crops
        Crops of channels of each kind.
    """

    priors: tuple[str, ...] = ("mnist-vae", "mnist")
    n_seeds: int = 3
    n_digits: int = 300
    n_others: int = 100
    n_scans: tuple[tuple[str, int], ...] = (("8x", 102), ("16 views", 34))
    n_crops: int = 100


FULL = Plan()
QUICK = Plan(("mnist-vae",), 1, 40, 20, (("8x", 8),), 0)


def images_of(kind: str, first: int, n: int) -> Tensor:
    """Return `n` images ``(n, 1, 28, 28)`` in [0, 1] of a kind, from the test image number `first` on."""
    source = "fashion-mnist" if kind == "foreign" else "mnist"
    x = load_images(source, "test").grey(slice(first, first + n))
    if kind == "rotated":
        return torch.rot90(x, 1, (2, 3))
    return 1 - x if kind == "inverted" else x


def _p_value(problem: Problem) -> Tensor:
    compared = compare_with_images(problem)
    assert compared is not None  # the priors have statistics
    return compared.p_value


def _p_values(kinds: dict[str, Tensor], pose: Callable[[Tensor], Problem]) -> dict[str, Tensor]:
    """Return the p-values of each kind of images, measured together."""
    p_value = _p_value(pose(torch.cat(list(kinds.values()))))
    return dict(zip(kinds, torch.split(p_value, [len(x) for x in kinds.values()]), strict=True))


def digits(name: str, plan: Plan, seed: int) -> list[dict[str, Tensor]]:
    """Return the p-values under a prior of digits, matrix by matrix."""
    prior, found = Prior.load(name), []
    for matrix in range(seed, seed + plan.n_seeds):
        first = FIRST_IMAGE + matrix % 10 * plan.n_digits
        size = {"digits": plan.n_digits, "rotated": plan.n_digits}
        size |= {"inverted": plan.n_others, "foreign": plan.n_others}
        kinds = {kind: images_of(kind, first, n) for kind, n in size.items()}
        found.append(_p_values(kinds, partial(make_problem, prior, m=M, seed=matrix)))
    return found


def scans(case: str, n: int, seed: int) -> list[dict[str, Tensor]]:
    """Return the p-values of test slices, where each has its own noise one by one."""
    scan, other = SCANS[case]
    own, prior = scan_slices(scan, "test", n), Prior.load(scan.prior)
    foreign = scan_slices(other, "test", n)
    kinds = {"slices": own, "rotated": torch.rot90(own, 1, (2, 3)), "inverted": 1 - own, "foreign": foreign}

    def pose(x: Tensor) -> Problem:
        return scan.pose(prior, x, scan.cases[case], seed)

    if not scan.is_single:
        return [_p_values(kinds, pose)]
    return [{kind: torch.cat([_p_value(pose(one[None])) for one in x]) for kind, x in kinds.items()}]


def channels(n: int, seed: int) -> list[dict[str, Tensor]]:
    """Return the p-values of held-out crops through the crosshole travel times."""
    case = load_problem(PROBLEM)
    own = load_images("channels", "test").grey(slice(FIRST_CROP, FIRST_CROP + n))
    foreign = functional.interpolate(images_of("foreign", 0, n), own.shape[2:], mode="bilinear")
    kinds = {"crops": own, "inverted": 1 - own, "foreign": foreign}
    draw = torch.Generator().manual_seed(seed)
    return [_p_values(kinds, lambda x: measured(case, x.to(case.prior.dtype), draw))]


def measure(name: str, p_values: Callable[[], list[dict[str, Tensor]]]) -> list[Row]:
    """Count the flags of one prior, pooled over the matrices."""
    with one_thread(), cpu_seconds() as seconds:
        parts = p_values()
    n_images = sum(len(p) for part in parts for p in part.values())
    rows: list[Row] = []
    for kind in parts[0]:
        flags = [part[kind] < DiagnosisSettings().distribution_threshold for part in parts]
        rows.append(
            {
                "row": f"{name}, {kind}",
                "n_images": sum(map(len, flags)),
                "flagged": float(torch.cat(flags).double().mean()),
                "flagged_matrix_by_matrix": [float(flag.double().mean()) for flag in flags],
                "cpu_seconds_per_image": seconds() / n_images,
            }
        )
    return rows


def run(settings: Settings) -> list[Row]:
    """Measure every prior."""
    plan, seed, rows = QUICK if settings.quick else FULL, settings.seed, list[Row]()
    for name in plan.priors:
        settings.report(f"{name}: {plan.n_seeds} matrices, {plan.n_digits} digits each")
        rows += measure(name, partial(digits, name, plan, seed))
    for case, n in plan.n_scans:
        prior = SCANS[case][0].prior
        settings.report(f"{prior}: {n} slices of each kind")
        rows += measure(f"{prior}, {case}", partial(scans, case, n, seed))
    if plan.n_crops:
        settings.report(f"channels: {plan.n_crops} crops of each kind")
        rows += measure("channels", partial(channels, plan.n_crops, seed))
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
    title="Images that a prior has never seen, told from their measurements",
    problem="digits-uncertainty",
    run=run,
    draw=draw,
    table=table,
)
