"""The picture of a scan's problem: test slices by each method, and how sure `learned-tv` is of them."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmarks.reconstruct.image_table import Method, reconstruct
from benchmarks.scans.scans import N_DRAWS, Scan, lmmse, scan_slices
from sciadv.metrics import psnr
from sciadv.prior import Prior
from sciadv.solvers import TV, LearnedTV

#: Grey value that is white in the maps of errors and deviations.
_HIGH = 0.2


def show_slices(scan: Scan, case: str, *, tv_weight: float, n: int = 3) -> Figure:
    """Draw slices of a case, a row each: truth, methods with their PSNR, error of ours, spread of its draws.

    Parameters
    ----------
    scan
        The problem.
    case
        One of its cases.
    tv_weight
        Weight of `tv`, as its bench has chosen it.
    n
        Slices of the test split, evenly spread.
    """
    prior, test = Prior.load(scan.prior), scan_slices(scan, "test", n + 2)[1:-1]
    methods: dict[str, Method] = {scan.direct[0]: scan.direct[1], "tv": TV(tv_weight), "lmmse": lmmse}
    figure = Figure(figsize=(1.6 * (len(methods) + 4), 1.7 * n), layout="constrained")
    for i, panels in enumerate(figure.subplots(n, len(methods) + 4, squeeze=False)):
        x = test[i : i + 1]
        problem = scan.pose(prior, x, scan.cases[case], i)
        ours = LearnedTV(n_samples=N_DRAWS).solve(problem)
        assert ours.posterior is not None
        images = {name: reconstruct(method, problem) for name, method in methods.items()} | {"auto": ours.x}
        shown = {"truth": x} | {f"{name}, {float(psnr(y, x)[0]):.1f} dB": y for name, y in images.items()}
        maps = {"error of auto": (ours.x - x).abs(), "deviation of draws": ours.posterior.samples.std(1)}
        for axes, (title, image) in zip(panels, (shown | maps).items(), strict=True):
            high, colours = (_HIGH, "magma") if title in maps else (1.0, "gray")
            axes.imshow(image[0, 0], cmap=colours, vmin=0, vmax=high)
            axes.set_title(title, fontsize=8)
            axes.set_axis_off()
    return figure
